/** Which stored things stay, over lists of things, releases and runs. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobBucket } from '../../../contracts/blobs.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import { holdsOf, kindOf, modelOf, unitOf, type Limits, type World } from '../../../services/retention/holds.ts';
import type { KnownRun } from '../../../services/retention/world.ts';

const NOW = new Date('2026-11-20T06:00:00Z');
const hours = (ago: number) => new Date(NOW.getTime() - ago * 3600_000);
const LIMITS = { snapshots: 1, models: 1, reports: 2, graceMinutes: 60, absentDays: null };

const hex = (text: string) => Buffer.from(text.padEnd(32, '.')).toString('hex');
const ref = (bucket: BlobBucket, key: string): BlobRef => ({ bucket, key, digest: `sha256:${hex(key)}`, bytes: 10 });
const manifest = (name: string) => ref('DATASETS', `manifests/${name}.json`);
const model = (runId: string) => ref('MODELS', `face/${runId}/model.onnx`);
const report = (runId: string) => ref('REPORTS', `face/${runId}/verification.json`);

const run = (runId: string, ago: number, more: Partial<KnownRun> = {}): KnownRun => ({
  ...{ runId, model: 'face', startedAt: hours(ago), isActive: false, dataset: manifest(runId) },
  ...{ results: [manifest(runId), model(runId), report(runId)], refs: [] },
  ...more,
});

const old = (...refs: readonly BlobRef[]) => refs.map((it) => ({ ref: it, storedAt: hours(100) }));
const world = (more: Partial<World>): World => ({ objects: [], claims: [], runs: [], forwards: new Map(), ...more });

/** Keys that stay. */
function kept(of: Partial<World>, limits: Limits = LIMITS): string[] {
  const all = world(of);
  const holds = holdsOf(all, limits, NOW);
  return all.objects.filter((it) => holds.has(unitOf(it.ref))).map((it) => it.ref.key);
}

const threeRuns = [run('n1', 72), run('n2', 48), run('n3', 24)];
const ofThree = ['n1', 'n2', 'n3'].flatMap((id) => old(manifest(id), model(id), report(id)));

test('retention: of the latest runs of a model so many snapshots, candidates and reports stay', () => {
  assert.equal(kept({ objects: ofThree, runs: threeRuns }), [
    'face/n2/verification.json',
    ...['manifests/n3.json', 'face/n3/model.onnx', 'face/n3/verification.json'],
  ]);
});

test('retention: a candidate keeps the snapshot from which it can be forked, and each model counts for itself', () => {
  const other = run('d1', 200, { model: 'digits', results: [ref('MODELS', 'digits/d1/model.onnx')], dataset: null });
  const objects = [...ofThree, ...old(ref('MODELS', 'digits/d1/model.onnx'))];
  const keys = kept({ objects, runs: [...threeRuns, other] }, { ...LIMITS, models: 2 });
  assert.ok(['manifests/n2.json', 'face/n2/model.onnx', 'digits/d1/model.onnx'].every((key) => keys.includes(key)));
  assert.not.ok(keys.includes('manifests/n1.json'));
});

test('retention: what a release refers to stays whatever the numbers, with its report and all that lies beside it', () => {
  const weights = ref('MODELS', 'face/n1/training-weights.safetensors');
  const claim = { reason: 'release 1 serves', model: 'face', runs: ['n1'], refs: [model('n1'), manifest('n1')] };
  const objects = [...ofThree, ...old(weights)];
  const keys = kept({ objects, runs: threeRuns, claims: [claim] });
  for (const it of [weights, model('n1'), manifest('n1'), report('n1')]) assert.ok(keys.includes(it.key), it.key);
  const reasons = holdsOf(world({ objects, runs: threeRuns, claims: [claim] }), LIMITS, NOW).get(unitOf(weights));
  assert.equal([...reasons!], ['release 1 serves']);
});

test('retention: a run under way, or held, keeps its folder and everything that its record names', () => {
  const champion = model('n1');
  const active = run('n4', 300, { isActive: true, refs: [champion, manifest('n1')], results: [] });
  const objects = [...ofThree, ...old(ref('MODELS', 'face/n4/training-checkpoint.safetensors'))];
  const keys = kept({ objects, runs: [...threeRuns, active] });
  for (const key of ['face/n4/training-checkpoint.safetensors', 'face/n1/model.onnx', 'manifests/n1.json'])
    assert.ok(keys.includes(key), key);
});

test('retention: what was stored since a run that collects began stays, and nothing young goes', () => {
  const shard = (name: string) => ref('DATASETS', `shards/${name}.tar`);
  const objects = [
    { ref: shard('before'), storedAt: hours(9) },
    { ref: shard('since'), storedAt: hours(7) },
    { ref: shard('young'), storedAt: hours(0.5) },
  ];
  const collecting = run('n5', 8, { isActive: true, dataset: null, results: [] });
  assert.equal(kept({ objects, runs: [collecting] }), ['shards/since.tar', 'shards/young.tar']);
  assert.equal(kept({ objects, runs: [{ ...collecting, dataset: manifest('n5') }] }), ['shards/young.tar']);
});

test('retention: without grace nothing goes that came after the look', () => {
  const objects = [{ ref: ref('DATASETS', 'shards/a.tar'), storedAt: NOW }];
  assert.is(kept({ objects }, { ...LIMITS, graceMinutes: 0 }).length, 1);
});

test('retention: a snapshot out of which somebody was taken is found under its new name', () => {
  const [first, second] = [manifest('again'), manifest('at last')];
  const forwards = new Map([
    [manifest('n3').digest, first],
    [first.digest, second],
  ]);
  assert.equal(kept({ objects: old(second), runs: threeRuns, forwards }), ['manifests/at last.json']);
});

test('retention: where absence is counted in days, the snapshots of that time stay, and the one before', () => {
  const nights = [run('a', 24 * 40), run('b', 24 * 20), run('c', 24 * 10), run('d', 24)];
  const objects = nights.flatMap(({ runId }) => old(manifest(runId)));
  assert.equal(kept({ objects, runs: nights }), ['manifests/d.json']);
  const keys = kept({ objects, runs: nights }, { ...LIMITS, absentDays: 5 });
  assert.equal(keys, ['manifests/b.json', 'manifests/c.json', 'manifests/d.json']);
});

test('retention: a thing of an unknown kind stays', () => {
  const objects = old(ref('DATASETS', 'forgetting/x'), ref('MODELS', 'mine.bin'), ref('MODELS', 'faces/a.onnx'));
  assert.equal(kept({ objects }), ['forgetting/x', 'mine.bin']);
});

test('retention: the kind of a thing, and the model that it belongs to', () => {
  const things = [ref('DATASETS', 'shards/a.tar'), ref('MODELS', 'faces/a.onnx'), model('n1'), report('n1')];
  assert.equal(things.map(kindOf), ['shards', 'detectors of faces', 'models', 'reports']);
  assert.equal(things.map(modelOf), [null, null, 'face', 'face']);
});

test.run();
