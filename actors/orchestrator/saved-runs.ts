/**
 * The checkpoints that this process saved last, so that the next message of a run need not ask the server for what the
 * process has just sent there. A copy may be outdated, because another orchestrator may have moved its run. It is good
 * for a step that is saved by compare-and-swap, and for nothing else. Used by run-loop.ts alone.
 */
import type { Checkpoint } from '../../machines/step.ts';
import type { Versioned } from './durable.ts';

export type SavedRun = Versioned<Checkpoint>;

export interface SavedRuns {
  /** Hands the copy out for one step and forgets it, so that a failure on the way leaves none behind. */
  take(runId: string): SavedRun | null;
  /** Runs that have ended are not kept. */
  keep(saved: SavedRun): void;
}

/** More runs than are stepped at once, and at some 10 KB each still little memory. Other runs are loaded. */
const KEPT_MAX = 256;

export function createSavedRuns(keptMax = KEPT_MAX): SavedRuns {
  /** The one that was saved longest ago comes first. */
  const kept = new Map<string, SavedRun>();
  return {
    take: (runId) => {
      const saved = kept.get(runId) ?? null;
      kept.delete(runId);
      return saved;
    },
    keep: (saved) => {
      const { runId } = saved.value.context;
      kept.delete(runId);
      if (saved.value.status === 'done') return;
      kept.set(runId, saved);
      if (kept.size > keptMax) kept.delete(kept.keys().next().value!); // There is a first one.
    },
  };
}
