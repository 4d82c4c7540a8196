import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DeploymentSchema, type Announced, type Deployment } from '../../../contracts/release.ts';
import { announce, commit, LEDGER_MAX, rollBack, startCanary, withdraw } from '../../../services/deployment/records.ts';
import { canReturn, targetOf } from '../../../services/deployment/retained.ts';
import { pairOf } from '../../support/deployments.ts';
import { failureOf } from '../../support/failures.ts';

const NOW = new Date('2026-01-01T02:00:00Z');
const LATER = new Date('2026-01-01T03:00:00Z');

/** The record after each run has announced and committed in turn. */
function deployed(...runIds: string[]): Deployment {
  let record: Deployment | null = null;
  for (const runId of runIds) record = commit(announce(record, pairOf(runId), runId, 'face'), runId, NOW);
  return DeploymentSchema.parse(record);
}

test('records: announcing keeps the release in service', () => {
  const first = announce(null, pairOf('r1'), 'r1', 'face');
  assert.equal(DeploymentSchema.parse(first), {
    ...{ model: 'face', current: null, previous: null, releaseMax: 0, runId: 'r1', change: 'announced' },
    ...{ retained: [], ledger: [] },
    announced: pairOf('r1'),
  });
  const next = announce(deployed('r1'), pairOf('r2'), 'r2', 'face');
  assert.is(next.current?.runId, 'r1');
  assert.is(next.announced?.runId, 'r2');
});

test('records: committing moves candidate to current and current to previous', () => {
  const record = deployed('r1', 'r2', 'r3');
  assert.is(record.current?.runId, 'r3');
  assert.is(record.current?.release, 3);
  assert.is(record.current?.committedAt, '2026-01-01T02:00:00.000Z');
  assert.is(record.previous?.runId, 'r2');
  assert.is(record.announced, null);
  assert.is(record.change, 'committed');
});

test('records: rolling back gives the previous pair a new release and keeps the other resident', () => {
  const record = DeploymentSchema.parse(rollBack(deployed('r1', 'r2'), 'r2', LATER));
  assert.equal(
    [
      record.current?.runId,
      record.current?.release,
      record.previous?.runId,
      record.previous?.release,
      record.releaseMax,
    ],
    ['r1', 3, 'r2', 2, 3],
  );
  assert.is(record.current?.committedAt, LATER.toISOString());
  assert.is(record.current?.model.digest, pairOf('r1').model.digest);
});

test('records: an operator may roll back with a run of its own, and again to undo that', () => {
  const back = rollBack(deployed('r1', 'r2'), 'rollback-1', LATER);
  assert.is(back.current?.runId, 'r1');
  const forth = rollBack(back, 'rollback-2', LATER);
  assert.equal([forth.current?.runId, forth.current?.release], ['r2', 4]);
});

test('records: rolling back keeps the candidate of another run', () => {
  const record = announce(deployed('r1', 'r2'), pairOf('r3'), 'r3', 'face');
  assert.is(rollBack(record, 'rollback-1', LATER).announced?.runId, 'r3');
});

test('records: every transition taken twice by the same run changes nothing', () => {
  const announced = announce(deployed('r1'), pairOf('r2'), 'r2', 'face');
  assert.is(announce(announced, pairOf('r2'), 'r2', 'face'), announced);
  const committed = commit(announced, 'r2', NOW);
  assert.is(commit(committed, 'r2', LATER), committed);
  assert.is(announce(committed, pairOf('r2'), 'r2', 'face'), committed);
  const back = rollBack(committed, 'r2', LATER);
  assert.is(rollBack(back, 'r2', LATER), back);
  const withdrawn = withdraw(announced, 'r2');
  assert.is(withdraw(withdrawn, 'r2'), withdrawn);
  assert.is(withdrawn.announced, null);
  assert.is(withdrawn.current, announced.current);
});

test('records: a withdrawn candidate may be announced again', () => {
  const withdrawn = withdraw(announce(deployed('r1'), pairOf('r2'), 'r2', 'face'), 'r2');
  assert.is(announce(withdrawn, pairOf('r2'), 'r2', 'face').announced?.runId, 'r2');
});

test("records: another run's candidate is neither replaced, committed nor withdrawn", async () => {
  const record = announce(deployed('r1'), pairOf('r2'), 'r2', 'face');
  const announcing = await failureOf(() => announce(record, pairOf('r3'), 'r3', 'face'));
  assert.is(announcing.code, 'DEPLOYMENT_CONFLICT');
  assert.match(announcing.message, /model face, run r3: run r2 has announced a candidate/);
  assert.is((await failureOf(() => commit(record, 'r3', NOW))).code, 'DEPLOYMENT_CONFLICT');
  assert.is(withdraw(record, 'r3'), record);
});

test('records: a commit that comes late, after a rollback, is a conflict and not a second deployment', async () => {
  const back = rollBack(deployed('r1', 'r2'), 'r2', LATER);
  assert.is((await failureOf(() => commit(back, 'r2', LATER))).code, 'DEPLOYMENT_CONFLICT');
});

test('records: a rollback that comes late does not bring back the wrong release', async () => {
  const failure = await failureOf(() => rollBack(deployed('r1', 'r2', 'r3'), 'r2', LATER));
  assert.is(failure.code, 'DEPLOYMENT_CONFLICT');
  const byOperator = rollBack(deployed('r1', 'r2'), 'rollback-1', LATER);
  assert.is(rollBack(byOperator, 'r2', LATER), byOperator);
});

test('records: the first release has nothing to roll back to', async () => {
  const failure = await failureOf(() => rollBack(deployed('r1'), 'r1', LATER));
  assert.is(failure.code, 'NO_PREVIOUS_RELEASE');
  assert.match(failure.message, /release 1 is its first/);
  const announced = announce(null, pairOf('r1'), 'r1', 'face');
  assert.is((await failureOf(() => rollBack(announced, 'r1', LATER))).code, 'NO_PREVIOUS_RELEASE');
});

test('records: the ledger says of every release which run brought it, why, and whose pair it serves', () => {
  const back = rollBack(deployed('r1', 'r2'), 'r2', LATER, { reason: 'guard', why: 'too slow' });
  const forth = rollBack(back, 'rollback-1', LATER, { why: 'it was not' });
  const { ledger } = DeploymentSchema.parse(forth);
  assert.equal(
    ledger.map(({ release, reason, why, runId, origin }) => [
      release,
      reason,
      why,
      runId,
      origin.release,
      origin.runId,
    ]),
    [
      [1, 'deployed', null, 'r1', 1, 'r1'],
      [2, 'deployed', null, 'r2', 2, 'r2'],
      [3, 'guard', 'too slow', 'r2', 1, 'r1'],
      [4, 'operator', 'it was not', 'rollback-1', 2, 'r2'],
    ],
  );
  assert.equal([ledger[2]?.startedAt, ledger[2]?.modelDigest], [LATER.toISOString(), pairOf('r1').model.digest]);
});

test('records: the ledger keeps the latest releases, and a step taken twice writes one line', () => {
  const runIds = Array.from({ length: LEDGER_MAX + 3 }, (_, index) => `r${index + 1}`);
  const record = deployed(...runIds);
  assert.equal(
    [record.ledger.length, record.ledger[0]?.release, record.ledger.at(-1)?.release],
    [LEDGER_MAX, 4, LEDGER_MAX + 3],
  );
  assert.is(commit(record, runIds.at(-1)!, LATER).ledger.length, LEDGER_MAX);
});

const retainedBy = ({ retained }: Deployment) => retained.map(({ runId }) => runId);

test('records: pairs older than the previous one are retained, each once, as many as configured', () => {
  const record = deployed('r1', 'r2', 'r3', 'r4');
  assert.equal(retainedBy(record), ['r2', 'r1']);
  const back = rollBack(record, 'rollback-1', LATER);
  assert.equal([back.current?.runId, back.previous?.runId, retainedBy(back)], ['r3', 'r4', ['r2', 'r1']]);
  const next = commit(announce(back, pairOf('r5'), 'r5', 'face'), 'r5', LATER, { retainedMax: 2 });
  assert.equal([next.previous?.runId, retainedBy(next)], ['r3', ['r4', 'r2']]);
});

/** The record after an operator has brought the pair of `release` back by loading it. */
function reloaded(record: Deployment, release: number, runId: string): Deployment {
  const target = targetOf(record, 'face', release);
  assert.is(target.kind, 'retained');
  return commit(announce(record, (target as { pair: Announced }).pair, runId, 'face'), runId, LATER);
}

test('records: a release knows the snapshot that it was trained on, also when it comes back', () => {
  const dataset = { bucket: 'DATASETS' as const, key: 'r1', digest: `sha256:${'d'.repeat(64)}`, bytes: 1 };
  const first = commit(announce(null, { ...pairOf('r1'), dataset }, 'r1', 'face'), 'r1', NOW);
  const next = commit(announce(first, pairOf('r2'), 'r2', 'face'), 'r2', NOW);
  const third = commit(announce(next, pairOf('r3'), 'r3', 'face'), 'r3', NOW);
  const parsed = DeploymentSchema.parse(third);
  assert.equal(
    [parsed.current?.dataset, parsed.previous?.dataset, parsed.retained[0]?.dataset],
    [undefined, undefined, dataset],
  );
  assert.equal(rollBack(next, 'back', LATER).current?.dataset, dataset);
  const target = targetOf(third, 'face', 1);
  assert.equal(target.kind === 'retained' && target.pair.dataset, dataset);
});

test('records: a release keeps the file that finds its faces, and the same model with another file is another pair', () => {
  const blob = (digit: string) => ({
    ...{ bucket: 'MODELS' as const, key: digit, digest: `sha256:${digit.repeat(64)}`, bytes: 1 },
  });
  const files = [undefined, blob('1'), blob('2')];
  const record = files.reduce<Deployment | null>((before, faces, at) => {
    const pair = { ...pairOf('same'), runId: `r${at + 1}`, ...(faces ? { faces } : {}) };
    return commit(announce(before, pair, pair.runId, 'face'), pair.runId, NOW);
  }, null)!;
  const { current, previous, retained, ledger } = DeploymentSchema.parse(record);
  assert.equal([retained[0]?.faces, previous?.faces, current?.faces], files);
  assert.equal(
    ledger.map(({ facesDigest }) => facesDigest),
    files.map((file) => file?.digest),
  );
  const kinds = [1, 2, 3].map((release) => targetOf(record, 'face', release).kind);
  assert.equal(kinds, ['retained', 'previous', 'current']);
  assert.equal(
    ledger.map((entry) => canReturn(record, entry)),
    [true, true, false],
  );
  const back = reloaded(record, 1, 'b1');
  assert.equal([back.current?.faces, back.previous?.faces], [undefined, files[2]]);
  const again = targetOf(back, 'face', 2);
  assert.equal(again.kind === 'retained' && again.pair.faces, files[1]);
});

test('records: a retained pair comes back as a new release that says where it is from, and can be rolled back', () => {
  const record = reloaded(deployed('r1', 'r2', 'r3'), 1, 'rollback-1');
  assert.equal(
    [record.current?.release, record.current?.model.digest, record.current?.origin],
    [4, pairOf('r1').model.digest, { release: 1, runId: 'r1' }],
  );
  assert.equal([record.previous?.release, retainedBy(record)], [3, ['r2']]);
  assert.equal([record.ledger.at(-1)?.reason, record.ledger.at(-1)?.runId], ['operator', 'rollback-1']);
  const undone = rollBack(record, 'rollback-2', LATER);
  assert.equal([undone.current?.release, undone.current?.origin], [5, { release: 3, runId: 'r3' }]);
});

test('records: a pair is found by any of the releases in which it served', () => {
  const record = deployed('r1', 'r2');
  const back = commit(announce(rollBack(record, 'b1', LATER), pairOf('r3'), 'r3', 'face'), 'r3', LATER);
  // Releases: 1 r1, 2 r2, 3 r1 again, 4 r3.
  const kinds = [1, 2, 3, 4].map((release) => targetOf(back, 'face', release).kind);
  assert.equal(kinds, ['previous', 'retained', 'previous', 'current']);
  assert.equal(
    [1, 2, 3, 4].map((release) => canReturn(back, back.ledger[release - 1]!)),
    [true, true, true, false],
  );
});

test('records: a release that is not retained is refused with those that are', async () => {
  const record = deployed('r1', 'r2', 'r3');
  const failure = await failureOf(() => targetOf(record, 'face', 9));
  assert.is(failure.code, 'RELEASE_NOT_RETAINED');
  assert.match(
    failure.message,
    /model face: the pair of release 9 is not retained; those of these releases can serve again: 2, 1$/,
  );
  assert.is((await failureOf(() => targetOf(null, 'face'))).code, 'NO_PREVIOUS_RELEASE');
});

test('records: a record of 0.1.0 is read in the words of today', () => {
  const expected = reloaded(deployed('r1', 'r2', 'r3'), 1, 'rollback-1');
  const announcedNow = startCanary(announce(expected, pairOf('r4'), 'r4', 'face'), 'r4', {
    share: 0.1,
    keyHeader: 'K',
  });
  const text = JSON.stringify(announcedNow)
    .replaceAll('"release"', '"epoch"')
    .replace('"releaseMax"', '"epochMax"')
    .replace('"announced":', '"candidate":')
    .replace('"canary-started"', '"tried"');
  assert.match(text, /"epochMax":4,.*"change":"tried"/);
  assert.equal(DeploymentSchema.parse(JSON.parse(text)), announcedNow);
});

test.run();
