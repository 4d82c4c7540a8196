/**
 * Keeps processes up that make one whole: starts each again that ended, with pauses that grow, and gives up with words
 * when one ends again and again. Their outputs become one log, each line with the name of its part. Knows no actor; used by
 * crew.ts.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { PipelineError, type Failure } from '../contracts/errors.ts';
import type { Logger, LogSink } from '../runtime/logger.ts';
import { ACTOR_THREADS, limitMemory } from '../runtime/memory-limit.ts';
import { lowerForGood } from '../runtime/priority.ts';
import { tryKill, type Part } from '../runtime/processes.ts';
import { pauseOf, type Pauses } from '../runtime/retry.ts';
import type { FromActor, ToActor } from './actor-process.messages.ts';

/** After a single crash a part is back at once. Ten in a row take some two minutes: a saga has given its stage up by then. */
const RESTART: Pauses = { pauseMs: 100, growth: { factor: 2, pauseMaxMs: 30_000 } };
/** A part that worked for this long is healthy again: the count begins anew. */
const HEALTHY_AFTER_MS = 60_000;
/** A part ends itself within its grace and says what hung; then this ends it. */
const KILL_AFTER_MS = 500;
const MIB = 1024 * 1024;

export interface PartSpec {
  readonly name: string;
  launch(): Part;
  /** What it is told at each start; not before `start` was called. */
  orders(): ToActor;
  readonly memoryMaxMiB: number | undefined;
  /** Somebody waits for its answers. All others are started after these, and yield to them once they work. */
  readonly isAwaited: boolean;
}

export interface SupervisorOptions {
  readonly parts: readonly PartSpec[];
  readonly restartsMax: number;
  readonly log: Logger;
  /** Where lines of the parts go as they are. */
  readonly sink: LogSink;
}

export interface Supervisor {
  /** Tells the parts to work. */
  start(): void;
  /** Tells those that live now. */
  tell(message: ToActor): void;
  /** Resolves when all work whose answers are awaited. The others have their work from queues, which keep it for them. */
  readonly up: Promise<void>;
  /** Rejects when a part could not be started, or ended too often. */
  readonly failed: Promise<never>;
  /** Ids of the processes that live, by name. */
  pids(): Readonly<Record<string, number>>;
  unstopped(): readonly string[];
  /** The parts that do not work, in words. */
  lacking(): readonly string[];
  /** At once. */
  kill(): void;
  /** Resolves with the names of those that had to be killed; may be called twice. */
  stop(graceMs: number): Promise<readonly string[]>;
}

interface Member {
  readonly spec: PartSpec;
  child: Part | null;
  /** It has worked once. */
  wasUp: boolean;
  /** It works now. */
  isUp: boolean;
  /** Ends in a row. */
  ends: number;
  failure: Failure | null;
}

interface Whole extends SupervisorOptions {
  readonly stopping: AbortController;
  isStarted: boolean;
  readonly tellUp: (member: Member) => void;
  /** Resolves when the awaited work, and when the whole stops. */
  readonly mayOthersStart: Promise<unknown>;
}

/** The processes are started at once, and load their code until they are told to work. */
export function supervise(options: SupervisorOptions): Supervisor {
  const members = options.parts.map((spec): Member => ({
    spec,
    child: null,
    wasUp: false,
    isUp: false,
    ends: 0,
    failure: null,
  }));
  let tellAwaitedUp = () => {};
  const up = new Promise<void>((resolve) => (tellAwaitedUp = resolve));
  const tellUp = (member: Member) => {
    member.wasUp = true;
    member.isUp = true;
    if (members.every(({ wasUp, spec }) => wasUp || !spec.isAwaited)) tellAwaitedUp();
  };
  const stopping = new AbortController();
  const mayOthersStart = Promise.race([up, once(stopping.signal, 'abort')]);
  const whole: Whole = { ...options, stopping, isStarted: false, tellUp, mayOthersStart };
  const lives = members.map((member) => keep(whole, member));
  const failed = new Promise<never>((_, reject) => {
    for (const life of lives) life.catch(reject);
  });
  // It may come before anybody waits for it.
  failed.catch(() => {});
  const living = () => members.filter(({ child }) => child !== null);
  const kill = () => living().forEach(({ child }) => tryKill(child!.pid!, 'SIGKILL'));
  const stopAll = async (graceMs: number) => {
    stopping.abort();
    for (const { child } of living()) tell(child, { type: 'stop', graceMs });
    const late = setTimeout(kill, graceMs + KILL_AFTER_MS);
    const ended = await Promise.all(living().map(endedBySignal));
    await Promise.allSettled(lives);
    clearTimeout(late);
    return ended.filter((name) => name !== null);
  };
  let stopped: Promise<readonly string[]> | null = null;
  return {
    start: () => {
      whole.isStarted = true;
      for (const { child, spec } of living()) tell(child, spec.orders());
    },
    tell: (message) => living().forEach(({ child }) => tell(child, message)),
    up,
    failed,
    pids: () => Object.fromEntries(living().map(({ spec, child }) => [spec.name, child!.pid!])),
    lacking: () =>
      members.filter(({ isUp }) => !isUp).map(({ spec }) => `${spec.name}: its process does not work yet, or again`),
    unstopped: () => living().map(({ spec }) => spec.name),
    kill,
    stop: (graceMs) => (stopped ??= stopAll(graceMs)),
  };
}

/** The name of a part that ended in another way than by itself. */
async function endedBySignal({ spec, child }: Member): Promise<string | null> {
  const [, signal] = (await once(child!, 'exit')) as [number | null, string | null];
  return signal === null ? null : spec.name;
}

/** Resolves when the whole stops. Rejects when the part is given up. */
async function keep(whole: Whole, member: Member): Promise<void> {
  const { stopping, restartsMax, log } = whole;
  const { name, isAwaited } = member.spec;
  if (!isAwaited) await whole.mayOthersStart;
  if (stopping.signal.aborted) return;
  for (;;) {
    const startedAtMs = performance.now();
    const end = await live(whole, member);
    if (stopping.signal.aborted) return;
    const { failure } = member;
    if (failure && !member.wasUp && !isPassing(failure)) throw new PipelineError(failure.code, failure.message);
    member.ends = performance.now() - startedAtMs > HEALTHY_AFTER_MS ? 1 : member.ends + 1;
    const why = failure?.message ?? end;
    if (member.ends > restartsMax) throw givenUp(name, member.ends, why);
    const waitMs = pauseOf(RESTART, member.ends);
    log.error({ actor: name, why, waitMs }, `${name} ended unexpectedly; starting it again`);
    await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
    if (stopping.signal.aborted) return;
  }
}

/** Nobody answered at the start, which may be otherwise in a moment. */
const isPassing = ({ code, retryable }: Failure) => code === 'NATS_UNAVAILABLE' && retryable;

/** One process, from its start to its end; resolves with how that came. */
async function live(whole: Whole, member: Member): Promise<string> {
  const { spec } = member;
  const child = spec.launch();
  member.failure = null;
  for (const stream of [child.stdout, child.stderr]) pass(stream, spec.name, whole);
  child.on('message', (message: FromActor) => {
    if (message.type === 'failed') return void (member.failure = message.failure);
    whole.tellUp(member);
    if (!spec.isAwaited && child.pid !== undefined) lowerForGood(child.pid);
  });
  // ENOMEM, EAGAIN: the machine has no room for a process now.
  if (child.pid === undefined) return once(child, 'error').then(([error]) => String(error));
  member.child = child;
  if (member.wasUp && !spec.isAwaited) lowerForGood(child.pid);
  if (whole.isStarted) tell(child, spec.orders());
  const limit = spec.memoryMaxMiB === undefined ? null : limitMemory(child.pid, spec.memoryMaxMiB * MIB, ACTOR_THREADS);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  member.child = null;
  member.isUp = false;
  (await limit)?.lift();
  return signal ?? `exit code ${code}`;
}

/** A part that has just ended hears nothing; its end is noticed. */
const tell = (child: Part | null, message: ToActor) => void child?.send(message, undefined, {}, () => {});

/** Lines of a log as they are, and all others, such as the last words of a crash, as lines of ours. */
function pass(stream: Readable, name: string, { log, sink }: Whole): void {
  createInterface({ input: stream }).on('line', (line) => {
    if (line.startsWith('{"level":')) sink.write(`${line}\n`);
    else if (line.trim() !== '') log.warn({ actor: name }, line);
  });
}

const givenUp = (name: string, ends: number, why: string) =>
  new PipelineError(
    'ACTOR_FAILED',
    `${name} ended ${ends} times in a row, the last time with ${why}; its last words stand in the log above. Mend that, and start again (supervisor.restartsMax)`,
  );
