/** Runs survive a new version of the machine, and a change of its decisions cannot slip in. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { machineDigest } from '../../machines/digest.ts';
import { currentVersion, upcast, VERSIONS, type MachineVersion } from '../../machines/versions.ts';
import { startRun, type Checkpoint } from '../../machines/step.ts';
import { recordedRuns, replay } from '../support/corpus.ts';
import { nightInput } from '../support/runs.ts';

const DECLARE =
  'the machine changed: add its digest (npm run machine:digest) to machines/versions.ts, with an upcast where ' +
  'checkpoints of older runs must change, then npm run corpus:record; if recorded decisions of older versions changed, ' +
  'delete what no longer holds from their files, which is what declares it';

test('versions: the table ends with the machine as it is', () => {
  assert.is(currentVersion(), machineDigest(), DECLARE);
});

test('versions: recorded runs of every version are decided as they were', () => {
  const recorded = recordedRuns();
  assert.ok(
    recorded.some(({ version }) => version === currentVersion()),
    DECLARE,
  );
  for (const { version, runs } of recorded) {
    assert.ok(runs.length > 20, `${version} has too few recorded runs to mean anything`);
    for (const run of runs) assert.equal(replay(run), run.decisions, `${version}: ${DECLARE}`);
  }
});

const run = startRun(nightInput(), 'start', new Date(0));
const [a, b, c]: MachineVersion[] = [
  { digest: 'a', note: '' },
  { digest: 'b', note: '', upcast: (it) => ({ ...it, context: { ...it.context, attempt: 7 } }) },
  { digest: 'c', note: '' },
];
const saved = (machine: string): Checkpoint => ({ ...run, machine });

test('versions: an older run is migrated by every declared step between', () => {
  const migrated = upcast(saved('a'), [a!, b!, c!]);
  assert.equal([migrated.machine, migrated.context.attempt], ['c', 7]);
  assert.is(upcast(saved('b'), [a!, b!, c!]).context.attempt, 1);
  const own = saved('c');
  assert.is(upcast(own, [a!, b!, c!]), own);
});

test('versions: a run of a version that is not known is refused and left to somebody who knows it', () => {
  try {
    upcast(saved('z'));
    assert.unreachable();
  } catch (error) {
    const { code, retryable, message } = error as { code: string; retryable: boolean; message: string };
    assert.equal([code, retryable], ['RUN_VERSION_UNKNOWN', true]);
    assert.match(message, /version z .* let the program that started it end it/);
  }
});

test('versions: the digest follows what decides', () => {
  const machine = (guard: () => boolean) => ({ config: { a: 1 }, implementations: { guards: { guard } } });
  assert.is.not(machineDigest(machine(() => true)), machineDigest(machine(() => false)));
  assert.is(VERSIONS.length, new Set(VERSIONS.map(({ digest }) => digest)).size);
});

test.run();
