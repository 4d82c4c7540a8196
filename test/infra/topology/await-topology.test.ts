/** An actor on a server without streams: it makes none, says what is missing, and works as soon as it is there. */
import { join } from 'node:path';
import { pino } from 'pino';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { launchServer } from '../../../infra/server/server.ts';
import { applyTopology, planTopology } from '../../../infra/topology/topology.ts';
import { startActor } from '../../../main.ts';
import { withFolder } from '../../support/folder.ts';
import { withRoles } from '../../support/identities.ts';
import { testLogger } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

test('topology: an actor waits for `nightshift setup`, which alone makes streams', () =>
  withFolder(async (folder) => {
    const storeDir = join(folder, 'store');
    const lines: string[] = [];
    const told = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const config = ConfigSchema.parse({ nats: { storeDir } });
    const server = await launchServer({ storeDir, hasIdentities: true, log: testLogger() });
    const starting = startActor('trainer', server.url, config, told);
    try {
      const line = await until(() => lines.find((it) => it.includes('trainer waits')), 'a line that says so', 10_000);
      assert.match(
        line,
        /trainer waits: nats-server has no stream nightshift_COMMANDS, stream nightshift_EVENTS, .*OBJ_nightshift_DATASETS/,
      );
      assert.match(
        line,
        /consumer nightshift_train-start of nightshift_COMMANDS.*`nightshift setup` makes what is missing/,
      );
      await withRoles({ url: server.url, storeDir }, ['setup'], async ({ setup }) => {
        const missing = await planTopology(setup.nc, { replicas: 1 });
        assert.ok(missing.some(({ kind, what }) => kind === 'make' && what === 'stream nightshift_EVENTS'));
        assert.equal(await applyTopology(setup.nc, { replicas: 1 }), missing);
        assert.equal(await planTopology(setup.nc, { replicas: 1 }), []);
      });
    } finally {
      // An actor that still waits would keep this process: it gets its streams, whatever failed, and is stopped.
      try {
        await withRoles({ url: server.url, storeDir }, ['setup'], ({ setup }) =>
          applyTopology(setup.nc, { replicas: 1 }),
        );
        await (await starting).stop();
      } finally {
        await server.stop();
      }
    }
  }));

test.run();
