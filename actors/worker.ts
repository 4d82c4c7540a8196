/**
 * The harness of collector, trainer and verifier: takes commands of one stage, runs the service, says what became of
 * it. Each command has its effect once: the published fact IS the stored result, so a redelivered command finds it in
 * the EVENTS stream and only acknowledges. Not for inference, whose work is not a command.
 */
import type { Logger } from 'pino';
import type { z } from 'zod';
import { parseData } from '../contracts/envelope.ts';
import { PipelineError, toFailure } from '../contracts/errors.ts';
import {
  AskCommandSchema,
  refusedInStart,
  StartSchemas,
  type Completed,
  type StartCommand,
} from '../contracts/messages.ts';
import { parseSubject } from '../contracts/parse-subject.ts';
import { commandSubject, STREAMS, workEventSubject, type WorkStage, type WorkFact } from '../contracts/subjects.ts';
import { faultPoint } from '../runtime/fault-points.ts';
import { openLogTail } from '../runtime/log-tail.ts';
import { traceparentOf } from '../runtime/trace-context.ts';
import type { Bus, Delivery } from '../infra/messaging/bus.ts';
import { workerConsumer } from '../infra/topology/consumers.ts';
import type { WorkContext } from '../services/work.ts';
import { createProgressReporter } from './progress.ts';

export interface WorkerOptions<N extends WorkStage> {
  readonly stage: N;
  readonly bus: Bus;
  readonly log: Logger;
  /** How often a quiet worker gives a sign of life; absent: as often as the saga's default window needs. */
  readonly heartbeatMs?: number;
  /** Does the work. An error that it throws becomes the stage's failure; the saga decides about another attempt. */
  readonly work: (command: StartCommand<N>, context: WorkContext) => Promise<Omit<Completed<N>, 'durationMs'>>;
}

export interface Worker {
  /** Takes no more commands; work under way is left to a redelivery, which resumes it. */
  stop(): Promise<void>;
  /** The runs at which it is at work. */
  underWay(): readonly string[];
}

/** Long work is heavy: one at a time in a process, more processes for more at once. */
const STARTS_AT_ONCE = 1;
const CONTROLS_AT_ONCE = 8;
/** A start command that kills its process this often is not tried again; it goes to the dead letters. */
const DELIVERIES_MAX = 5;

interface WorkerState<N extends WorkStage> extends WorkerOptions<N> {
  /** Start command id -> its run, and what stops it. */
  readonly running: Map<string, { readonly runId: string; readonly controller: AbortController }>;
}

export function startWorker<N extends WorkStage>(options: WorkerOptions<N>): Worker {
  const state: WorkerState<N> = { ...options, running: new Map() };
  const common = { stream: STREAMS.commands, deliveriesMax: DELIVERIES_MAX };
  const starts = options.bus.consume({
    ...common,
    consumer: workerConsumer(options.stage, 'start'),
    concurrency: STARTS_AT_ONCE,
    handle: (delivery) => handleStart(state, delivery),
    onDeadLetter: async (failure, { envelope, subject }) => {
      // Unread, the command names no run that could be told; the stage's deadline finds that nobody holds it.
      const command = parseSubject(subject);
      if (!envelope || command.family !== 'command') return;
      // A command that was queued by an orchestrator before 0.4.0 carries a whole configuration; the next carries names.
      const retryable = failure.retryable || failure.code === 'LOCAL_SETTING';
      const ids = { commandId: envelope.id, runId: command.runId };
      await publishEnd(state, ids, 'failed', { failure: { ...failure, retryable } });
    },
  });
  const controls = options.bus.consume({
    ...common,
    consumer: workerConsumer(options.stage, 'control'),
    concurrency: CONTROLS_AT_ONCE,
    handle: (delivery) => handleControl(state, delivery),
  });
  // Every instance hears of a cancellation, whichever of them the durable consumer hands it to.
  const heard = options.bus.listen(
    commandSubject(options.stage, 'cancel', '*'),
    (delivery) => void stopLocally(state, parseData(AskCommandSchema, delivery.envelope).runId, delivery.envelope.id),
  );
  return {
    stop: async () => {
      heard.stop();
      for (const { controller } of state.running.values()) controller.abort(new Interrupted());
      await Promise.all([starts.stop(), controls.stop()]);
    },
    underWay: () => Array.from(state.running.values(), ({ runId }) => runId),
  };
}

/** The process is stopping, not the run: nothing is said, and the command is delivered again elsewhere or later. */
class Interrupted extends PipelineError {
  constructor() {
    super('INTERNAL', 'the worker is stopping; the command will be delivered again', { retryable: true });
  }
}

interface Ids {
  readonly commandId: string;
  readonly runId: string;
  /** Unknown only of a command that became a dead letter. */
  readonly model?: string;
}

/** And of the span of the work, if there are traces. */
interface Work extends Ids {
  readonly spanId?: string | undefined;
}

async function handleStart<N extends WorkStage>(state: WorkerState<N>, delivery: Delivery): Promise<void> {
  refuseLocal(state, delivery);
  // The schema is chosen by the stage; TypeScript does not follow the correlation through the index.
  const command = parseData(StartSchemas[state.stage] as unknown as z.ZodType<StartCommand<N>>, delivery.envelope);
  const ids = { commandId: delivery.envelope.id, runId: command.runId, model: command.model };
  const { spanId } = delivery;
  // Before anything is awaited: a cancellation that comes meanwhile finds it.
  const controller = new AbortController();
  state.running.set(ids.commandId, { runId: ids.runId, controller });
  try {
    if ((await storedEnd(state, ids)) || (await isSuperseded(state, ids))) return;
    faultPoint('worker.received', ids.commandId);
    await doWork(state, { ...ids, spanId }, command, controller.signal);
  } finally {
    state.running.delete(ids.commandId);
  }
}

/** Nothing of such a command is looked at, let alone used. Throws LOCAL_SETTING with all that it may not carry. */
function refuseLocal<N extends WorkStage>({ stage }: WorkerState<N>, { envelope, subject }: Delivery): void {
  const refused = refusedInStart(stage, envelope.data);
  if (refused.length === 0) return;
  throw new PipelineError(
    'LOCAL_SETTING',
    `${stage}: ${subject} carries what no message may: ${refused.map(({ path }) => path).join(', ')}. Programs, paths, ` +
      'addresses and modules stand in the configuration file of this machine, and commands have their names',
  );
}

async function doWork<N extends WorkStage>(
  state: WorkerState<N>,
  { spanId, ...ids }: Work,
  command: StartCommand<N>,
  signal: AbortSignal,
) {
  const { stage, bus } = state;
  const log = state.log.child({ runId: ids.runId, commandId: ids.commandId });
  const tail = openLogTail(ids.runId);
  const progress = createProgressReporter(
    async (report, number) => {
      const id = `${ids.commandId}.progress.${Date.now()}.${number}`;
      await bus.publish(workEventSubject(stage, 'progressed', ids.runId), { ...ids, progress: report }, { id });
    },
    log,
    state.heartbeatMs,
  );
  const startedAt = performance.now();
  log.info({}, `${stage}: started`);
  try {
    signal.throwIfAborted();
    const result = await state.work(command, { signal, progress: progress.report, log, now: () => performance.now() });
    await progress.finish();
    const durationMs = Math.round(performance.now() - startedAt);
    await publishEnd(state, ids, 'completed', { ...result, durationMs }, spanId);
    log.info({ durationMs }, `${stage}: completed`);
  } catch (error) {
    await progress.finish();
    if (signal.reason instanceof Interrupted) throw signal.reason;
    if (signal.aborted) return publishEnd(state, ids, 'cancelled', {}, spanId);
    const failure = toFailure(error);
    log.warn({ err: error }, `${stage}: failed: ${failure.message}`);
    await publishEnd(state, ids, 'failed', { failure, lastLines: tail.lines() }, spanId);
  } finally {
    tail.close();
  }
}

async function publishEnd<N extends WorkStage>(
  state: WorkerState<N>,
  ids: Ids,
  fact: WorkFact,
  data: object,
  parentSpanId?: string,
): Promise<void> {
  await publishFact(state, fact, `${ids.commandId}.${fact}`, { ...ids, ...data }, parentSpanId);
  faultPoint('worker.published', ids.commandId);
}

async function publishFact<N extends WorkStage>(
  { stage, bus }: WorkerState<N>,
  fact: WorkFact,
  id: string,
  data: Ids,
  parentSpanId?: string,
): Promise<void> {
  const traceparent = traceparentOf(data.runId, id);
  await bus.publish(workEventSubject(stage, fact, data.runId), data, { id, traceparent, parentSpanId });
}

/**
 * How the command has ended already, here or in another process; null while it has not. A result or a cancellation ends
 * every attempt of its run's stage; a failure only its own.
 */
async function storedEnd<N extends WorkStage>({ stage, bus }: WorkerState<N>, { runId, commandId }: Ids) {
  const last = async (fact: WorkFact) => {
    const stored = await bus.lastOn(STREAMS.events, workEventSubject(stage, fact, runId));
    return stored && { fact, commandId: idOf(stored.data) };
  };
  const [completed, failed, cancelled] = await Promise.all([last('completed'), last('failed'), last('cancelled')]);
  return completed ?? cancelled ?? (failed?.commandId === commandId ? failed : null);
}

/** A later attempt of the same stage waits in the queue: this one was given up, and that one does the work. */
async function isSuperseded<N extends WorkStage>({ stage, bus }: WorkerState<N>, { runId, commandId }: Ids) {
  const latest = await bus.lastOn(STREAMS.commands, commandSubject(stage, 'start', runId));
  return latest !== null && latest.id !== commandId;
}

const idOf = (data: unknown) =>
  typeof data === 'object' && data !== null && 'commandId' in data ? data.commandId : null;

/** `cancel` and `report`. The start command stays in its stream for as long as somebody holds it. */
async function handleControl<N extends WorkStage>(
  state: WorkerState<N>,
  { subject, envelope, spanId }: Delivery,
): Promise<void> {
  const { startId, runId, model } = parseData(AskCommandSchema, envelope);
  const ids = { commandId: startId, runId, model };
  const say = (fact: WorkFact, id: string) => publishFact(state, fact, id, ids, spanId);
  const command = parseSubject(subject);
  if (command.family === 'command' && command.verb === 'cancel') return cancel(state, ids, envelope.id, say);
  if (await storedEnd(state, ids)) return;
  const isHeld = await state.bus.hasPending(STREAMS.commands, commandSubject(state.stage, 'start', runId));
  const fact = isHeld ? 'working' : 'absent';
  return say(fact, `${envelope.id}.${fact}`);
}

async function cancel<N extends WorkStage>(
  state: WorkerState<N>,
  ids: Ids,
  cancelId: string,
  say: (fact: WorkFact, id: string) => Promise<void>,
): Promise<void> {
  const end = await storedEnd(state, ids);
  if (end?.fact === 'cancelled' && end.commandId === ids.commandId) return;
  if (end) return say('absent', `${cancelId}.absent`);
  // The one that runs it says so when it has stopped. It may have heard nothing: a start that was delivered again begins late.
  if (stopLocally(state, ids.runId, cancelId).includes(ids.commandId)) return;
  // A command that waits in the queue is cancelled by saying so: whoever takes it finds the fact and lets it go.
  return say('cancelled', `${ids.commandId}.cancelled`);
}

/** The start commands whose work was told to stop: all attempts of the run that are under way here. */
function stopLocally<N extends WorkStage>(
  { stage, running }: WorkerState<N>,
  runId: string,
  cancelId: string,
): string[] {
  const works = [...running].filter(([, work]) => work.runId === runId);
  for (const [, { controller }] of works) {
    controller.abort(new PipelineError('CANCELLED', `${stage}: cancelled by command ${cancelId}`));
  }
  return works.map(([startId]) => startId);
}
