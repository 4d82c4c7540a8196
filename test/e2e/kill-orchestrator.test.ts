/**
 * The orchestrator holds no state: killed with -9 at any point of a run and started again, it goes on where the
 * checkpoint stands. Here it is a process of its own, killed in each stage at the points of a step where it hurts. Every
 * run must end as one that nobody disturbed.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nanos } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineEventSchema } from '../../contracts/messages.ts';
import {
  ALL,
  CTL,
  modelDeployedSubject,
  modelRolledBackSubject,
  pipelineEventSubject,
  STREAMS,
} from '../../contracts/subjects.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { statePath } from '../../machines/step.ts';
import { withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { quickPipeline, withSaga, type Saga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { createGate, until } from '../support/wait.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

const STAGES = [
  'collecting',
  'training',
  'verifying',
  'deploying.preparing',
  'deploying.committing',
  'deploying.guarding',
];
const GUARD_MS = 200;
const pipeline = quickPipeline({ deployment: { guardMs: GUARD_MS } });
/** A message that a killed orchestrator held comes back after this time, here sooner than in production. */
const ACK_WAIT_MS = 1_000;

/** Lends an orchestrator in a process of its own; when `killed` resolves, it is killed. */
type Orchestrator = (use: () => Promise<void>, killed?: Promise<void>) => Promise<void>;

/** Everything but the orchestrator runs in this process. */
const withOutsideOrchestrator = (use: (saga: Saga, orchestrator: Orchestrator) => Promise<void>) =>
  withFolder((folder) =>
    withServer((server) =>
      withSaga(server, { orchestrators: 0, pipeline }, async (saga) => {
        await shortenAckWait(saga);
        await writeFile(join(folder, 'nightshift.config.json'), JSON.stringify({ models: { face: pipeline } }));
        const options = { cwd: folder, env: { NATS_URL: server.url, NIGHTSHIFT_LOG_LEVEL: 'warn' } };
        await use(saga, (work, killed) =>
          withCli(['actor', 'orchestrator'], options, async (cli) => {
            void killed?.then(() => cli.kill('SIGKILL'));
            await work();
            if (killed) assert.is((await cli.exited).signal, 'SIGKILL', cli.output());
          }),
        );
      }),
    ),
  );

async function shortenAckWait({ nc }: Saga): Promise<void> {
  const { consumers } = await managerOf(nc);
  const change = { ack_wait: nanos(ACK_WAIT_MS) };
  await consumers.update(STREAMS.ctl, CONSUMERS.ctl, change);
  await consumers.update(STREAMS.events, CONSUMERS.events, change);
  await consumers.update(STREAMS.timers, CONSUMERS.timers, change);
}

/**
 * The points of a step at which a crash makes a difference: the checkpoint is saved and its outbox not carried out; the
 * outbox is carried out, in part at least (its fact is said), and not emptied; it is emptied, and the message not
 * acknowledged.
 */
const POINTS = ['saved', 'announced', 'settled'] as const;
type Point = (typeof POINTS)[number];

/** In the order in which runs come through them. */
const STATES = [...STAGES, 'rollingBack', 'rolledBack', 'completed'];
const rankOf = (path: string) => STATES.findIndex((state) => path.startsWith(state));

interface Entry {
  readonly reached: Promise<void>;
  /** The same with a time limit. */
  wait(): Promise<unknown>;
  stop(): void;
}

/** Resolves when the run has come to that point of entering the state, or is past it: a kill takes a moment to land. */
async function entered(saga: Saga, runId: string, state: string, point: Point): Promise<Entry> {
  const gate = createGate();
  let isOpen = false;
  void gate.opened.then(() => (isOpen = true));
  const watch = await saga.orchestrator.runs.watch('run.>', ({ value: { context, value, outbox } }) => {
    if (!context.runId.startsWith(runId)) return;
    const steps = rankOf(statePath(value)) - rankOf(state);
    const isHere = steps === 0 && point === (outbox.length > 0 ? 'saved' : 'settled');
    if (isHere || steps > 0) gate.open();
  });
  const listening = saga.bus.listen(ALL.events, ({ subject, envelope }) => {
    const announced = PipelineEventSchema.safeParse(envelope.data).data;
    if (point === 'announced' && subject.endsWith(`.${runId}`) && announced?.state.startsWith(state)) gate.open();
  });
  const stop = () => {
    watch.stop();
    listening.stop();
  };
  const wait = () => until(() => isOpen, `${runId} in ${state}, ${point}`);
  return { reached: gate.opened, wait, stop };
}

const start = (saga: Saga, runId: string) =>
  saga.bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id: `${runId}.start` });
const completed = (saga: Saga, runId: string) => saga.event(pipelineEventSubject('completed', runId));

test('orchestrator: killed in every stage and started again, each run completes, and nothing happens twice', () =>
  withOutsideOrchestrator(async (saga, orchestrator) => {
    const killed: string[] = [];
    /** Each process first ends the run in the middle of which the one before it was killed. */
    const startNext = async (runId: string) => {
      for (const before of killed) await completed(saga, before);
      await start(saga, runId);
    };
    for (const [turn, runId] of ['n1', 'n2'].entries()) {
      for (const [index, stage] of STAGES.entries()) {
        const point = POINTS[(index + turn) % POINTS.length]!;
        const { reached, wait, stop } = await entered(saga, runId, stage, point);
        await orchestrator(async () => {
          if (index === 0) await startNext(runId);
          await wait();
        }, reached);
        stop();
      }
      killed.push(runId);
    }
    await orchestrator(async () => {
      await startNext('undisturbed');
      await completed(saga, 'undisturbed');
    });

    await assertNothingTwice(saga);
    const expected = await subjectsOf(saga, 'undisturbed');
    for (const runId of killed) assert.equal(await subjectsOf(saga, runId), expected, runId);
    await assertOneReleaseEach(saga, [...killed, 'undisturbed']);
  }));

async function assertNothingTwice(saga: Saga): Promise<void> {
  const ids = await saga.storedIds();
  assert.is(new Set(ids).size, ids.length, `stored twice:\n${ids.join('\n')}`);
}

/** The subjects of a run's stored events, sorted and without the run. */
async function subjectsOf(saga: Saga, runId: string): Promise<string[]> {
  const events = await saga.storedEvents();
  const own = events.filter(({ subject }) => subject.endsWith(`.${runId}`));
  return own.map(({ subject }) => subject.slice(0, -runId.length)).sort();
}

async function assertOneReleaseEach(saga: Saga, runs: readonly string[]): Promise<void> {
  const last = (await saga.orchestrator.deployments.load('face'))!.value;
  assert.equal(
    last.ledger.map(({ runId }) => runId),
    runs,
  );
  assert.equal([last.releaseMax, last.current?.release, last.announced], [runs.length, runs.length, null]);
  const events = await saga.storedEvents();
  assert.is(events.filter(({ subject }) => subject === modelDeployedSubject('face')).length, runs.length);
}

test('orchestrator: killed in the middle of a rollback and started again, it rolls back once', () =>
  withOutsideOrchestrator(async (saga, orchestrator) => {
    const { reached, wait, stop } = await entered(saga, 'rollback', 'rollingBack', 'saved');
    await orchestrator(async () => {
      for (const runId of ['n1', 'n2']) {
        await start(saga, runId);
        await completed(saga, runId);
      }
      await saga.bus.publish(CTL.modelRollback, { model: 'face' }, { id: 'back' });
      await wait();
    }, reached);
    stop();
    await orchestrator(async () => void (await saga.event(modelRolledBackSubject('face'))));
    const record = (await saga.orchestrator.deployments.load('face'))?.value;
    assert.equal([record?.current?.release, record?.current?.runId, record?.previous?.runId], [3, 'n1', 'n2']);
    await assertNothingTwice(saga);
  }));

test.run();
