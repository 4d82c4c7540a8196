/** Runs survive a new version of the machine, and a change of its decisions cannot slip in. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineConfigSchema } from '../../contracts/configuration/pipeline.ts';
import { DecisionConfigSchema } from '../../contracts/configuration/decision.ts';
import { refusedInStart } from '../../contracts/messages.ts';
import type { WorkStage } from '../../contracts/subjects.ts';
import { machineDigest } from '../../machines/tools/digest.ts';
import { currentVersion, upcast, VERSIONS, type MachineVersion } from '../../machines/versions.ts';
import { firstCheckpoint, step, type Checkpoint } from '../../machines/step.ts';
import { recordedRuns, replay } from '../support/corpus.ts';
import { withFolder } from '../support/folder.ts';
import { allEvents, nightInput, REJECTED, verified } from '../support/runs.ts';

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
    for (const run of runs) assert.equal(replay(version, run), run.decisions, `${version}: ${DECLARE}`);
  }
});

/** The versions whose verdicts were others. */
const BEFORE_03 = VERSIONS.slice(0, 2).map(({ digest }) => digest);

const run = firstCheckpoint(nightInput(), 'start', new Date(0));
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

test('versions: no version is listed twice', () => {
  assert.is(VERSIONS.length, new Set(VERSIONS.map(({ digest }) => digest)).size);
});

test('versions: the verdicts of 0.2.0 are read as those of today, their figures as none, and the settings added since apply', () => {
  const before = recordedRuns().filter(({ version }) => BEFORE_03.includes(version));
  const checkpoints = before.flatMap(({ runs }) => runs.map(({ checkpoint }) => checkpoint));
  const verdicts = new Set<string>();
  for (const checkpoint of checkpoints) {
    const old = checkpoint.context.verification as { verdict: string } | null; // As it was written then.
    const { verification, pipeline, history, unchangedContent } = upcast(checkpoint).context;
    assert.equal(
      [verification?.verdict, verification?.admitted, verification?.figures],
      old
        ? old.verdict === 'passed'
          ? ['blessed', true, null]
          : ['rejected', false, null]
        : [undefined, undefined, undefined],
    );
    assert.equal([pipeline.decision, pipeline.strangers], [DecisionConfigSchema.parse({}), []]);
    assert.equal([history, unchangedContent], [[], null]);
    verdicts.add(old?.verdict ?? 'none');
  }
  assert.equal([...verdicts].sort(), ['none', 'passed', 'rejected']);
});

test('versions: a fork of 0.2.0 keeps the verdict of its origin', () => {
  const { admitted: _, ...passed } = { ...verified('r0.verify.1', 'blessed'), verdict: 'passed' };
  const { content: __, ...origin } = { ...REJECTED, verification: passed };
  const before = saved(BEFORE_03.at(-1)!);
  // Its words are not those of the type.
  const then = { ...before, context: { ...before.context, forkedFrom: origin } } as unknown as Checkpoint;
  const { forkedFrom } = upcast(then).context;
  assert.equal([forkedFrom?.content, forkedFrom?.verification?.verdict], [null, 'blessed']);
});

test('versions: a checkpoint of 0.3.0 that held programs, paths and addresses goes on with their names alone', () => {
  const [of03] = VERSIONS.slice(2).map(({ digest }) => digest);
  const whole = PipelineConfigSchema.parse({
    sources: [{ type: 'http', name: 'auth', url: 'http://auth.internal/faces?token=hush' }],
    strangers: [{ type: 'directory', name: 'street', path: '/srv/hush' }],
    faces: { detector: '/srv/hush/detector.onnx' },
    training: {
      strategy: 'command',
      command: { argv: ['hush'], env: { TOKEN: 'hush' } },
      backbone: { path: '/srv/hush/backbone.onnx', cacheDir: '/srv/hush' },
    },
    deployment: { strategy: { module: '/srv/hush.mjs' } },
    verification: { featuresDir: '/srv/hush' },
  });
  for (const stage of ['collect', 'train', 'verify'] as const) {
    const reached = reachedStage(stage);
    const { context, outbox } = reached;
    const then = JSON.parse(
      JSON.stringify({
        ...reached,
        machine: of03,
        context: { ...context, pipeline: whole },
        // As that version sent it.
        outbox: outbox.map((it) =>
          it.kind === 'command' ? { ...it, data: { ...it.data, pipeline: whole, training: whole.training } } : it,
        ),
      }),
    ) as Checkpoint;
    const now = upcast(then);
    assert.not.match(JSON.stringify(now), 'hush');
    const [start] = now.outbox.filter((it) => it.kind === 'command');
    assert.equal(refusedInStart(stage, start!.data), [], 'a worker takes it');
    assert.equal(now.context.pipeline.training.command, { local: 'face.training.command' });
    assert.equal(now.context.pipeline.sources, [{ type: 'local', name: 'auth' }]);
  }
});

/** A run whose start command for the stage has just been decided, and may not have been sent. */
function reachedStage(stage: WorkStage): Checkpoint {
  const events = allEvents();
  const completed = (it: string) => events.find(({ type }) => type === `${it}.completed`)!; // All are there.
  const before = { collect: [], train: ['collect'], verify: ['collect', 'train'] }[stage];
  return before.reduce((at, it) => step(at, it, completed(it), new Date(0))!, run);
}

const DECIDING: readonly (readonly [string, string])[] = [
  ['EXTENSIONS_MAX = 3;', 'EXTENSIONS_MAX = 30;'],
  ['* 2 ** (attempt - 1)', '* 9 ** (attempt - 1)'],
  ['Math.min(retry.backoffMaxMs, ', 'Math.max(retry.backoffMaxMs, '],
  ['0x01000193', '0x01000195'],
  ["guard: 'mustWithdraw', target: '#pipeline.withdrawing'", "guard: 'mustWithdraw', target: '#pipeline.undone'"],
];
const INDIFFERENT: readonly (readonly [string, string])[] = [
  ['/** After this many deadlines', '// A comment.\n/** After so many deadlines'],
  ['EXTENSIONS_MAX = 3;', 'EXTENSIONS_MAX =\n      3;'],
  ['EXTENSIONS_MAX = 3;', 'EXTENSIONS_MAX: number = 3; export const nobodyReadsThis = 4;'],
  ['readonly extensions: number;', 'readonly extensions: number | bigint;'],
];

test('versions: the digest follows what decides, in whatever function it stands', async () => {
  for (const [from, to] of DECIDING) assert.is.not(await digestAfter(from, to), machineDigest(), `${from} -> ${to}`);
});

test('versions: the digest follows no comment, layout, type or code that is not reached, nor the place of the files', async () => {
  for (const [from, to] of INDIFFERENT) assert.is(await digestAfter(from, to), machineDigest(), `${from} -> ${to}`);
});

/** Of a copy of the machine in which one text, which stands there once, is changed. */
const digestAfter = (from: string, to: string): Promise<string> =>
  withFolder(async (root) => {
    for (const name of ['machines', 'contracts']) {
      cpSync(join(import.meta.dirname, '../..', name), join(root, name), { recursive: true });
    }
    const folder = join(root, 'machines');
    const paths = readdirSync(folder).filter((name) => name.endsWith('.ts'));
    const files = paths.map((name) => ({ path: join(folder, name), text: readFileSync(join(folder, name), 'utf8') }));
    const [file, ...others] = files.filter(({ text }) => text.includes(from));
    assert.ok(file && others.length === 0 && file.text.split(from).length === 2, `stands not just once: ${from}`);
    writeFileSync(
      file.path,
      file.text.replace(from, () => to),
    );
    return machineDigest(folder);
  });

test.run();
