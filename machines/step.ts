/**
 * One step of a run as a pure function: (checkpoint, event, time) -> checkpoint with its outbox. It runs nothing:
 * the orchestrator saves the checkpoint and then carries out the outbox, so a crash between the two loses nothing.
 */
import { initialTransition, transition, type SnapshotFrom, type StateValue } from 'xstate';
import type { PipelineFact } from '../contracts/subjects.ts';
import type { ModelDeployed } from '../contracts/messages.ts';
import type { Checkpoint, Effect } from './checkpoint.ts';
import type { PipelineInput } from './context.ts';
import type { PipelineEvent } from './events.ts';
import { commandId, type CommandParams, type DeploymentParams } from './params.ts';
import { pipelineMachine } from './pipeline.machine.ts';
import { currentVersion } from './versions.ts';

export type { Checkpoint, Effect } from './checkpoint.ts';

/** Redeliveries come within a few messages of each other; a run has some dozens in all. */
const SEEN_MAX = 256;

type Snapshot = SnapshotFrom<typeof pipelineMachine>;
/** XState's own type leaves out its cancel action. */
type Actions = readonly { readonly type: string; readonly params?: unknown }[];

/** The first checkpoint of a run. `id` is that of the message that started it, `by` who sent it. */
export function firstCheckpoint(input: PipelineInput, id: string, now: Date, by?: string): Checkpoint {
  const [snapshot, actions] = initialTransition(pipelineMachine, input);
  const empty = { transition: 0, seen: [], timers: {}, startedAt: now.toISOString() };
  return toCheckpoint(empty, snapshot, actions, { id, cause: 'started', by, now, fact: 'started' });
}

/** The next checkpoint (`by`: whose command the event is), or null when the machine has no transition for the event: there is nothing to save then. */
export function step(
  checkpoint: Checkpoint,
  id: string,
  event: PipelineEvent,
  now: Date,
  by?: string,
): Checkpoint | null {
  return advance(checkpoint, id, event, now, by);
}

/** The same for a durable timer. Null also when the timer was cancelled or armed anew since it was set. */
export function stepTimer(checkpoint: Checkpoint, timerId: string, armedAt: number, now: Date): Checkpoint | null {
  const timer = checkpoint.timers[timerId];
  if (!timer || timer.armedAt !== armedAt) return null;
  return advance(checkpoint, `${timerId}.${armedAt}`, { type: timer.event }, now);
}

export const wasSeen = (checkpoint: Checkpoint, id: string) => checkpoint.seen.includes(id);

/** All that is looked at while a run stands in a state. It is the state's own: the memory of the run has no say in it. */
interface Watched {
  readonly phase: 'preparing' | 'canary' | 'committing' | 'guarding' | 'rollingBack' | null;
  readonly isWindowOver: boolean;
  readonly isBeating: boolean;
  readonly isWithdrawing: boolean;
}

/** By state path: to ask XState costs as much as a transition, and there are only as many answers as states. */
const watchedIn = new Map<string, Watched>();

function watchedOf(checkpoint: Checkpoint): Watched {
  const path = statePath(checkpoint.value);
  const known = watchedIn.get(path);
  if (known) return known;
  const snapshot = restore(checkpoint);
  const watched = {
    phase: phaseOf(snapshot),
    isWindowOver: (['canary', 'guarding'] as const).some((phase) =>
      snapshot.matches({ deploying: { [phase]: 'judging' } }),
    ),
    isBeating: snapshot.hasTag('beating'),
    isWithdrawing: snapshot.matches('withdrawing'),
  };
  watchedIn.set(path, watched);
  return watched;
}

function phaseOf(snapshot: Snapshot): Watched['phase'] {
  if (!snapshot.hasTag('observed')) return null;
  for (const phase of ['preparing', 'canary', 'committing', 'guarding'] as const) {
    if (snapshot.matches({ deploying: phase })) return phase;
  }
  return 'rollingBack';
}

/** The deployment phase in which replicas are observed, or null. */
export const observedPhase = (checkpoint: Checkpoint) => watchedOf(checkpoint).phase;

/** Whether the window of the phase, the canary's or the guard's, is over. */
export const isWindowOver = (checkpoint: Checkpoint) => watchedOf(checkpoint).isWindowOver;

/** The start command whose worker's heartbeats are watched, or null. */
export const beatingCommand = (checkpoint: Checkpoint): string | null =>
  watchedOf(checkpoint).isBeating ? commandId(checkpoint.context) : null;

export const isWithdrawing = (checkpoint: Checkpoint) => watchedOf(checkpoint).isWithdrawing;

/** `deploying.guarding.watching`, as people read it. */
export function statePath(value: StateValue): string {
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([key, child]) => `${key}.${statePath(child!)}`)
    .join(' | ');
}

/** Tells apart the transitions of all runs, for people: `training.held of run-7 after operator.pause`. */
export const placeOf = ({ value, context, cause }: Checkpoint, what = '') =>
  [statePath(value), what, `of ${context.runId} after ${cause}`].filter((part) => part !== '').join(' ');

const restore = (c: Checkpoint): Snapshot => pipelineMachine.resolveState({ value: c.value, context: c.context });

/**
 * The machine as it stands in a snapshot. For every transition XState makes an actor that it does not use, and begins it
 * without an input; ours cannot begin so, and its exception took as long as the transition.
 */
const standingAt = (
  snapshot: Snapshot,
): Pick<typeof pipelineMachine, 'transition' | 'getInitialSnapshot' | 'getPersistedSnapshot'> => ({
  transition: (...args) => pipelineMachine.transition(...args),
  getPersistedSnapshot: (...args) => pipelineMachine.getPersistedSnapshot(...args),
  getInitialSnapshot: () => snapshot,
});

function advance(
  checkpoint: Checkpoint,
  id: string,
  event: { type: string },
  now: Date,
  by?: string,
): Checkpoint | null {
  // Timer events are the machine's own `xstate.after...`, which its event type does not list.
  if (checkpoint.status === 'done') return null;
  const before = restore(checkpoint);
  const [snapshot, actions] = transition(standingAt(before), before, event as PipelineEvent);
  // The memory is assigned anew, never changed in place.
  const changed = statePath(snapshot.value) !== statePath(checkpoint.value) || snapshot.context !== before.context;
  if (!changed && actions.length === 0) return null;
  return toCheckpoint(checkpoint, snapshot, actions, { id, cause: event.type, by, now, fact: factOf(snapshot) });
}

interface Cause {
  readonly id: string;
  readonly cause: string;
  readonly by: string | undefined;
  readonly now: Date;
  readonly fact: PipelineFact;
}

function toCheckpoint(
  before: Pick<Checkpoint, 'transition' | 'seen' | 'timers' | 'startedAt' | 'answers'>,
  snapshot: Snapshot,
  actions: Actions,
  { id, cause, by, now, fact }: Cause,
): Checkpoint {
  const number = before.transition + 1;
  const answers = by ?? before.answers;
  const prefix = `${snapshot.context.runId}.${number}`;
  const effects = toEffects(actions, prefix, number, now);
  return {
    format: 'nightshift.run/1',
    machine: currentVersion(),
    value: snapshot.value,
    context: snapshot.context,
    status: snapshot.status === 'active' ? 'active' : 'done',
    transition: number,
    cause,
    ...(by === undefined ? {} : { by }),
    ...(answers === undefined ? {} : { answers }),
    seen: [...before.seen, id].slice(-SEEN_MAX),
    outbox: [...effects, { kind: 'fact', id: `${prefix}.fact`, fact, state: statePath(snapshot.value) }],
    timers: timersAfter(before.timers, actions, number),
    startedAt: before.startedAt,
    updatedAt: now.toISOString(),
  };
}

/** The states in which a run rests have a fact of their own. */
const REST_FACTS: Readonly<Record<string, PipelineFact>> = {
  completed: 'completed',
  rejected: 'rejected',
  unchanged: 'unchanged',
  failed: 'failed',
  rolledBack: 'rolled-back',
  cancelled: 'cancelled',
  needsOperator: 'needs-operator',
  paused: 'paused',
  awaitingApproval: 'awaiting-approval',
};
const factOf = (snapshot: Snapshot): PipelineFact => REST_FACTS[statePath(snapshot.value)] ?? 'advanced';

/** A timer's id as a subject token: the machine's own id has dots in it. */
const timerToken = (xstateId: string) => xstateId.replaceAll(/[^A-Za-z0-9_-]/g, '-');

function toEffects(actions: Actions, prefix: string, armedAt: number, now: Date): Effect[] {
  return actions.flatMap((action, index): Effect[] => {
    const id = `${prefix}.${index}`;
    // The parameters' types are fixed by the machine's setup; XState widens them to unknown here.
    switch (action.type) {
      case 'command':
        return [{ kind: 'command', ...(action.params as CommandParams) }];
      case 'deployment':
        return [{ kind: 'deployment', id, ...(action.params as DeploymentParams) }];
      case 'publishDeployed':
      case 'publishRolledBack':
        return [
          {
            kind: 'deployed',
            id,
            rolledBack: action.type === 'publishRolledBack',
            deployed: action.params as ModelDeployed,
          },
        ];
      case 'xstate.raise': {
        const { id: xstateId, delay } = action.params as RaiseParams;
        const dueAt = new Date(now.getTime() + delay).toISOString();
        return [{ kind: 'timer.set', timerId: timerToken(xstateId), dueAt, armedAt }];
      }
      case 'xstate.cancel':
        return [{ kind: 'timer.cancel', timerId: timerToken((action.params as CancelParams).sendId) }];
      default:
        throw new Error(`step: the machine asked for the action ${action.type}, which has no effect defined`);
    }
  });
}

interface RaiseParams {
  readonly id: string;
  readonly delay: number;
  readonly event: { readonly type: string };
}
interface CancelParams {
  readonly sendId: string;
}

function timersAfter(before: Checkpoint['timers'], actions: Actions, armedAt: number): Checkpoint['timers'] {
  const timers: Record<string, { event: string; armedAt: number }> = { ...before };
  for (const action of actions) {
    if (action.type === 'xstate.cancel') delete timers[timerToken((action.params as CancelParams).sendId)];
    if (action.type === 'xstate.raise') {
      const { id, event } = action.params as RaiseParams;
      timers[timerToken(id)] = { event: event.type, armedAt };
    }
  }
  return timers;
}
