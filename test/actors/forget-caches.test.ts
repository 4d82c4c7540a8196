/** The janitor asks the workers for the features that they keep; trainer and verifier answer for their own folders. */
import { mkdir, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recallPixels, sweepCaches } from '../../actors/janitor/caches.ts';
import type { Forgetting } from '../../actors/janitor/context.ts';
import { createTally } from '../../actors/janitor/tally.ts';
import { startCollector } from '../../actors/collector/collector.ts';
import { startTrainer } from '../../actors/trainer/trainer.ts';
import { startVerifier } from '../../actors/verifier/verifier.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { publishForgotten } from '../../infra/stores/enrolment-log.ts';
import { createEraser } from '../../infra/stores/eraser.ts';
import { openForgotten } from '../../infra/stores/forgotten-store.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { workerConsumer } from '../../infra/topology/consumers.ts';
import { pixelDigest } from '../../services/forgetting/golden.ts';
import { openSourceCache } from '../../services/data/source-cache.ts';
import { personHash } from '../../services/forgetting/name.ts';
import { NO_SIGNING } from '../../services/signing/signing.ts';
import { nothingFound } from '../../services/forgetting/snapshot-without.ts';
import { FEATURES_FORMAT } from '../../services/training/frozen/feature-file.ts';
import { writeSafetensors } from '../../services/safetensors.ts';
import { definitionsOf } from '../support/local.ts';
import { withFolder } from '../support/folder.ts';
import { withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const PIXELS = Uint8Array.of(1, 2, 3);

test('caches: each worker clears its own folders and says so; where none is, the report says that', () =>
  withFolder((folder) =>
    withServer(async ({ connect, log }) => {
      const nc = await connect();
      const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => crypto.randomUUID() });
      const blobs = createBlobStore(nc);
      const pixels = pixelDigest(PIXELS);
      const file = join(folder, 'trainer', 'a.safetensors');
      await mkdir(join(folder, 'trainer'));
      const tensors = {
        digests: { shape: [1, 32], data: new Uint8Array(Buffer.from(pixels, 'hex')) },
        features: { shape: [1, 2], data: Float32Array.of(1, 2) },
      };
      await writeFile(file, writeSafetensors({ tensors, metadata: { format: FEATURES_FORMAT } }));
      const tally = createTally(() => {});
      const forgotten = await openForgotten(nc);
      await forgotten.makeSalt();
      const person = personHash('Ada', (await forgotten.salt()) ?? '');
      const forgetting: Forgetting = {
        ...{ bus, blobs, log, tally, id: 'forget-1', person, isDry: false, isPerson: () => false },
        ...{ eraser: await createEraser(nc), forgotten, now: () => new Date() },
        signing: NO_SIGNING,
        publishForgotten: (model, mark) => publishForgotten(nc, model, mark),
        found: { ...nothingFound(), pixels: new Set([pixels]) },
      };
      await sweepCaches(forgetting);
      assert.equal([tally.rows.length, tally.remarks.length], [0, 3], 'nobody is there');
      // The same order again, when the images themselves are gone.
      forgetting.found.pixels.clear();
      await recallPixels(forgetting);
      assert.equal([...forgetting.found.pixels], [pixels]);

      const local = definitionsOf({});
      const cache = { folder: join(folder, 'sources'), bytesMax: 1e9 };
      const answers = await openSourceCache({ ...cache, source: 'http auth', isForgotten: () => false });
      for (const name of ['Ada', 'Ben']) await answers.keep(name, { version: '1', body: Buffer.from('x') }, [name]);
      const collector = startCollector({ bus, blobs, local, forgotten, cache, log });
      const trainer = startTrainer({ bus, blobs, local, featureFolders: [join(folder, 'trainer')], log });
      const verifier = startVerifier({ bus, blobs, local, log });
      try {
        for (const stage of ['collect', 'train', 'verify'] as const)
          await until(() => bus.isAttended(STREAMS.commands, workerConsumer(stage, 'start')), `a worker of ${stage}`);
        await sweepCaches(forgetting);
      } finally {
        await Promise.all([collector.stop(), trainer.stop(), verifier.stop()]);
      }
      const removed = tally.rows.map(({ place, what, removed: count }) => `${place} ${what}: ${count}`);
      assert.equal(removed.toSorted(), [
        'caches of collect answers: 1',
        'caches of collect files: 0',
        'caches of train features: 1',
        'caches of train files: 0',
        'caches of verify features: 0',
        'caches of verify files: 0',
      ]);
      assert.not.ok(existsSync(file), 'nobody else was in it');
      assert.equal([await answers.find('Ada'), (await answers.find('Ben'))?.version], [null, '1']);
      assert.equal(await forgetting.eraser.objects('DATASETS'), [], 'the list of images is gone');
    }),
  ));

test.run();
