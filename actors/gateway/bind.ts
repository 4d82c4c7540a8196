/**
 * Puts the gateway on its port. A port that another program has is no reason to end: it is told once, and tried again
 * until it is free, while nobody else is concerned.
 */
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../../infra/config/gateway.ts';
import type { Logger } from '../../runtime/logger.ts';

const AGAIN_MS = 10_000;
/** Somebody has it, it is for root alone, or the address is not (yet) one of this machine. */
const PASSING: readonly string[] = ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL'];

export interface Bound {
  /** `http://127.0.0.1:7480`; null until the port was free. */
  address(): string | null;
  /** Gives up waiting for the port. */
  stop(): void;
}

/** Resolves when it listens, or when the port was found taken. Throws what else keeps a server from listening. */
export async function bind(app: FastifyInstance, config: GatewayConfig, log: Logger): Promise<Bound> {
  const stopped = new AbortController();
  let isBound = await listens(app, config, log);
  const again = async () => {
    while (!isBound) {
      await delay(AGAIN_MS, undefined, { signal: stopped.signal, ref: false });
      isBound = await listens(app, config, null);
    }
    log.info({ address: addressOf(app, config) }, 'gateway: the port is free now; it listens');
  };
  if (isBound) log.info({ address: addressOf(app, config) }, 'gateway: listens');
  else again().catch((err: unknown) => stopped.signal.aborted || log.error({ err }, 'gateway: cannot listen'));
  return { address: () => (isBound ? addressOf(app, config) : null), stop: () => stopped.abort() };
}

/** `log`: null if the reason was told already. */
async function listens(app: FastifyInstance, { host, port }: GatewayConfig, log: Logger | null): Promise<boolean> {
  try {
    await app.ready();
    await new Promise<void>((resolve, reject) => {
      app.server.once('error', reject);
      // Past fastify's own, which can be called once.
      app.server.listen({ host, port }, () => {
        app.server.off('error', reject);
        resolve();
      });
    });
    return true;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException; // A server fails to listen with no other.
    if (!PASSING.includes(code)) throw error;
    log?.warn(
      { host, port, code },
      `gateway: ${host}:${port} cannot be taken (${code}), so there is no HTTP until it can; everything else works. ` +
        'Choose another gateway.port, or set gateway.enabled to false',
    );
    return false;
  }
}

function addressOf({ server }: FastifyInstance, { tls }: GatewayConfig): string {
  const { address, port, family } = server.address() as AddressInfo; // It listens on a port.
  return `${tls ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
