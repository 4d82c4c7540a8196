/** The traces that a story leaves on the server, and whether anything still goes on there. */
import { Objm } from '@nats-io/obj';
import type { NatsConnection } from 'nats';
import { CheckpointSchema, runKey } from '../../../actors/orchestrator/context.ts';
import { parseSubject } from '../../../contracts/parse-subject.ts';
import { OutcomeSchema, type Outcome } from '../../../contracts/commands.ts';
import { ScheduleRecordSchema, type ScheduleRecord } from '../../../contracts/configuration/schedule.ts';
import {
  ALL,
  BUCKETS,
  WORK_STAGES,
  SCHEDULE_TIMER,
  STREAMS,
  timerScheduleSubject,
} from '../../../contracts/subjects.ts';
import { DeploymentSchema } from '../../../contracts/release.ts';
import { CONSUMER_SPECS } from '../../../infra/topology/consumers.ts';
import { createDeadLetterStore } from '../../../infra/stores/dead-letter-store.ts';
import { createRecordStore, openKv } from '../../../infra/stores/record-store.ts';
import { statePath, type Checkpoint } from '../../../machines/step.ts';
import { CARD_FILE } from '../../../services/report/files.ts';
import { MODEL } from './names.ts';
import { localName } from '../../../infra/topology/namespace.ts';
import { managerOf, wireBucket, wireClientOf } from '../../../infra/messaging/jetstream.ts';

/** Without what differs from one time to the next: times, speeds, names of replicas. */
export interface Traces {
  readonly runs: readonly RunTrace[];
  readonly artefacts: readonly string[];
  readonly events: readonly string[];
  /** Consumer and reason of each dead letter. The runs before the story are not stored, so what is said of them is one. */
  readonly letters: readonly string[];
  readonly champion: object | null;
  /** The schedule's decisions, the slot that it waits for, and what the server will wake it for. */
  readonly schedule: object | null;
}

export interface RunTrace {
  readonly runId: string;
  readonly state: string;
  readonly transitions: number;
  readonly attempts: readonly number[];
}

/** All that is found once a story has ended. */
export interface Found {
  /** Stored twice under one id. */
  readonly doubled: readonly string[];
  readonly traces: Traces;
  /** Each run's checkpoints, oldest first. */
  readonly histories: readonly (readonly Checkpoint[])[];
  /** The revisions of the schedule's record, oldest first; empty where the model has none. */
  readonly schedules: readonly ScheduleRecord[];
  /** Subjects of the timers that have fired. */
  readonly timers: readonly string[];
  readonly outcomes: readonly Outcome[];
}

export async function findTraces(nc: NatsConnection, runIds: readonly string[]): Promise<Found> {
  const store = await runsIn(nc);
  const records = await Promise.all(runIds.map((runId) => store.history(runKey(runId))));
  const histories = records.map((record) => record.map(({ value }) => value));
  const schedules = createRecordStore({ kv: await openKv(nc, BUCKETS.schedules), schema: ScheduleRecordSchema });
  const scheduled = (await schedules.history(MODEL)).map(({ value }) => value);
  const events = await messagesOf(nc, STREAMS.events);
  const ids = events.map(({ id }) => id);
  return {
    doubled: ids.filter((id, index) => ids.indexOf(id) !== index),
    traces: {
      runs: histories.flatMap((history) => (history.length > 0 ? [traceOf(history)] : [])),
      artefacts: await objectsOf(nc),
      events: events.map(({ subject }) => subject).sort(),
      letters: await lettersIn(nc),
      champion: await championIn(nc),
      schedule: await scheduleOf(nc, scheduled),
    },
    histories,
    schedules: scheduled,
    timers: await firedTimers(nc),
    outcomes: events.flatMap(({ outcome }) => outcome ?? []),
  };
}

function traceOf(history: readonly Checkpoint[]): RunTrace {
  const last = history.at(-1)!; // Asked of runs that were stored.
  const attemptsOf = (stage: string) =>
    Math.max(0, ...history.filter(({ context }) => context.stage === stage).map(({ context }) => context.attempt));
  return {
    runId: last.context.runId,
    state: statePath(last.value),
    transitions: last.transition,
    attempts: WORK_STAGES.map(attemptsOf),
  };
}

async function championIn(nc: NatsConnection): Promise<object | null> {
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const current = (await deployments.load(MODEL))?.value.current;
  if (!current) return null;
  const { release, model, gallery, golden } = current;
  return { release, model: model.digest, gallery: gallery.digest, golden: golden.digest };
}

/** Each start of an orchestrator arms the timer anew; that it is armed, and for when, is what counts. */
async function scheduleOf(nc: NatsConnection, records: readonly ScheduleRecord[]): Promise<object | null> {
  const last = records.at(-1);
  if (!last) return null;
  const { paused, next, waiting, armed, recent, outbox } = last;
  const { streams } = await managerOf(nc);
  const timer = await streams.getMessage(STREAMS.timers, { last_by_subj: timerScheduleSubject(SCHEDULE_TIMER, MODEL) });
  const wakes = timer?.json<{ data: unknown }>().data ?? null;
  return { paused, next, waiting, dueAt: armed.dueAt, recent, outbox, wakes };
}

async function lettersIn(nc: NatsConnection): Promise<string[]> {
  const { letters } = await (await createDeadLetterStore(nc)).newest(LETTERS_MAX);
  return letters
    .filter(({ subject }) => !isLeftOut(subject))
    .map(({ consumer, subject, code }) => `${consumer} ${subject} ${code}`)
    .sort();
}
/** No story has more than a few. */
const LETTERS_MAX = 100;

const runsIn = async (nc: NatsConnection) =>
  createRecordStore({ kv: await openKv(nc, BUCKETS.runs), schema: CheckpointSchema });

/** Whether each of the runs has ended, with all that its end asks for done. */
export async function isAtRest(nc: NatsConnection, runIds: readonly string[]): Promise<boolean> {
  const store = await runsIn(nc);
  const runs = await Promise.all(runIds.map((runId) => store.load(runKey(runId))));
  return runs.every((run) => run?.value.status === 'done' && run.value.outbox.length === 0);
}

/** No message of any consumer waits or is under way. */
export async function isQuiet(nc: NatsConnection): Promise<boolean> {
  const { consumers } = await managerOf(nc);
  const infos = await Promise.all(
    CONSUMER_SPECS.map(({ stream, config }) => consumers.info(stream, config.durable_name)),
  );
  return infos.every(({ num_pending, num_ack_pending }) => num_pending === 0 && num_ack_pending === 0);
}

interface Message {
  readonly id: string;
  /** With the reason of a failure, and whether an operator's command changed anything. */
  readonly subject: string;
  /** Of an answer to an operator. */
  readonly outcome: Outcome | null;
}

/** All events of the run. Signs of life are as many as there was time for. */
async function messagesOf(nc: NatsConnection, stream: string): Promise<Message[]> {
  const manager = await managerOf(nc);
  const { state } = await manager.streams.info(stream);
  const messages: Message[] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const stored = await manager.streams.getMessage(stream, { seq });
    if (!stored || isLeftOut(stored.subject)) continue;
    const { id, data } = stored.json<{
      id: string;
      data: { failure?: { message: string } | null; changed?: boolean; subject?: string };
    }>();
    // Of a letter that is left out itself.
    if (parseSubject(stored.subject).family === 'dead-letter-event' && isLeftOut(data.subject ?? '')) continue;
    const told = [stored.subject, data.changed === false && 'unchanged', reasonOf(data.failure?.message ?? '')];
    const isAnswer = parseSubject(stored.subject).family === 'operator-event';
    const outcome = isAnswer ? OutcomeSchema.parse(data) : null;
    messages.push({ id, subject: told.filter(Boolean).join(' '), outcome });
  }
  return messages;
}

function isLeftOut(subject: string): boolean {
  const parsed = parseSubject(subject);
  return 'runId' in parsed && (('fact' in parsed && parsed.fact === 'progressed') || isEarlier(parsed.runId));
}

/** Runs before the story are known by their id. */
const isEarlier = (runId: string) => runId.startsWith('earlier-');

/** Without what differs from one time to the next. */
const reasonOf = (message: string) => message.replaceAll(/\br-[0-9a-f]{8}/g, 'r').replaceAll(/[\d.]+ ms/g, 'some ms');

async function firedTimers(nc: NatsConnection): Promise<string[]> {
  const { streams } = await managerOf(nc);
  const filters = [ALL.timersFired, ALL.slots];
  const infos = await Promise.all(filters.map((subjects_filter) => streams.info(STREAMS.timers, { subjects_filter })));
  return infos.flatMap(({ state }) => Object.keys(state.subjects ?? {}));
}

/** Every object with its digest. The reports of verification and training, and the model card, hold figures of speed. */
async function objectsOf(nc: NatsConnection): Promise<string[]> {
  const manager = new Objm(wireClientOf(nc));
  const names = [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports];
  const lists = await Promise.all(names.map(async (name) => (await manager.open(wireBucket(nc, name), false)).list()));
  return lists
    .flat()
    .filter(({ deleted }) => !deleted)
    .map(
      ({ bucket, name, digest }) =>
        `${localName(bucket)}/${name}${localName(bucket) === BUCKETS.reports || name.endsWith(CARD_FILE) ? '' : ` ${digest}`}`,
    )
    .sort();
}
