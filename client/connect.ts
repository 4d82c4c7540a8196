/** A client with a connection of its own, for programs that have none. Credentials are given as texts, not as paths. */
import { connect as connectNats, credsAuthenticator, nkeyAuthenticator, type ConnectionOptions } from 'nats';
import { createClient, type Client, type ClientOptions } from './create.ts';

export interface ConnectOptions extends ClientOptions {
  /** Of nats-server, one or several. */
  readonly servers: string | readonly string[];
  readonly name?: string;
  /** The seed of an nkey, or the contents of a creds file. */
  readonly nkeySeed?: string;
  readonly creds?: string;
  readonly user?: string;
  readonly pass?: string;
  readonly token?: string;
  /** Where the login may listen for answers: `_INBOX_door` for a door of our own server. */
  readonly inboxPrefix?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

export interface ConnectedClient extends Client {
  /** Waits for the requests under way. */
  close(): Promise<void>;
}

/** Rejects as the library does if no server can be reached; after that it reconnects for ever. */
export async function connect(options: ConnectOptions): Promise<ConnectedClient> {
  const { servers, nkeySeed, creds, name = 'nightshift-client', ...rest } = options;
  const { model, namespace, deadlineMs, ...nats } = rest;
  const bytes = (text: string) => new TextEncoder().encode(text);
  const authenticator =
    nkeySeed !== undefined
      ? nkeyAuthenticator(bytes(nkeySeed))
      : creds !== undefined && credsAuthenticator(bytes(creds));
  const settings: ConnectionOptions = {
    ...nats,
    servers: typeof servers === 'string' ? servers.split(',') : [...servers],
    name,
    ...(authenticator ? { authenticator } : {}),
    maxReconnectAttempts: -1,
    noAsyncTraces: true,
  };
  const nc = await connectNats(settings);
  try {
    return { ...createClient(nc, { model, namespace, deadlineMs }), close: () => nc.drain() };
  } catch (error) {
    await nc.close();
    throw error;
  }
}
