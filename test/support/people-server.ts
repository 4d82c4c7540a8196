/**
 * A nats-server that demands a login, with people whose permissions fix their names: an administrator who may do
 * everything and in whose name the system runs, and others who may only command, enrol or approve as themselves.
 */
import { join } from 'node:path';
import { mkdirSync } from 'node:fs';
import type { NatsConnection } from 'nats';
import { connectNats } from '../../infra/messaging/connection.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import { withFolder } from './folder.ts';
import { jetStreamIn, withOwnServer } from './own-server.ts';
import { testLogger, type TestServer } from './server.ts';

/** Each password is the name. */
export const ADMIN = 'admin';
export const PEOPLE = ['alice', 'bob'] as const;
export type PersonName = (typeof PEOPLE)[number] | typeof ROLE;
/** Somebody with the rights of a role and without a name of his own. */
export const ROLE = 'somebody';

const allowed = (user: string, publish: readonly string[]) =>
  `{ user: ${user}, password: ${user}, permissions: { publish: ${JSON.stringify(publish)}, subscribe: [">"] } }`;

const SETTINGS = [
  'authorization { users: [',
  `{ user: ${ADMIN}, password: ${ADMIN} }`,
  ...PEOPLE.map((who) =>
    allowed(who, [`nightshift.ctl.*.*.${who}`, `nightshift.api.*.*.${who}`, `nightshift.infer.*.*.${who}`]),
  ),
  allowed(ROLE, ['nightshift.ctl.*.*', 'nightshift.infer.*.enroll', 'nightshift.infer.*.remove']),
  '] }',
].join('\n');

export interface PeopleServer extends Pick<TestServer, 'connect' | 'log'> {
  readonly url: string;
  /** As one of the people. Closed at the end, as are all others. */
  as(person: PersonName): Promise<NatsConnection>;
}

export function withPeopleServer<T>(use: (server: PeopleServer) => Promise<T>): Promise<T> {
  const log = testLogger();
  return withFolder((folder) => {
    mkdirSync(join(folder, 'jetstream'));
    return withOwnServer(folder, `${jetStreamIn(folder)}\n${SETTINGS}`, async ({ address }) => {
      const url = `nats://${address}`;
      const connections: NatsConnection[] = [];
      const login = async (user: string, name: string) => {
        const password = { env: `NIGHTSHIFT_TEST_${user.toUpperCase()}` };
        process.env[password.env] = user;
        const nc = await connectNats({ url, login: { user, password }, name, log });
        connections.push(nc);
        return nc;
      };
      try {
        await applyTopology(await login(ADMIN, 'topology'), { replicas: 1 });
        return await use({ url, log, connect: (name = 'test') => login(ADMIN, name), as: (who) => login(who, who) });
      } finally {
        await Promise.all(connections.map((nc) => nc.close()));
      }
    });
  });
}
