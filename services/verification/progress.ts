/**
 * One progress bar for work that has several parts at once: each part reports its own steps, the bar shows their sum.
 */
import type { WorkContext } from '../work.ts';

/** Each call gives the context of one more part. `total` is the number of steps of all parts together. */
export function sumProgress(context: WorkContext, total: number, unit: string): () => WorkContext {
  let sum = 0;
  return () => {
    let last = 0;
    const progress: WorkContext['progress'] = ({ done }) => {
      sum += done - last;
      last = done;
      context.progress({ fraction: Math.min(1, sum / total), done: sum, total, unit, figures: {} });
    };
    return { ...context, progress };
  };
}
