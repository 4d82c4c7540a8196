/**
 * What became of each stage of a run, from its time line: the bars of the overview, and the way through the statechart.
 * Pure.
 */
import type { TimelineEntry } from '../../contracts/api.ts';
import { STAGES, type Stage } from '../../contracts/subjects.ts';

export interface StageBar {
  readonly stage: Stage;
  readonly status: 'waiting' | 'active' | 'done' | 'failed';
  /** 0: it never began. */
  readonly attempts: number;
  /** In the stage itself, over all attempts; without the pauses between them. */
  readonly durationMs: number;
  /** Why its latest attempt failed; null if none did. */
  readonly failure: string | null;
}

const STAGE_OF: Readonly<Record<string, Stage>> = {
  collecting: 'collect',
  training: 'train',
  verifying: 'verify',
  deploying: 'deploy',
  rollingBack: 'deploy',
  withdrawing: 'deploy',
};
/** After these the stage before them has done what it should. */
const GOOD_ENDS: readonly string[] = ['completed', 'rejected', 'unchanged', 'rolledBack', 'awaitingApproval'];
/** The stage before them waits, and is tried again or goes on. */
const PAUSES: readonly string[] = ['retrying', 'paused', 'routing', 'next'];

export const topOf = (state: string): string => state.split('.')[0]!; // A split gives one at least.

export const stageOf = (state: string): Stage | null => STAGE_OF[topOf(state)] ?? null;

export function stageBars(timeline: readonly TimelineEntry[], nowMs: number): readonly StageBar[] {
  const bars = new Map<Stage, StageBar>(STAGES.map((stage) => [stage, untouched(stage)]));
  let current: Stage | null = null;
  for (const entry of timeline) {
    const stage: Stage | null = stageOf(entry.state);
    if (current !== null && stage !== current) bars.set(current, left(bars.get(current)!, entry));
    if (stage !== null) bars.set(stage, entered(bars.get(stage)!, entry, nowMs));
    current = stage ?? (PAUSES.includes(topOf(entry.state)) ? current : null);
  }
  return [...bars.values()];
}

const untouched = (stage: Stage): StageBar => ({
  ...{ stage, status: 'waiting', attempts: 0, durationMs: 0, failure: null },
});

function entered(bar: StageBar, { at, attempt, durationMs }: TimelineEntry, nowMs: number): StageBar {
  const spent = durationMs ?? Math.max(0, nowMs - Date.parse(at));
  return {
    ...bar,
    status: 'active',
    attempts: Math.max(bar.attempts, attempt, 1),
    durationMs: bar.durationMs + spent,
  };
}

function left(bar: StageBar, { state, failure }: TimelineEntry): StageBar {
  const top = topOf(state);
  const why = failure ? `${failure.message} [${failure.code}]` : bar.failure;
  if (PAUSES.includes(top)) return { ...bar, status: failure ? 'failed' : 'active', failure: why };
  const isDone = GOOD_ENDS.includes(top) || stageOf(state) !== null;
  return { ...bar, status: isDone ? 'done' : 'failed', failure: isDone ? bar.failure : why };
}
