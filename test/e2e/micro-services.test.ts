/** Every actor is a NATS micro service with ping, info and stats, for an operator and a viewer, as `nats micro` asks. */
import { join } from 'node:path';
import type { NatsConnection } from '@nats-io/nats-core';
import { Svcm, type ServiceIdentity } from '@nats-io/services';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTORS } from '../../contracts/roles.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { testLogger } from '../support/server.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { MODEL } from '../support/replicas.ts';

const all = async <T>(answers: Promise<AsyncIterable<T>>): Promise<T[]> => {
  const found: T[] = [];
  for await (const answer of await answers) found.push(answer);
  return found;
};
const clientOf = (nc: NatsConnection) => new Svcm(nc).client({ maxWait: 2_000, strategy: 'stall' });
const namesOf = (found: readonly ServiceIdentity[]) => found.map(({ name }) => name).sort();

test('services: every actor answers ping, info and stats', () =>
  withFolder(async (folder) => {
    const storeDir = join(folder, 'store');
    const models = { [MODEL]: await tinyNightIn(folder) };
    const config = ConfigSchema.parse({ nats: { port: 0, storeDir }, gateway: { port: 0 }, models });
    const expected = ACTORS.map((actor) => (actor === 'orchestrator' ? 'nightshift' : `nightshift_${actor}`)).sort();
    const system = await startSystem(config, testLogger(), ACTORS);
    try {
      await withRoles({ url: system.server.url, storeDir }, ['operator', 'viewer'], async (as) => {
        for (const { nc } of [as.operator, as.viewer]) {
          const pinged = await all(clientOf(nc).ping());
          assert.equal(namesOf(pinged), expected);
          for (const { name, id, version } of pinged) {
            assert.match(version, /^\d+\.\d+\.\d+$/);
            const [info] = await all(clientOf(nc).info(name, id));
            assert.ok(info!.description.length > 10, name);
            const [stats] = await all(clientOf(nc).stats(name));
            assert.equal([stats!.id, Number.isNaN(Date.parse(stats!.started))], [id, false]);
          }
        }
      });
    } finally {
      await system.stop();
    }
  }));

test.run();
