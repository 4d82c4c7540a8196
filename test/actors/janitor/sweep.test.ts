/**
 * The janitor's sweep on a real server: what is left of ten nights, and collections that go on beside it at the worst moments.
 */
import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createKnown } from '../../../actors/janitor/known.ts';
import { sweep, type SweepStores } from '../../../actors/janitor/sweep.ts';
import { RetentionConfigSchema } from '../../../contracts/configuration/retention.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import type { SweepReport } from '../../../contracts/retention.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { createEraser } from '../../../infra/stores/eraser.ts';
import { openKv } from '../../../infra/stores/record-store.ts';
import { createSweeper } from '../../../infra/stores/sweeper.ts';
import { collectSnapshot } from '../../../services/data/snapshot.ts';
import { failureOf, listSource, quietContext, samplesOf } from '../../support/samples.ts';
import { withServer } from '../../support/server.ts';

interface Rig extends SweepStores {
  /** Stores what a night stores, and its record; the same people give the same snapshot. */
  night(runId: string, people: readonly string[], status?: 'active' | 'done'): Promise<BlobRef>;
  collect(people: readonly string[]): Promise<BlobRef>;
  save(runId: string, status: 'active' | 'done', dataset: BlobRef | null): Promise<void>;
  swept(mode?: SweepReport['mode']): Promise<SweepReport>;
}

const MODEL_BYTES = 40_000;

const withRig = (use: (rig: Rig) => Promise<void>, retention: object = {}) =>
  withServer(async ({ connect, log }) => {
    const nc = await connect();
    const [blobs, sweeper] = [createBlobStore(nc), await createSweeper(nc)];
    const runs = await openKv(nc, BUCKETS.runs);
    const stores: SweepStores = {
      ...{ sweeper, blobs, eraser: await createEraser(nc), known: createKnown(sweeper), log, now: () => new Date() },
      retention: RetentionConfigSchema.parse({ snapshots: 1, models: 1, reports: 1, graceMinutes: 0, ...retention }),
    };
    let minutes = 0;
    const startedAt = () => new Date(Date.now() - 3600_000 + ++minutes * 1_000).toISOString();
    const rig: Rig = {
      ...stores,
      collect: (people) => collected(blobs, people),
      save: async (runId, status, dataset) => {
        const candidate = await blobs.find('MODELS', `face/${runId}/model.onnx`);
        const context = { runId, model: 'face', dataset, candidate, verification: null };
        await runs.put(`run.${runId}`, JSON.stringify({ startedAt: startedAt(), status, context }));
      },
      night: async (runId, people, status = 'done') => {
        const dataset = await rig.collect(people);
        await blobs.put('MODELS', `face/${runId}/model.onnx`, randomBytes(MODEL_BYTES));
        await blobs.put('REPORTS', `face/${runId}/verification.json`, Buffer.from(`{"run":"${runId}"}`));
        await rig.save(runId, status, dataset);
        return dataset;
      },
      swept: (mode = 'sweep') => sweep(stores, { id: 's', mode, isBrief: false }),
    };
    await use(rig);
  });

async function collected(blobs: BlobStore, people: readonly string[]): Promise<BlobRef> {
  const sources = [listSource('doors', await samplesOf(people, 4))];
  const image = { width: 8, height: 8, channels: 1 } as const;
  const split = { strategy: 'content-hash', validation: 0.1, probe: 0.2 } as const;
  const job = { ...quietContext(), sources, image, split, holdOut: { share: 0, min: 0 }, blobs };
  return (await collectSnapshot(job)).dataset;
}

const keysOf = async ({ sweeper }: Rig, bucket: BlobRef['bucket']) =>
  (await sweeper.stock(bucket)).objects.map(({ ref }) => ref.key).sort();

test('sweep: of ten nights the last stays, and the server counts as much as after one', () =>
  withRig(async (rig) => {
    const sizes = async () => {
      const streams = (await rig.sweeper.sizes()).filter(({ name }) => name.startsWith('OBJ_'));
      return streams.reduce((sum, { bytes }) => sum + bytes, 0);
    };
    await rig.night('n0', ['ada', 'ben']);
    const first = await sizes();
    for (let night = 1; night < 10; night++) await rig.night(`n${night}`, ['ada', 'ben', `guest ${night}`]);
    assert.ok((await sizes()) > 9 * MODEL_BYTES);
    const looked = await rig.swept('look');
    const before = await sizes();
    assert.is(await sizes(), before, 'a look deletes nothing');
    const report = await rig.swept();
    assert.equal(report.swept, looked.swept);
    // The last night has one person more than the first.
    assert.ok((await sizes()) < first + 6 * 1_500 + 1_000, `${await sizes()} after ${first}`);
    assert.equal(await keysOf(rig, 'MODELS'), ['face/n9/model.onnx']);
    assert.equal(await keysOf(rig, 'REPORTS'), ['face/n9/verification.json']);
    assert.is((await keysOf(rig, 'DATASETS')).filter((key) => key.startsWith('manifests/')).length, 1);
    assert.equal((await rig.swept()).swept, []);
  }));

test('sweep: the report says what is held by what, and what a snapshot holds alone', () =>
  withRig(async (rig) => {
    const dataset = await rig.night('n0', ['ada', 'ben']);
    const { held, heldTotal, kept, streams } = await rig.swept('look');
    assert.is(heldTotal, 3);
    const snapshot = held.find(({ what }) => what === dataset.key)!;
    assert.ok(snapshot.alone === snapshot.bytes && snapshot.bytes > dataset.bytes);
    assert.equal(
      held.find(({ bucket }) => bucket === 'MODELS'),
      {
        ...{ what: 'face/n0', bucket: 'MODELS', bytes: MODEL_BYTES, alone: MODEL_BYTES },
        reasons: ['run n0 has one of the last 1 candidates'],
      },
    );
    assert.equal(
      kept.find(({ kind }) => kind === 'models'),
      {
        ...{ model: 'face', kind: 'models', objects: 1, bytes: MODEL_BYTES },
      },
    );
    assert.ok(streams.find(({ name }) => name === 'OBJ_MODELS')!.bytes > MODEL_BYTES);
  }));

test('sweep: a run under way keeps what it collects, also what it found there and nobody else needs', () =>
  withRig(async (rig) => {
    const dropped = await rig.night('n0', ['ada', 'ben']);
    await rig.night('n1', ['cleo', 'dora']);
    // It has begun and collects; the snapshot of n0 is nobody's any more, and is just what it needs.
    await rig.save('n2', 'active', null);
    const again = await rig.collect(['ada', 'ben']);
    await rig.swept();
    assert.equal(again, dropped);
    assert.ok(await rig.blobs.holds(again));
    const shards = (await keysOf(rig, 'DATASETS')).filter((key) => key.startsWith('shards/'));
    assert.is(shards.length, 2);
  }));

/** Something that happens at the `at`th look of a sweep, when the deletions before it are done and the others decided. */
function meanwhile(rig: Rig, at: number, happens: () => Promise<void>): SweepStores {
  let looks = 0;
  return {
    ...rig,
    known: async () => {
      const known = await rig.known();
      if (++looks === at) await happens();
      return known;
    },
  };
}

for (const at of [1, 2])
  test(`sweep: a collection that begins after look ${at} has its whole snapshot, whatever was about to go`, () =>
    withRig(async (rig) => {
      await rig.night('n0', ['ada', 'ben']);
      await rig.night('n1', ['cleo', 'dora']);
      let dataset: BlobRef | null = null;
      const stores = meanwhile(rig, at, async () => {
        dataset = await rig.collect(['ada', 'ben']);
      });
      await sweep(stores, { id: 's', mode: 'sweep', isBrief: true });
      // Nobody refers to it yet: the checkpoint is saved only now.
      await rig.save('n2', 'done', dataset);
      const { shards } = JSON.parse((await rig.blobs.get(dataset!)).toString()) as { shards: { blob: BlobRef }[] };
      for (const { blob } of shards) assert.ok(await rig.blobs.holds(blob), blob.key);
    }));

test('sweep: collections beside sweep after sweep always have their whole snapshot', () =>
  withRig(async (rig) => {
    await rig.night('n0', ['cleo', 'dora']);
    let isOver = false;
    let deleted = 0;
    const sweeping = (async () => {
      while (!isOver) deleted += (await rig.swept()).swept.length;
    })();
    try {
      // On a busy machine the twelve may be over before a sweep has come as far as its deletions.
      for (let round = 1; round <= 12 || (deleted === 0 && round <= 500); round++) {
        const people = round % 2 === 0 ? ['ada', 'ben'] : ['eve', 'finn'];
        await rig.save(`r${round}`, 'active', null);
        const dataset = await rig.collect(people);
        await rig.save(`r${round}`, 'done', dataset);
        const { shards } = JSON.parse((await rig.blobs.get(dataset)).toString()) as { shards: { blob: BlobRef }[] };
        for (const { blob } of shards) await rig.blobs.get(blob);
      }
    } finally {
      isOver = true;
      await sweeping;
    }
    assert.ok(deleted > 0, 'nothing was deleted meanwhile');
  }));

test('sweep: while a record cannot be read, nothing is deleted', () =>
  withRig(async (rig) => {
    await rig.night('n0', ['ada', 'ben']);
    await rig.night('n1', ['cleo', 'dora']);
    const before = await keysOf(rig, 'DATASETS');
    await rig.save('n2', 'done', { bucket: 'DATASETS', key: '' } as BlobRef);
    assert.is((await failureOf(rig.swept())).code, 'RECORD_DAMAGED');
    assert.equal(await keysOf(rig, 'DATASETS'), before);
  }));

test('sweep: nothing goes within the grace', () =>
  withRig(
    async (rig) => {
      await rig.night('n0', ['ada', 'ben']);
      await rig.night('n1', ['cleo', 'dora']);
      assert.equal((await rig.swept()).swept, []);
    },
    { graceMinutes: 1 },
  ));

test.run();
