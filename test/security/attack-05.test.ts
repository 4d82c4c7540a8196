/** Attack 5: every face with its name could be fetched by any client, and lay in clear on the disk. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BUCKETS, enrolmentSubject } from '../../contracts/subjects.ts';
import { clientOf } from '../../infra/messaging/jetstream.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from '../support/folder.ts';
import { connectAs, withRoles } from '../support/identities.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';

const FACE = Buffer.from('FACE-OF-ADA-LOVELACE '.repeat(500));

/** Stores a face as the collector and as a replica do, lets `use` look, and counts the files that have it in clear. */
function storedInClear(insecure: boolean, use: (url: string, storeDir: string) => Promise<void>): Promise<number> {
  return withFolder(async (home) => {
    const storeDir = join(home, 'store');
    const sources = [{ type: 'directory', name: 'faces', path: join(home, 'faces') }];
    const config = ConfigSchema.parse({ nats: { storeDir, port: 0, insecure }, models: { [MODEL]: { sources } } });
    const system = await startSystem(config, testLogger());
    const { url } = system.server;
    try {
      await withRoles({ url, storeDir }, ['collector', 'inference'], async ({ collector, inference }) => {
        await createBlobStore(collector.nc).put(BUCKETS.datasets, 'face', FACE);
        await clientOf(inference.nc).publish(enrolmentSubject('other', 'ada'), FACE);
      });
      await use(url, storeDir);
    } finally {
      await system.stop();
    }
    return filesIn(storeDir).filter((file) => readFileSync(file).includes('ADA-LOVELACE')).length;
  });
}

const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

test('attack 5: faces are fetched by those who work with them alone, and nothing of them is readable on the disk', async () => {
  const files = await storedInClear(false, async (url, storeDir) => {
    for (const role of ['trainer', 'verifier', 'collector'] as const) {
      const { nc, close } = await connectAs(role, { url, storeDir });
      const ref = await createBlobStore(nc).find(BUCKETS.datasets, 'face');
      assert.equal(await createBlobStore(nc).get(ref!), FACE);
      await close();
    }
    for (const role of ['door', 'enroller', 'viewer', 'operator', 'orchestrator', 'inference', 'setup'] as const) {
      const { nc, close } = await connectAs(role, { url, storeDir });
      const error = await createBlobStore(nc)
        .find(BUCKETS.datasets, 'face')
        .then(
          () => 'found',
          (reason: Error) => reason.message,
        );
      assert.match(error, new RegExp(`${role} may not publish to \\$JS\\.API\\.`));
      await close();
    }
  });
  assert.is(files, 0);
});

test('attack 5: a store that is not encrypted has them in clear, so that the search can fail', async () => {
  assert.ok((await storedInClear(true, async () => {})) >= 2);
});

test.run();
