/**
 * The connections over which the gateway acts: one for each login, opened when it is first used, with the rights of that
 * login and no others. Questions of those who have none go over the gateway's own.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { createClient, type Client } from '../../client/client.ts';
import { inboxPrefixOf } from '../../contracts/roles.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import type { Login, NatsConfig } from '../../infra/config/nats.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { wireInbox } from '../../infra/topology/namespace.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { Caller } from './callers.ts';

export interface ConnectionsOptions {
  readonly nc: NatsConnection;
  readonly url: string;
  readonly nats: NatsConfig;
  readonly log: Logger;
}

/** Each keeps figures of its replicas; a name that is no model costs as much. */
const CLIENTS_MAX = 64;

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #opened = new Map<string, Promise<NatsConnection>>();
  readonly #clients = new Map<string, Promise<Client>>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /** Throws as connectNats does. */
  of(caller: Caller): Promise<NatsConnection> {
    if (caller.role === 'viewer' && caller.login === null) return Promise.resolve(this.#options.nc);
    const opened = this.#opened.get(keyOf(caller)) ?? this.#open(caller);
    this.#opened.set(keyOf(caller), opened);
    return opened;
  }

  /** For the replicas of a model. */
  clientOf(caller: Caller, model: string): Promise<Client> {
    const key = `${keyOf(caller)} ${model}`;
    const known = this.#clients.get(key);
    if (known) return known;
    const { namespace } = this.#options.nats;
    const made = this.of(caller).then((nc) => createClient(nc, { model, namespace }));
    if (this.#clients.size >= CLIENTS_MAX) this.#clients.delete(this.#clients.keys().next().value!);
    this.#clients.set(key, made);
    made.catch(() => this.#clients.delete(key));
    return made;
  }

  async close(): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    const open = opened.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
    await Promise.all(open.map((nc) => nc.close()));
  }

  async #open(caller: Caller): Promise<NatsConnection> {
    const { url, log } = this.#options;
    const forget = () => {
      this.#opened.delete(keyOf(caller));
      for (const key of this.#clients.keys()) if (key.startsWith(`${keyOf(caller)} `)) this.#clients.delete(key);
    };
    try {
      const login = loginFor(this.#options, caller);
      const name = `nightshift-gateway-${caller.name}`;
      const nc = await connectNats({ url, login, name, role: caller.role, log, isHasty: true });
      // It rejects never.
      void nc.closed().then(forget);
      return nc;
    } catch (error) {
      forget();
      throw error;
    }
  }
}

/** A login of the file may be called as a role of our own store is, and is somebody else. */
const keyOf = ({ name, login }: Caller) => `${login === null ? 'role' : 'login'} ${name}`;

/** The login of its own that the file gives it, else that of its role. */
function loginFor({ nats, url }: ConnectionsOptions, { role, login }: Caller): Login {
  const { creds, nkey, who } = login ?? {};
  if (creds === undefined && nkey === undefined) return loginOf(nats, role, url);
  const { tls, domain, namespace } = nats;
  const prefix = who === undefined ? inboxPrefixOf(role) : `_INBOX_${who}`;
  return {
    ...{ namespace, inboxPrefix: wireInbox(namespace, prefix) },
    ...(tls ? { tls } : {}),
    ...(domain === undefined ? {} : { domain }),
    ...(creds === undefined ? {} : { creds }),
    ...(nkey === undefined ? {} : { nkey }),
  };
}
