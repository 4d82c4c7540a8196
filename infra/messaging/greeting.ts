/**
 * Asks a server for its greeting, the line `INFO {...}` that it says before anybody has logged in. So it is known what the
 * server demands; and the NATS client, which never closes the socket of an attempt that ran out of time, is spared hosts
 * that stay silent. Called by connection.ts.
 */
import { createConnection, type Socket } from 'node:net';

/** Of nats-server's INFO, what a login depends on. */
export interface Greeting {
  readonly auth_required?: boolean;
  readonly tls_required?: boolean;
  readonly tls_available?: boolean;
  /** A client certificate is demanded. */
  readonly tls_verify?: boolean;
}

export type Heard =
  /** Nobody took the call, for the reason that is named. */
  | { readonly kind: 'unreachable'; readonly why: string }
  /** Somebody did, and said nothing or something else. */
  | { readonly kind: 'silent'; readonly address: string }
  /** Somebody did, and nothing was waited for. */
  | { readonly kind: 'reached'; readonly address: string }
  | { readonly kind: 'greeted'; readonly address: string; readonly greeting: Greeting };

/** A greeting has some hundred characters, and one for each server of its cluster. */
const GREETING_BYTES_MAX = 64 * 1024;
const DEFAULT_PORT = 4222;

export interface AskOptions {
  readonly timeoutMs: number;
  /** A server that expects TLS at once says nothing: that somebody takes the call is enough. */
  readonly isSilent: boolean;
}

/** Never rejects. `server`: as a connection takes it, such as `nats://127.0.0.1:4222`. */
export async function greetingOf(server: string, options: AskOptions): Promise<Heard> {
  const socket = createConnection(hostOf(server));
  try {
    return await heardFrom(socket, options);
  } finally {
    socket.destroy();
  }
}

/** Where it listens, for node:net. */
export function hostOf(server: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(server.includes('://') ? server : `nats://${server}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || DEFAULT_PORT) };
}

function heardFrom(socket: Socket, { timeoutMs, isSilent }: AskOptions): Promise<Heard> {
  return new Promise((resolve) => {
    let text = '';
    let address: string | null = null;
    const end = (why: string) => resolve(address === null ? { kind: 'unreachable', why } : { kind: 'silent', address });
    const timer = setTimeout(() => end('no answer in time'), timeoutMs);
    socket.once('close', () => clearTimeout(timer));
    socket.once('connect', () => {
      const { remoteAddress = '', remotePort = 0 } = socket;
      address = remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
      if (isSilent) resolve({ kind: 'reached', address });
    });
    socket.on('error', (error: NodeJS.ErrnoException) => end(reasonOf(error)));
    socket.once('end', () => end('closed'));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      const greeting = parseGreeting(text);
      // Data comes after the connection is made.
      if (greeting) resolve({ kind: 'greeted', address: address!, greeting });
      else if (text.length > GREETING_BYTES_MAX || !/^I?N?F?O?/.test(text)) end('no greeting');
    });
  });
}

/** Null as long as the line is not whole, and if it is no greeting. */
function parseGreeting(text: string): Greeting | null {
  const line = /^INFO (\{.*\})\s*\r\n/.exec(text)?.[1];
  if (line === undefined) return null;
  try {
    return JSON.parse(line) as Greeting; // Read for words in a message alone.
  } catch {
    return null;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host cannot be looked up now',
  EHOSTUNREACH: 'no way to the host',
  ENETUNREACH: 'no way to the network',
  ETIMEDOUT: 'no answer in time',
  ECONNRESET: 'connection reset',
};

export const isUnreachable = (code: string | undefined) => code !== undefined && code in REASONS;

/** Of several addresses Node reports all at once. */
function reasonOf(error: NodeJS.ErrnoException): string {
  const code = error.code ?? (error as { errors?: NodeJS.ErrnoException[] }).errors?.[0]?.code ?? '';
  return REASONS[code] ?? (code || error.message);
}
