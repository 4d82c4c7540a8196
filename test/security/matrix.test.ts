/**
 * The attacks of the threat model and the daily work, each tried by each identity at the server that `npm start` brings:
 * infra/access/attempts.ts says who may, and nobody else can.
 */
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROLES } from '../../contracts/roles.ts';
import { ATTEMPTS } from '../../infra/access/attempts.ts';
import { checkAccess, type Checked } from '../../infra/access/check.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from '../support/folder.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

/** What was tried at a whole system. */
function checked(insecure: boolean): Promise<readonly Checked[]> {
  return withFolder(async (home) => {
    const sources = [{ type: 'directory', name: 'faces', path: join(home, 'faces') }];
    const nats = { storeDir: join(home, 'store'), port: 0, insecure };
    const config = ConfigSchema.parse({ nats, models: { [MODEL]: { sources } } });
    const system = await startSystem(config, testLogger());
    try {
      return await checkAccess(config.nats, system.server.url, testLogger());
    } finally {
      await system.stop();
    }
  });
}

const isWrong = ({ expected, found }: Checked) => expected !== found;

test('matrix: each identity can do what it should and nothing else, and nobody is anonymous', async () => {
  const results = await checked(false);
  assert.is(results.length, 1 + ROLES.length * ATTEMPTS.length);
  assert.equal(results.filter(isWrong), []);
});

test('matrix: a server that asks nobody who it is fails every line of it', async () => {
  const results = await checked(true);
  assert.is(results.find(({ role }) => role === 'anonymous')?.found, 'allowed');
  assert.equal(
    results.filter((it) => !isWrong(it) && it.expected === 'refused'),
    [],
  );
});

test('matrix: no attempt that destroys is for anybody', () => {
  const destroying = ATTEMPTS.filter(({ attempt }) => /^(delete|purge|restore|take a snapshot)/.test(attempt));
  assert.ok(destroying.length >= 6);
  assert.equal(
    destroying.filter(({ allowed }) => allowed.length > 0),
    [],
  );
});

test.run();
