/**
 * Connections to a system that was started with identities: each role by its key in the system's store, as a command in
 * the same folder finds it. Connections of the test's own to a server of `withServer` need none of this.
 */
import { connectClient, type Client } from '../../cli/client.ts';
import type { Role } from '../../contracts/roles.ts';
import { loginOf } from '../../infra/access/login-of.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { testLogger } from './server.ts';

export interface Started {
  readonly url: string;
  readonly storeDir: string;
}

/** The caller closes it. */
export function connectAs(role: Role, { url, storeDir }: Started): Promise<Client> {
  const { nats } = ConfigSchema.parse({ nats: { storeDir } });
  return connectClient(url, testLogger(), loginOf(nats, role, url), role);
}

/** The clients are closed in any case. */
export async function withRoles<R extends Role, T>(
  started: Started,
  roles: readonly R[],
  use: (clients: Readonly<Record<R, Client>>) => Promise<T>,
): Promise<T> {
  const clients = await Promise.all(roles.map((role) => connectAs(role, started)));
  try {
    // One for each role, which fromEntries loses.
    return await use(Object.fromEntries(roles.map((role, index) => [role, clients[index]!])) as Record<R, Client>);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** An operator who also stands at the door: `nc` asks who somebody is, the rest commands, asks and listens. */
export async function connectVisitor(started: Started): Promise<Client> {
  const [operator, door] = await Promise.all([connectAs('operator', started), connectAs('door', started)]);
  return { ...operator, nc: door.nc, close: async () => void (await Promise.all([operator.close(), door.close()])) };
}
