/**
 * The one way in which a run moves: load its checkpoint (or take the one that was just saved here), drop what was seen,
 * flush a leftover outbox, step, compare-and-save, carry out the outbox, settle. Every line may run twice, on any number
 * of orchestrators; the caller acknowledges its message only when all of it is done.
 */
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import { retry, type RetryPolicy } from '../../runtime/retry.ts';
import {
  placeOf,
  firstCheckpoint,
  step,
  stepTimer,
  wasSeen,
  type Checkpoint,
  type Effect,
} from '../../machines/step.ts';
import type { PipelineInput } from '../../machines/pipeline.machine.ts';
import { upcast } from '../../machines/versions.ts';
import { runKey, type OrchestratorContext } from './context.ts';
import { carryOut, type EffectFailure } from './effects.ts';
import { lookLater, observe } from './observe.ts';
import type { SavedRun } from './saved-runs.ts';

/**
 * Two orchestrators that meet at one run each win in turn, so there is nothing to wait for. More than 20 conflicts in a
 * row mean a bug, and a redelivery.
 */
const AFTER_CONFLICT: RetryPolicy = {
  attemptsMax: 21,
  pauseMs: 0,
  isWorthIt: (error) => toFailure(error).code === 'CHECKPOINT_CONFLICT',
};

/** The run after a message, and whether the message moved it, now or at an earlier delivery. */
export interface Moved {
  readonly checkpoint: Checkpoint;
  readonly moved: boolean;
}

type Decide = (checkpoint: Checkpoint) => Checkpoint | null;

export interface Beginning {
  readonly runId: string;
  readonly messageId: string;
  /** What the run begins with: asked for only where there is no such run yet. */
  input(): Promise<PipelineInput>;
}

/**
 * Starts a run unless it exists already (`moved` is false then, but for the message that started it); in either case
 * everything that its checkpoint asks for is done after.
 */
export async function beginRun(o: OrchestratorContext, { runId, messageId, input }: Beginning): Promise<Moved> {
  return inTurn(o, runId, async () => {
    const existing = await o.runs.load(runKey(runId));
    if (existing) {
      const moved = wasSeen(existing.value, messageId);
      return { checkpoint: await pursue(o, migrated(existing)), moved };
    }
    const value = firstCheckpoint(await input(), messageId, o.now());
    return { checkpoint: await pursue(o, await save(o, value, 0)), moved: true };
  });
}

/**
 * Brings a message to its run. Throws RUN_UNKNOWN where there is none. What the step arms counts from now, not from when
 * the message was sent: it may have waited for an orchestrator longer than the deadline that begins here.
 */
export function applyEvent(o: OrchestratorContext, runId: string, messageId: string, event: PipelineEvent) {
  return advance(o, runId, messageId, (checkpoint) => step(checkpoint, messageId, event, o.now()));
}

/**
 * Brings a timer that has fired to its run; a stale one changes nothing. Before a deadline counts, the replicas' own
 * word is heard once more: a deployment that has just come about is not undone.
 */
export async function applyTimer(o: OrchestratorContext, runId: string, timerId: string, armedAt: number) {
  await reconsider(o, runId);
  return advance(o, runId, `${timerId}.${armedAt}`, (checkpoint) => stepTimer(checkpoint, timerId, armedAt, o.now()));
}

/** Looks at the replicas anew, without an event of its own. */
export const reconsider = (o: OrchestratorContext, runId: string) => advance(o, runId, '', () => null);

function advance(o: OrchestratorContext, runId: string, messageId: string, decide: Decide): Promise<Moved> {
  return inTurn(o, runId, async () => {
    const early = await advanceSaved(o, runId, messageId, decide);
    if (early) return early;
    const stored = await o.runs.load(runKey(runId));
    if (!stored)
      throw new PipelineError('RUN_UNKNOWN', `orchestrator: no run ${runId} is stored; see \`nightshift runs\``);
    faultPoint('orchestrator.loaded', placeOf(stored.value));
    const flushed = await flush(o, migrated(stored));
    const seen = wasSeen(flushed.value, messageId);
    const next = seen ? null : decide(flushed.value);
    if (!next) return { checkpoint: await pursue(o, flushed), moved: seen };
    return { checkpoint: await pursue(o, await save(o, next, flushed.revision)), moved: true };
  });
}

/**
 * The same upon what this process saved last, in place of the loading. Where somebody else has moved the run since, the
 * save fails, and the step is taken again upon the loaded one. Null where nothing is to be saved: that no step is due
 * can be said only of the loaded one.
 */
async function advanceSaved(
  o: OrchestratorContext,
  runId: string,
  messageId: string,
  decide: Decide,
): Promise<Moved | null> {
  const saved = o.savedRuns.take(runId);
  const next = saved && !wasSeen(saved.value, messageId) ? decide(saved.value) : null;
  if (!saved || !next) return null;
  faultPoint('orchestrator.loaded', placeOf(saved.value));
  return { checkpoint: await pursue(o, await save(o, next, saved.revision)), moved: true };
}

/** A run goes on as the current version of the machine reads it. */
const migrated = ({ value, revision }: SavedRun): SavedRun => ({ value: upcast(value), revision });

async function save(o: OrchestratorContext, value: Checkpoint, expectedRevision: number): Promise<SavedRun> {
  faultPoint('orchestrator.stepped', placeOf(value));
  const revision = await o.runs.save(runKey(value.context.runId), value, expectedRevision);
  faultPoint('orchestrator.saved', placeOf(value));
  return { value, revision };
}

/** Carries out the outbox, looks at the world, and follows up while it is decided already what comes next. */
async function pursue(o: OrchestratorContext, stored: SavedRun): Promise<Checkpoint> {
  let current = stored;
  for (;;) {
    const timer = dueAtOnce(current.value);
    const [settled, isLater] = await Promise.all([flush(o, current), lookLater(o, current.value)]);
    const isStill = settled.value.transition === current.value.transition;
    // Not beside the outbox: a command that is not published yet would look like one that nobody has.
    const event = isLater && isStill ? null : await observe(o, settled.value);
    const next = followUp(settled.value, event, timer, o.now());
    if (!next) {
      o.savedRuns.keep(settled);
      return settled.value;
    }
    current = await save(o, next, settled.revision);
  }
}

type Timer = Extract<Effect, { kind: 'timer.set' }>;

/** The word of replicas and workers comes first, as with any timer. */
function followUp(
  value: Checkpoint,
  event: PipelineEvent | null,
  timer: Timer | undefined,
  now: Date,
): Checkpoint | null {
  const observed = event && step(value, `${value.context.runId}.${value.transition}.observed`, event, now);
  return observed ?? (timer ? stepTimer(value, timer.timerId, timer.armedAt, now) : null);
}

/**
 * A timer without a delay need not go by the server, which takes a quarter of a second for it. It is set there all the
 * same: where the process dies first, the server fires it; afterwards it is stale.
 */
const dueAtOnce = ({ outbox, updatedAt }: Checkpoint) =>
  outbox.find((effect): effect is Timer => effect.kind === 'timer.set' && effect.dueAt <= updatedAt);

/**
 * Carries out what stands in the outbox and empties it. It is emptied in the store, because an outbox found later
 * must mean "perhaps not done": what was sent hours ago would not be recognised as a duplicate any more.
 */
async function flush(o: OrchestratorContext, stored: SavedRun): Promise<SavedRun> {
  if (stored.value.outbox.length === 0) return stored;
  const failure = await carryOutAll(o, stored.value);
  const settled = { ...stored.value, outbox: [] };
  const next = failure ? (step(settled, failure.id, failure.event, o.now()) ?? settled) : settled;
  const revision = await o.runs.save(runKey(next.context.runId), next, stored.revision);
  faultPoint('orchestrator.settled', placeOf(next));
  return flush(o, { value: next, revision });
}

/**
 * Changes of the deployment record come first, one by one. The others do not depend on each other; each costs a write
 * to the disk, so they are carried out side by side. Only that a run rests, or what is deployed, is said last: whoever
 * hears it finds everything done.
 */
const waveOf = (effect: Effect): 0 | 1 | 2 => {
  if (effect.kind === 'deployment') return 0;
  if (effect.kind === 'fact') return effect.fact === 'started' || effect.fact === 'advanced' ? 1 : 2;
  return effect.kind === 'deployed' ? 2 : 1;
};

/** Setting a timer replaces the one before; to cancel that beside it could hit the new one. */
const isReplaced = (effect: Effect, { outbox }: Checkpoint) =>
  effect.kind === 'timer.cancel' &&
  outbox.some((other) => other.kind === 'timer.set' && other.timerId === effect.timerId);

async function carryOutAll(o: OrchestratorContext, checkpoint: Checkpoint): Promise<EffectFailure | null> {
  let failed: EffectFailure | null = null;
  const one = async (effect: Effect) => {
    if (!isReplaced(effect, checkpoint)) failed = (await carryOut(o, checkpoint, effect)) ?? failed;
    const index = checkpoint.outbox.indexOf(effect);
    faultPoint('orchestrator.carried-out', placeOf(checkpoint, `${index} ${effect.kind}`));
  };
  const inWave = (wave: number) => checkpoint.outbox.filter((effect) => waveOf(effect) === wave);
  for (const effect of inWave(0)) await one(effect);
  await Promise.all(inWave(1).map(one));
  await Promise.all(inWave(2).map(one));
  return failed;
}

/**
 * One step of a run at a time within a process: correctness rests on the compare-and-save alone, but without turns
 * every message of a busy run would lose that race to another, and core subscribers would hear its outbox twice.
 */
export async function inTurn<T>({ turns }: OrchestratorContext, runId: string, attempt: () => Promise<T>): Promise<T> {
  const before = turns.get(runId) ?? Promise.resolve();
  const mine = before.then(
    () => retry(AFTER_CONFLICT, attempt),
    () => retry(AFTER_CONFLICT, attempt),
  );
  turns.set(runId, mine);
  try {
    return await mine;
  } finally {
    if (turns.get(runId) === mine) turns.delete(runId);
  }
}
