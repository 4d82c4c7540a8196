/** What a run leaves behind on the server, and whether anything still goes on there. */
import { Objm } from '@nats-io/obj';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { CheckpointSchema, runKey } from '../../../actors/orchestrator/context.ts';
import { ALL, BUCKETS, NOUNS, STREAMS } from '../../../contracts/subjects.ts';
import { DeploymentSchema } from '../../../contracts/values.ts';
import { CONSUMER_SPECS } from '../../../infra/consumers.ts';
import { createRecordStore, openKv } from '../../../infra/record-store.ts';
import { statePath, type Checkpoint } from '../../../machines/step.ts';
import { MODEL, RUN } from './stories.ts';

/** Without what differs from one time to the next: times, speeds, names of replicas. */
export interface Traces {
  readonly state: string;
  readonly transitions: number;
  readonly attempts: readonly number[];
  readonly artefacts: readonly string[];
  readonly events: readonly string[];
  readonly champion: object | null;
}

/** All that is found once a run has ended. */
export interface Found {
  /** Stored twice under one id. */
  readonly doubled: readonly string[];
  readonly traces: Traces;
  /** The run's checkpoints, oldest first. */
  readonly history: readonly Checkpoint[];
  /** Subjects of the timers that have fired. */
  readonly timers: readonly string[];
}

export async function findTraces(nc: NatsConnection): Promise<Found> {
  const runs = createRecordStore({ kv: await openKv(nc, BUCKETS.runs), schema: CheckpointSchema });
  const history = (await runs.history(runKey(RUN))).map(({ value }) => value);
  const events = await messagesOf(nc, STREAMS.events);
  const ids = events.map(({ id }) => id);
  return {
    doubled: ids.filter((id, index) => ids.indexOf(id) !== index),
    traces: await tracesOf(nc, history, events),
    history,
    timers: await firedTimers(nc),
  };
}

async function tracesOf(nc: NatsConnection, history: readonly Checkpoint[], events: readonly Message[]) {
  const last = history.at(-1);
  if (!last) throw new Error('the run was never stored');
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const current = (await deployments.load(MODEL))?.value.current;
  const attemptsOf = (noun: string) =>
    Math.max(0, ...history.filter(({ context }) => context.stage === noun).map(({ context }) => context.attempt));
  return {
    state: statePath(last.value),
    transitions: last.transition,
    attempts: NOUNS.map(attemptsOf),
    artefacts: await objectsOf(nc),
    events: events.map(({ subject }) => subject).sort(),
    champion: current
      ? {
          epoch: current.epoch,
          model: current.model.digest,
          gallery: current.gallery.digest,
          golden: current.golden.digest,
        }
      : null,
  };
}

export async function isAtRest(nc: NatsConnection): Promise<boolean> {
  const runs = createRecordStore({ kv: await openKv(nc, BUCKETS.runs), schema: CheckpointSchema });
  const run = (await runs.load(runKey(RUN)))?.value;
  return run?.status === 'done' && run.outbox.length === 0;
}

/** No message of any consumer waits or is under way. */
export async function isQuiet(nc: NatsConnection): Promise<boolean> {
  const { consumers } = await jetstreamManager(nc);
  const infos = await Promise.all(
    CONSUMER_SPECS.map(({ stream, config }) => consumers.info(stream, config.durable_name)),
  );
  return infos.every(({ num_pending, num_ack_pending }) => num_pending === 0 && num_ack_pending === 0);
}

interface Message {
  readonly id: string;
  /** With the reason of a failure. */
  readonly subject: string;
}

/** What was said of the run. Signs of life are as many as there was time for. */
async function messagesOf(nc: NatsConnection, stream: string): Promise<Message[]> {
  const manager = await jetstreamManager(nc);
  const { state } = await manager.streams.info(stream);
  const messages: Message[] = [];
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const stored = await manager.streams.getMessage(stream, { seq });
    if (!stored || stored.subject.includes('.progressed.') || stored.subject.includes('.earlier-')) continue;
    const { id, data } = stored.json<{ id: string; data: { failure?: { message: string } | null } }>();
    messages.push({ id, subject: [stored.subject, reasonOf(data.failure?.message ?? '')].join(' ').trim() });
  }
  return messages;
}

/** Without what differs from one time to the next. */
const reasonOf = (message: string) => message.replaceAll(/\br-[0-9a-f]{8}/g, 'r').replaceAll(/[\d.]+ ms/g, 'some ms');

async function firedTimers(nc: NatsConnection): Promise<string[]> {
  const manager = await jetstreamManager(nc);
  const { state } = await manager.streams.info(STREAMS.timers, { subjects_filter: ALL.timersFired });
  return Object.keys(state.subjects ?? {});
}

/** Every object with its digest. The report of verification and that of training hold figures of speed. */
async function objectsOf(nc: NatsConnection): Promise<string[]> {
  const manager = new Objm(nc);
  const names = [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports];
  const lists = await Promise.all(names.map(async (name) => (await manager.open(name, false)).list()));
  return lists
    .flat()
    .filter(({ deleted }) => !deleted)
    .map(({ bucket, name, digest }) => `${bucket}/${name}${bucket === BUCKETS.reports ? '' : ` ${digest}`}`)
    .sort();
}
