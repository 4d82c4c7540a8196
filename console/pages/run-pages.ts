/** Pages of runs put together: the newest page is looked at again and again, the older ones once. Pure. */
import type { RunSummary } from '../../contracts/api.ts';

/** Newest first, each once; of two summaries of a run the one in `newer` counts. */
export function merged(newer: readonly RunSummary[], older: readonly RunSummary[]): readonly RunSummary[] {
  if (older.length === 0) return newer;
  const known = new Set(newer.map(({ runId }) => runId));
  const all = [...newer, ...older.filter(({ runId }) => !known.has(runId))];
  return all.sort((a, b) => b.startedAt.localeCompare(a.startedAt) || (a.runId < b.runId ? -1 : 1));
}
