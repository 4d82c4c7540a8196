/** A whole system with a gateway on a port of its own, and requests to it with the token of a role. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startGateway, type Gateway } from '../../actors/gateway/gateway.ts';
import type { ClientRole } from '../../contracts/roles.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import { tokenFileOf } from '../../infra/access/keys.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from './folder.ts';
import { connectAs, type Started } from './identities.ts';
import { testLogger } from './server.ts';
import { tinyNightIn } from './tiny-night.ts';
import { MODEL } from './replicas.ts';

export interface FetchOptions {
  readonly as?: ClientRole;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Served extends Started {
  readonly base: string;
  readonly folder: string;
  readonly gateway: Gateway;
  /** `as`: with the token of that role; absent: without a login. */
  fetch(path: string, options?: Omit<RequestInit, 'headers'> & FetchOptions): Promise<Response>;
  tokenOf(role: ClientRole): string;
}

/** `settings`: of the section gateway. All is stopped in any case. */
export const withGateway = (use: (served: Served) => Promise<void>, settings: object = {}): Promise<void> =>
  withFolder(async (folder) => {
    const storeDir = join(folder, 'store');
    const models = { [MODEL]: await tinyNightIn(folder) };
    const config = ConfigSchema.parse({ nats: { port: 0, storeDir }, models, gateway: { port: 0, ...settings } });
    const system = await startSystem(config, testLogger());
    try {
      await withGatewayOf({ url: system.server.url, storeDir, folder }, config, use);
    } finally {
      await system.stop();
    }
  });

/** Beside a system that runs already. */
export async function withGatewayOf(
  started: Started & { readonly folder: string },
  { gateway: config, nats }: ReturnType<typeof ConfigSchema.parse>,
  use: (served: Served) => Promise<void>,
): Promise<void> {
  const { url, storeDir } = started;
  const client = await connectAs('gateway', started);
  const login = loginOf(nats, 'gateway', url);
  const gateway = await startGateway({ nc: client.nc, url, bus: client.bus, config, nats, login, log: testLogger() });
  try {
    const base = gateway.address()!;
    const tokenOf = (role: ClientRole) => readFileSync(tokenFileOf(storeDir, role), 'utf8').trim();
    await use({
      ...{ ...started, gateway, base, tokenOf },
      fetch: (path, { as, headers, ...options } = {}) =>
        fetch(`${base}${path}`, {
          ...options,
          headers: { ...headers, ...(as ? { authorization: `Bearer ${tokenOf(as)}` } : {}) },
        }),
    });
  } finally {
    await gateway.stop();
    await client.close();
  }
}
