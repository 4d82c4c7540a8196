/** What records refer to, and records that cannot be read. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { claimsOf, refsIn, runOf } from '../../../services/retention/world.ts';
import { announce, commit } from '../../../services/deployment/records.ts';
import { firstCheckpoint } from '../../../machines/step.ts';
import { failureOf } from '../../support/failures.ts';
import { blobRef, nightInput } from '../../support/runs.ts';

const pair = (runId: string) => ({
  ...{ model: blobRef('MODELS', `face/${runId}/model.onnx`), gallery: blobRef('MODELS', `face/${runId}/gallery`) },
  ...{
    golden: blobRef('MODELS', `face/${runId}/golden`),
    dataset: blobRef('DATASETS', `manifests/${runId}.json`),
    runId,
  },
});

test('world: references are found wherever they stand, each once', () => {
  const ref = blobRef('MODELS', 'a');
  const found = refsIn({ deep: [{ er: ref }], again: ref, no: { bucket: 'MODELS', key: 'b' }, nothing: null });
  assert.equal(found, [ref]);
});

test('world: the release in service, the one before, retained and announced ones claim what they need', () => {
  let record = null;
  for (const runId of ['n1', 'n2', 'n3'])
    record = commit(announce(record, { ...pair(runId), ...digestsBy(runId) }, runId, 'face'), runId, new Date());
  const claims = claimsOf('face', announce(record, { ...pair('n4'), ...digestsBy('n4') }, 'n4', 'face'));
  assert.equal(
    claims.map(({ reason }) => reason),
    [
      'release 3 of face is in service',
      'release 2 of face is the one before',
      'run n4 has announced it',
      'release 1 of face is retained',
    ],
  );
  assert.ok(claims.every(({ refs }) => refs.length === 4));
});

/** Pairs are told apart by these. */
function digestsBy(runId: string) {
  const digest = `sha256:${Buffer.from(runId.padEnd(32, '.')).toString('hex')}`;
  return { model: { ...pair(runId).model, digest }, gallery: { ...pair(runId).gallery, digest } };
}

test('world: a run under way claims all that its checkpoint refers to, its champion too', () => {
  const champion = pair('n1');
  const run = runOf('run.n2', firstCheckpoint(nightInput({ runId: 'n2', champion }), 'id', new Date()));
  assert.equal([run.runId, run.model, run.isActive, run.dataset], ['n2', 'face', true, null]);
  assert.equal(run.refs, refsIn(champion));
  assert.equal(run.results, []);
});

test('world: while a record cannot be read, nobody says that nothing is needed', async () => {
  for (const read of [() => claimsOf('face', { model: 'face' }), () => runOf('run.n1', { status: 'done' })]) {
    const failure = await failureOf(async () => read());
    assert.is(failure.code, 'RECORD_DAMAGED');
    assert.match(failure.message, /(DEPLOYMENTS\/face|RUNS\/run.n1) cannot be read, .* nothing is deleted/);
  }
});

test.run();
