/** The command line as a user meets it: every command against a system that `start` brought up, by its output alone. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ModelLedger, ModelStatus, RunSummary, TimelineEntry } from '../../contracts/api.ts';
import type { RunEnd } from '../../cli/follow.ts';
import type { ModelDeployed } from '../../contracts/messages.ts';
import { CTL } from '../../contracts/subjects.ts';
import type { LearningCurve } from '../../contracts/training.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { goneWith, isListening, runCli, serverOf, withCli, type CliEnd, type CliProcess } from '../support/cli.ts';
import { withFolder, writeDrawnPeople } from '../support/folder.ts';
import { LENIENT_GATES, lenientWith, writeTinyStrangers } from '../support/lenient.ts';
import { MODEL } from '../support/replicas.ts';

/** A few drawn faces; two passes over them make a model of no use, which lenient gates let through. */
const pipelineOf = (epochs: number) => ({
  sources: [{ type: 'directory', name: 'faces', path: 'faces' }],
  ...lenientWith('street'),
  image: { width: 32, height: 32 },
  split: { strategy: 'first-n', train: 4 },
  training: { epochs },
  verification: {
    gates: LENIENT_GATES,
    performanceRequests: 10,
  },
  deployment: { guardMs: 0, guardLatencyP99MsMax: 10_000 },
});
const config = {
  nats: { port: 0 },
  log: { level: 'warn' },
  // The second one trains until it is told to stop.
  models: { [MODEL]: pipelineOf(2), endless: pipelineOf(10_000) },
};

test('cli: start in an empty folder brings a system up, says how to use it, and Ctrl-C ends it without a trace', () =>
  withFolder((cwd) =>
    withFolder(async (elsewhere) => {
      // Not the usual port, which something else may hold; the folder itself stays empty.
      const file = join(elsewhere, 'port.json');
      await writeFile(file, JSON.stringify({ nats: { port: 0 } }));
      await withCli(['start'], { cwd, env: { NIGHTSHIFT_CONFIG: file } }, async (cli) => {
        const url = await serverOf(cli);
        await cli.printed(/Ctrl-C stops everything/);
        for (const subject of [
          ...Object.values({ start: CTL.pipelineStart, back: CTL.modelRollback }),
          'nightshift.infer.face.identify',
        ]) {
          assert.ok(cli.output().includes(subject), `${subject} is not in\n${cli.output()}`);
        }
        assert.ok(await isListening(url));
        cli.kill('SIGINT');
        await assertGone(cli, url);
      });
    }),
  ));

/** Ended by itself, with exit code 0, and nothing of it is left. */
async function assertGone(cli: CliProcess, url: string): Promise<void> {
  const { code, signal, stderr } = await cli.exited;
  assert.equal([code, signal], [0, null], stderr);
  await goneWith(cli);
  assert.not.ok(await isListening(url), `somebody still listens at ${url}`);
}

test('cli: run, status, runs, rollback and cancel work against a system that runs', () =>
  withFolder(async (cwd) => {
    await writeDrawnPeople(join(cwd, 'faces'), 4, 6);
    await writeTinyStrangers(join(cwd, 'street'));
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify(config));
    await withCli(['start'], { cwd }, async (system) => {
      const url = await serverOf(system);
      const command = (...args: string[]) => runCli(args, { cwd, env: { NATS_URL: url } });

      const first = json<RunEnd>(await command('run', '--json'));
      assert.equal([first.fact, first.state], ['completed', 'completed']);
      const second = await command('run', '--force');
      assert.is(second.code, 0, second.stderr);
      assert.match(second.stdout, /^run-\S+ completed\nverdict: /);
      for (const stage of ['collect', 'train', 'verify', 'deploy'])
        assert.match(second.stderr, new RegExp(`^  ${stage}`, 'm'));

      await assertStatus(command);
      await assertRuns(command, first.runId);
      await assertCurve(command, first.runId, join(cwd, 'curve.svg'));
      await assertRollback(command);

      await assertCancel(command, first.runId);

      system.kill('SIGINT');
      await assertGone(system, url);
    });
  }));

type Run = (...args: string[]) => Promise<CliEnd>;

async function assertStatus(command: Run): Promise<void> {
  const [asked, shown] = await Promise.all([command('status', '--json'), command('status')]);
  const { models } = json<{ models: ModelStatus[] }>(asked);
  assert.equal(
    models.map(({ model, deployment, activeRun }) => [model, deployment?.current?.release, activeRun]),
    [
      ['endless', undefined, null],
      [MODEL, 2, null],
    ],
  );
  assert.is(models[1]?.replicas.length, 1);
  assert.match(shown.stdout, /in service +release 2/);
}

async function assertRuns(command: Run, first: string): Promise<void> {
  const [listed, asked, shown, unknown, earlier, never] = await Promise.all([
    command('runs', '--json'),
    command('run', 'show', first, '--json'),
    command('run', 'show', first),
    command('run', 'show', 'nobody'),
    command('run', 'show', first, '--at', '2', '--json'),
    command('run', 'show', first, '--at', '99'),
  ]);
  const { runs } = json<{ runs: RunSummary[] }>(listed);
  assert.equal(
    runs.map(({ state }) => state),
    ['completed', 'completed'],
  );
  assert.is(runs[1]?.runId, first);
  const { timeline } = json<{ timeline: TimelineEntry[] }>(asked);
  assert.equal([timeline[0]?.cause, timeline.at(-1)?.state], ['started', 'completed']);
  assert.equal([timeline[0]?.actor, timeline[1]?.actor, timeline.at(-1)?.durationMs], ['operator', 'collector', null]);
  assert.ok(timeline.slice(0, -1).every(({ durationMs }) => durationMs !== null && durationMs >= 0));
  const then = json<{ state: string; timeline: TimelineEntry[]; context: { candidate: unknown } }>(earlier);
  assert.equal([then.state, then.timeline.length, then.context.candidate], [timeline[1]!.state, 2, null]);
  assert.match(never.stderr, /transition 99 is not kept; those kept are 1 to \d+ \[REQUEST_INVALID\]/);
  assert.match(shown.stdout, new RegExp(`^${first}  ${MODEL}  \\S+Z  completed`));
  assert.match(shown.stdout, /the trainer is done/);
  assert.is(unknown.code, 1);
  assert.match(unknown.stderr, /^nightshift: no run nobody is stored.*\[RUN_UNKNOWN\]\n$/);
}

async function assertCurve(command: Run, runId: string, file: string): Promise<void> {
  const curve = json<LearningCurve>(await command('curve', runId, '--json', '--out', file));
  assert.equal([curve.runId, curve.model, curve.points.map(({ epoch }) => epoch)], [runId, MODEL, [1, 2]]);
  for (const { learningRate, imagesPerSecond } of curve.points) assert.ok(learningRate! > 0 && imagesPerSecond! > 0);
  const picture = await readFile(file, 'utf8');
  assert.ok(picture.startsWith('<svg') && picture.includes(runId), picture.slice(0, 200));
  assert.match((await command('curve', runId)).stdout, /epoch.*loss.*validation rank-1.*images\/s/);
  const unknown = await command('curve', 'nobody');
  assert.is(unknown.code, 1);
  assert.match(unknown.stderr, /^nightshift: no learning curve of nobody.*\[RUN_UNKNOWN\]\n$/);
}

async function assertRollback(command: Run): Promise<void> {
  const back = json<ModelDeployed & { ms: number }>(await command('rollback', '--json'));
  assert.equal([back.release, back.previousRelease], [3, 2]);
  const shown = await command('deployments');
  assert.match(shown.stdout, /^face\n/m);
  assert.match(
    shown.stdout,
    /│ 3 +│ \S+ +│ now +│ - +│ rolled back by operator +│ (anonymous|operator) +│ release 1 │/,
  );
  const { models } = json<{ models: ModelLedger[] }>(await command('deployments', MODEL, '--json'));
  assert.equal(
    models.map(({ releases }) => releases.map(({ release, reason, retained }) => [release, reason, retained])),
    [
      [
        [3, 'operator', false],
        [2, 'deployed', true],
        [1, 'deployed', false],
      ],
    ],
  );
  const unknown = await command('rollback', '--to', '9');
  assert.match(unknown.stderr, /the pair of release 9 is not retained; .* again: 2 \[RELEASE_NOT_RETAINED\]\n$/);
  const undone = await command('rollback', '--to', '2');
  assert.match(
    undone.stdout,
    /^face: release 4 now serves the pair of release 2 \(run \S+\), on 1 replica after \d+ ms\n$/,
  );
  const refused = await command('rollback', 'cats');
  assert.is(refused.code, 1);
  assert.match(refused.stderr, /^nightshift: no pipeline for a model "cats".*\[MODEL_UNKNOWN\]\n$/);
}

async function assertCancel(command: Run, ended: string): Promise<void> {
  const { runId } = json<{ runId: string }>(await command('run', 'endless', '--detach', '--json'));
  const cancelled = await command('cancel', runId, '--reason', 'wrong data');
  assert.equal([cancelled.code, cancelled.stdout], [0, `${runId} cancelled\n`], cancelled.stderr);
  const late = await command('cancel', ended);
  assert.is(late.code, 1);
  assert.match(late.stderr, /^nightshift: .*has ended already.*\[RUN_ENDED\]\n$/);
}

/** Standard output is one JSON object and no more. */
function json<T>({ code, stdout, stderr }: CliEnd): T {
  assert.is(code, 0, stderr);
  assert.is(stdout.trimEnd().split('\n').length, 1, stdout);
  return JSON.parse(stdout) as T;
}

test.run();
