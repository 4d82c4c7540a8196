/**
 * The step from layout 1, that of 0.4.0 and before, to layout 2: the same streams under names with a namespace. Each stream
 * becomes the mirror of the one before it, with its sequences, times and ids, and takes its place when it holds everything.
 * Ended at any point, the next `setup` goes on from there: a stream is deleted only after its mirror is whole, and nothing is
 * deleted before all mirrors are. Called by topology.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { headers } from '@nats-io/nats-core';
import type { ConsumerConfig, JetStreamManager, StreamConfig, StreamInfo } from '@nats-io/jetstream';
import { ALL, BUCKETS, STREAMS } from '../../contracts/subjects.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { unlessMissing } from '../messaging/jetstream.ts';
import { CONSUMER_SPECS } from './consumers.ts';
import { localStream, NAMESPACE_DEFAULT, wireName, wireStream, wireSubject } from './namespace.ts';
import { changeOf, type Change } from './plan.ts';
import { kvStreamName, objectStreamName, type StreamSpec } from './streams.ts';

/** Streams of layout 1 by their names, with the descriptions by which they are known; buckets had none. */
export const LAYOUT_1: Readonly<Record<string, string | undefined>> = {
  [STREAMS.ctl]: 'operator commands',
  [STREAMS.commands]: 'saga to workers',
  [STREAMS.events]: 'facts of workers, replicas and runs',
  [STREAMS.timers]: 'durable timers: waiting and fired',
  [STREAMS.dlq]: 'messages that nobody could handle',
  [STREAMS.refused]: 'operator commands that were not obeyed',
  [STREAMS.audit]: 'who commanded what, and who enrolled whom',
  [STREAMS.pending]: 'changes of galleries that wait for a second person, with their images',
  [STREAMS.advisories]: 'messages that the server gave up',
  [STREAMS.enrolments]: 'people enrolled and removed while serving, with their images',
  ...Object.fromEntries(
    [BUCKETS.runs, BUCKETS.deployments, BUCKETS.schedules, BUCKETS.replicas, BUCKETS.forgotten].map((it) => [
      kvStreamName(it),
      undefined,
    ]),
  ),
  ...Object.fromEntries(
    [BUCKETS.datasets, BUCKETS.models, BUCKETS.reports].map((it) => [objectStreamName(it), undefined]),
  ),
};

/** In the metadata of a stream that has not taken the place of the one before it, or whose timers are not set anew. */
const UNFINISHED = 'nightshift.io/unfinished';
/** A mirror takes what it is told within milliseconds; a large bucket takes as long as its bytes. */
const LOOK_AGAIN_MS = 50;
/** Nothing arrives any more: the disk is full, or the server stands still. */
const STANDSTILL_MS = 60_000;

export const isOfLayout1 = ({ name, description }: StreamConfig): boolean =>
  name in LAYOUT_1 && (LAYOUT_1[name] ?? '') === (description ?? '');

/** Whether a stream of ours has not become what it should yet. */
export const isUnfinished = ({ mirror, metadata }: StreamConfig): boolean =>
  mirror !== undefined || metadata?.[UNFINISHED] !== undefined;

/** What the role `setup` must be allowed beside its own rights: of our own server, while this is to be done. */
export const UPGRADE_RIGHTS: readonly string[] = [
  ...Object.keys(LAYOUT_1).map((stream) => `$JS.API.STREAM.DELETE.${stream}`),
  ...CONSUMER_SPECS.map(({ stream, config }) => `$JS.API.CONSUMER.INFO.${stream}.${config.durable_name}`),
  `$JS.API.STREAM.MSG.GET.${wireStream(NAMESPACE_DEFAULT, STREAMS.timers)}`,
  wireSubject(NAMESPACE_DEFAULT, ALL.timers),
];

/** A stream, and the one that it is to become. */
interface Move {
  readonly spec: StreamSpec;
  readonly old: StreamInfo | null;
  readonly now: StreamConfig | null;
}

/** Where heartbeats lie, which are made anew within seconds. */
const NOT_KEPT = kvStreamName(BUCKETS.replicas);

export interface Upgrade {
  readonly changes: readonly Change[];
  run(): Promise<void>;
}

/** `wanted`: wire names, with their mark. Throws LAYOUT_UNKNOWN if actors of the version before are still at work. */
export async function upgradeOf(manager: JetStreamManager, wanted: readonly StreamSpec[]): Promise<Upgrade> {
  const all = new Map<string, StreamInfo>();
  for await (const info of manager.streams.list()) all.set(info.config.name, info);
  const moves = wanted.map((spec): Move => {
    const old = all.get(localStream(spec.name)) ?? null;
    return { spec, old: old && isOfLayout1(old.config) ? old : null, now: all.get(spec.name)?.config ?? null };
  });
  const readers = await readersOf(manager, moves);
  const changes = moves.flatMap(({ old, spec }): Change[] =>
    old ? [{ kind: 'rename', what: `stream ${old.config.name} to ${spec.name}`, fields: [] }] : [],
  );
  return { changes, run: () => upgrade(manager, moves, readers) };
}

type Reader = { readonly stream: string; readonly config: Partial<ConsumerConfig> };

/** The consumers of streams that keep what was read: each goes on where it stood. Work queues hold what is unread alone. */
async function readersOf(manager: JetStreamManager, moves: readonly Move[]): Promise<readonly Reader[]> {
  const readers: Reader[] = [];
  for (const { stream, config } of CONSUMER_SPECS) {
    const move = moves.find(({ old }) => old?.config.name === stream);
    if (!move) continue;
    // Older stores have fewer.
    const info = await unlessMissing(() => manager.consumers.info(stream, config.durable_name));
    if (info === null) continue;
    if (info.num_waiting > 0) throw atWork(stream, config.durable_name);
    if (move.old?.config.retention === 'workqueue') continue;
    const filters = config.filter_subjects?.map((subject) => wireSubject(NAMESPACE_DEFAULT, subject)) ?? [];
    const names = { durable_name: wireName(NAMESPACE_DEFAULT, config.durable_name), filter_subjects: filters };
    const from = { deliver_policy: 'by_start_sequence', opt_start_seq: info.ack_floor.stream_seq + 1 } as const;
    readers.push({ stream, config: { ...config, ...names, ...from } });
  }
  return readers;
}

const atWork = (stream: string, consumer: string) =>
  new PipelineError(
    'LAYOUT_UNKNOWN',
    `stream ${stream} is of Nightshift 0.4.0 or before (layout 1), and an actor of that version still asks ${consumer} for work: end all actors, then run this again`,
  );

async function upgrade(manager: JetStreamManager, moves: readonly Move[], readers: readonly Reader[]): Promise<void> {
  const kept = moves.filter(({ old }) => old !== null && old.config.name !== NOT_KEPT);
  for (const { spec, old, now } of kept) if (now === null) await manager.streams.add(successorOf(spec, old!));
  for (const { spec, old } of kept) await untilWhole(manager, spec.name, old!);
  for (const { spec, old } of moves) await replace(manager, spec, old, readers);
}

/** It waits for its subjects, which a server gives to one stream alone. */
const successorOf = (spec: StreamSpec, old: StreamInfo): StreamSpec =>
  old.state.messages > 0 ? mirrorOf(spec, old.config) : emptyOf(spec, old);

/** What a mirror may not have: its own subjects, schedules, and marks of what has expired. */
function mirrorOf(spec: StreamSpec, old: StreamConfig): StreamSpec {
  const wanted = unfinished(specFor(spec, old));
  const { subjects: _subjects, allow_msg_schedules: _schedules, subject_delete_marker_ttl: _marker, ...rest } = wanted;
  const transforms = transformsOf(old);
  return {
    ...rest,
    mirror: { name: old.name, ...(transforms.length === 0 ? {} : { subject_transforms: transforms }) },
  };
}

/** Its sequences go on, because ids are made of them. A stream has a subject; nobody publishes on its own name. */
const emptyOf = (spec: StreamSpec, { config, state }: StreamInfo): StreamSpec => ({
  ...unfinished(specFor(spec, config)),
  subjects: [spec.name],
  first_seq: state.last_seq + 1,
});

const unfinished = (spec: StreamSpec): StreamSpec => ({
  ...spec,
  metadata: { ...spec.metadata, [UNFINISHED]: 'from layout 1' },
});

/** Copies and limits that were raised stay so. */
function specFor(spec: StreamSpec, old: StreamConfig): StreamSpec {
  const raised = changeOf('', { ...old }, { ...spec }, false)?.fields.filter(({ isKept }) => isKept) ?? [];
  return { ...spec, ...Object.fromEntries(raised.map(({ field, from }) => [field, from])) };
}

/** Subjects of ours are the same in both layouts; those of buckets and of notices have names of streams in them. */
function transformsOf({ name, subjects }: StreamConfig): { src: string; dest: string }[] {
  const sources = name === STREAMS.advisories ? noticesOf() : subjects;
  return sources
    .map((src) => ({ src, dest: wireSubject(NAMESPACE_DEFAULT, src) }))
    .filter(({ src, dest }) => src !== dest);
}

const noticesOf = () =>
  CONSUMER_SPECS.flatMap(({ stream, config }) =>
    ['MAX_DELIVERIES', 'MSG_TERMINATED'].map(
      (why) => `$JS.EVENT.ADVISORY.CONSUMER.${why}.${stream}.${config.durable_name}`,
    ),
  );

/** Throws NATS_UNAVAILABLE if nothing arrives any more. */
async function untilWhole(
  manager: JetStreamManager,
  name: string,
  { config, state: wanted }: StreamInfo,
): Promise<void> {
  let [held, changedAt] = [-1, performance.now()];
  for (;;) {
    const { state, mirror } = await manager.streams.info(name);
    // Notices of consumers that are none of ours are left behind.
    const isWhole = state.messages === wanted.messages || config.name === STREAMS.advisories;
    if (mirror === undefined || (isWhole && mirror.lag === 0 && mirror.active >= 0)) return;
    if (state.messages !== held) [held, changedAt] = [state.messages, performance.now()];
    if (performance.now() - changedAt > STANDSTILL_MS)
      throw standstill(name, config.name, state.messages, wanted.messages);
    await delay(LOOK_AGAIN_MS);
  }
}

const standstill = (name: string, old: string, has: number, wanted: number) =>
  new PipelineError(
    'NATS_UNAVAILABLE',
    `stream ${name} holds ${has} of the ${wanted} messages of ${old} and takes no more: look into the log of nats-server, and run this again; nothing of ${old} was deleted`,
    { retryable: true },
  );

/** From here on there is no way back to the version before. */
async function replace(
  manager: JetStreamManager,
  spec: StreamSpec,
  old: StreamInfo | null,
  readers: readonly Reader[],
): Promise<void> {
  const now = await unlessMissing(async () => (await manager.streams.info(spec.name)).config);
  const isTimers = localStream(spec.name) === STREAMS.timers;
  if (now?.mirror) {
    const own = readers.filter(({ stream }) => stream === localStream(spec.name));
    for (const { config } of own) await manager.consumers.add(spec.name, config);
  }
  if (old) await manager.streams.delete(old.config.name);
  if (!now || !isUnfinished(now)) return;
  const { [UNFINISHED]: _finished, ...metadata } = now.metadata ?? {};
  // The client takes the rest from what is there; a field that is undefined is left out.
  const whole = { ...specFor(spec, now), ...NO_MIRROR, metadata: isTimers ? now.metadata! : metadata };
  await manager.streams.update(spec.name, whole);
  if (!isTimers) return;
  await setTimersAnew(manager, spec.name);
  await manager.streams.update(spec.name, { metadata });
}

const NO_MIRROR = { mirror: undefined } as unknown as Partial<StreamConfig>; // The client's type knows no removal.

/**
 * A mirror sets no timers: each is published again on its own subject, which replaces it; one that is due fires at once. Also
 * those that an operator has set by hand.
 */
async function setTimersAnew(manager: JetStreamManager, stream: string): Promise<void> {
  const all = wireSubject(NAMESPACE_DEFAULT, ALL.timers);
  const { state } = await manager.streams.info(stream, { subjects_filter: all });
  for (const subject of Object.keys(state.subjects ?? {})) {
    const timer = await manager.streams.getMessage(stream, { last_by_subj: subject });
    if (!timer?.header.has(SCHEDULE)) continue;
    const meta = headers();
    for (const [name, values] of timer.header) if (!ONCE.includes(name)) meta.set(name, values[0] ?? '');
    await manager.jetstream().publish(subject, timer.data, { headers: meta });
  }
}

/** When it is due. A message that has fired has none. */
const SCHEDULE = 'Nats-Schedule';
/** The server would take the message for one that it has. */
const ONCE: readonly string[] = ['Nats-Msg-Id'];
