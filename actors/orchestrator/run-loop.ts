/**
 * The one way in which a run moves: durable.ts has the steps and why they survive a crash; the decision is a step of
 * the machine. A run adds two things to them: a step may begin from the checkpoint that was just saved here, in place
 * of loading it, and the run is followed up for as long as it is clear what comes next.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
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
import { decide, oneByOne, save, settle, type Durable, type Points } from './durable.ts';
import { carryOut, type EffectFailure } from './effects.ts';
import { lookLater, observe } from './observe.ts';
import { triggerSpan, type Trigger } from './run-spans.ts';
import type { SavedRun } from './saved-runs.ts';

/** The run after a message, and whether the message moved it, now or at an earlier delivery. */
export interface Moved {
  readonly checkpoint: Checkpoint;
  readonly moved: boolean;
}

export interface Beginning {
  readonly runId: string;
  readonly messageId: string;
  /** Its sender. */
  readonly by?: string | undefined;
  readonly trigger?: Trigger | undefined;
  /** Asked for only if there is no such run yet. */
  input(): Promise<PipelineInput>;
}

/**
 * Starts a run unless it exists already; `moved` is false then, except for the message that started it. Afterwards
 * everything that its checkpoint asks for is done.
 */
export async function beginRun(o: OrchestratorContext, { trigger, ...beginning }: Beginning): Promise<Moved> {
  const begun = await beginOnce(o, beginning);
  if (begun.moved && trigger) o.tracer?.emit(triggerSpan(begun.checkpoint, trigger));
  return begun;
}

function beginOnce(
  o: OrchestratorContext,
  { runId, messageId, by, input }: Omit<Beginning, 'trigger'>,
): Promise<Moved> {
  return oneByOne(o.attempts, runId, async () => {
    const existing = await o.runs.load(runKey(runId));
    if (existing) {
      const moved = wasSeen(existing.value, messageId);
      return { checkpoint: await pursue(o, migrated(existing)), moved };
    }
    const value = firstCheckpoint(await input(), messageId, o.now(), by);
    return { checkpoint: await pursue(o, await save(runOf(o, runId), value, 0)), moved: true };
  });
}

/**
 * Brings a message to its run. Throws RUN_UNKNOWN if there is none. Deadlines that the step arms count from now, not
 * from when the message was sent: it may have waited for an orchestrator longer than the deadline that begins here. `by`:
 * whose command the event is.
 */
export function applyEvent(
  o: OrchestratorContext,
  runId: string,
  messageId: string,
  event: PipelineEvent,
  by?: string,
): Promise<Moved> {
  return advance(o, runId, messageId, (checkpoint) => step(checkpoint, messageId, event, o.now(), by));
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

type Decision = (checkpoint: Checkpoint) => Checkpoint | null;

function advance(o: OrchestratorContext, runId: string, messageId: string, decision: Decision): Promise<Moved> {
  const unlessSeen: Decision = (checkpoint) => (wasSeen(checkpoint, messageId) ? null : decision(checkpoint));
  return oneByOne(o.attempts, runId, async () => {
    const stored = (await decideUponSaved(o, runId, unlessSeen)) ?? (await decide(runOf(o, runId), unlessSeen));
    // A step notes the message that caused it, so this holds now and at every later delivery.
    const moved = wasSeen(stored.value, messageId);
    return { checkpoint: await pursue(o, stored), moved };
  });
}

/**
 * Decides upon what this process saved last, in place of loading it. If somebody else has moved the run since, the save
 * fails, and the step is taken again upon the loaded one. Null if nothing is to be saved: that no step is due can be
 * said only of the loaded one.
 */
async function decideUponSaved(o: OrchestratorContext, runId: string, decision: Decision): Promise<SavedRun | null> {
  const saved = o.savedRuns.take(runId);
  const next = saved && decision(saved.value);
  if (!saved || !next) return null;
  faultPoint('orchestrator.loaded', placeOf(saved.value));
  return save(runOf(o, runId), next, saved.revision);
}

const runOf = (o: OrchestratorContext, runId: string): Durable<Checkpoint> => ({
  load: async () => {
    const stored = await o.runs.load(runKey(runId));
    if (!stored)
      throw new PipelineError('RUN_UNKNOWN', `orchestrator: no run ${runId} is stored; see \`nightshift runs\``);
    faultPoint('orchestrator.loaded', placeOf(stored.value));
    return migrated(stored);
  },
  save: (checkpoint, expectedRevision) => o.runs.save(runKey(runId), checkpoint, expectedRevision),
  carryOut: async (checkpoint) => {
    const failure = await carryOutAll(o, checkpoint);
    const settled = { ...checkpoint, outbox: [] };
    return failure ? (step(settled, failure.id, failure.event, o.now()) ?? settled) : settled;
  },
  points: POINTS,
});

const POINTS: Points<Checkpoint> = {
  decided: (checkpoint) => faultPoint('orchestrator.stepped', placeOf(checkpoint)),
  saved: (checkpoint) => faultPoint('orchestrator.saved', placeOf(checkpoint)),
  settled: (checkpoint) => faultPoint('orchestrator.settled', placeOf(checkpoint)),
};

/** A run goes on as the current version of the machine reads it. */
const migrated = ({ value, revision }: SavedRun): SavedRun => ({ value: upcast(value), revision });

/** Carries out the outbox, looks at the world, and goes on for as long as it is clear what comes next. */
async function pursue(o: OrchestratorContext, stored: SavedRun): Promise<Checkpoint> {
  const run = runOf(o, stored.value.context.runId);
  let current = stored;
  for (;;) {
    const timer = dueAtOnce(current.value);
    const [settled, isLater] = await Promise.all([settle(run, current), lookLater(o, current.value)]);
    const isStill = settled.value.transition === current.value.transition;
    // Not beside the outbox: a command that is not published yet would look like one that nobody has.
    const event = isLater && isStill ? null : await observe(o, settled.value);
    const next = followUp(settled.value, event, timer, o.now());
    if (!next) {
      o.savedRuns.keep(settled);
      return settled.value;
    }
    current = await save(run, next, settled.revision);
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
 * same: if the process dies first, the server fires it; afterwards it is stale.
 */
const dueAtOnce = ({ outbox, updatedAt }: Checkpoint) =>
  outbox.find((effect): effect is Timer => effect.kind === 'timer.set' && effect.dueAt <= updatedAt);

/**
 * Changes of the deployment record come first, one by one. The others do not depend on each other; each costs a write
 * to the disk, so they are carried out side by side. That a run rests, or that a model is deployed, is said last: a
 * listener who hears it finds everything done.
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
