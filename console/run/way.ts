/** The states of a run's time line, as the statechart names them. Pure. */
import type { TimelineEntry } from '../../contracts/api.ts';
import { topOf } from './stages.ts';

/** Without repetition: a state within a state is the same for the chart. */
export function statesOf(timeline: readonly TimelineEntry[]): readonly string[] {
  const tops = timeline.map(({ state }) => topOf(state));
  return tops.filter((state, index) => state !== tops[index - 1]);
}
