/** Attack 3: one message makes a stranger an employee. Now only the enroller's message does. */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../infra/config/config.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { startSystem } from '../../main.ts';
import { deployTinyChampion } from '../support/champion.ts';
import { failureOf } from '../support/failures.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles } from '../support/identities.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

test('attack 3: a stranger is enrolled by the enroller alone', () =>
  withFolder(async (home) => {
    const [storeDir, log] = [join(home, 'store'), testLogger()];
    const sources = [{ type: 'directory', name: 'faces', path: join(home, 'faces') }];
    const config = ConfigSchema.parse({ nats: { storeDir, port: 0 }, models: { [MODEL]: { sources } } });
    const system = await startSystem(config, log);
    const { url } = system.server;
    try {
      await withRoles({ url, storeDir }, ['orchestrator', 'verifier'], ({ orchestrator, verifier }) =>
        deployTinyChampion(orchestrator.nc, { verifier: verifier.nc, store: storeDir }),
      );
      const face = await faceOf(0);
      const refused = ['door', 'operator', 'viewer', 'orchestrator', 'trainer', 'verifier', 'collector'] as const;
      await withRoles({ url, storeDir }, [...refused, 'enroller'], async (as) => {
        for (const role of refused) {
          for (const verb of ['enroll', 'remove'] as const) {
            const error = await ask(as[role].nc, verb, face, { person: 'p1' }).then(
              () => 'answered',
              (reason: Error) => reason.message,
            );
            assert.match(error, /Permissions Violation for Publish/, `${role} ${verb}`);
          }
        }
        assert.is((await ask(as.enroller.nc, 'enroll', face, { person: 'p1' })).status, 200);
      });
      const anonymous = connectNats({ url, name: 'test', log, isHasty: true });
      assert.is((await failureOf(anonymous)).code, 'LOGIN_REFUSED');
    } finally {
      await system.stop();
    }
  }));

test.run();
