/**
 * Checkpoints of 0.4.0 as the machine of 0.5.0 reads them: nothing was asked of tonight's data, so nobody has to look at
 * it. Used by the upcast of versions.ts.
 */
import type { CarriedPipeline } from '../contracts/configuration/carried.ts';
import type { Checkpoint } from './checkpoint.ts';

/** What was added to the configuration, as it applies if nothing is set. Spelled out: a later default changes no run. */
export const ADDED_CHECKS: CarriedPipeline['checks'] = {
  sourceShrank: { share: 0.2, action: 'hold' },
  peopleLeft: { share: 0.05, action: 'hold' },
  peopleCame: { share: 1, action: 'note' },
  announced: { action: 'hold' },
  brokenItems: { share: 0.1, count: 1000, action: 'hold' },
  // Of 0.6.0, which such a run has not asked for.
  imagesLeft: { share: 0.5, people: 0.05, action: 'off' },
  conflictingNames: { action: 'off' },
  similarNames: { action: 'off' },
  likeness: { fall: 0.1, action: 'off' },
  likeAnother: { margin: 0.3, share: 0.5, action: 'off' },
  brightness: { levels: 30, action: 'note' },
};

export function inChecksOf05(checkpoint: Checkpoint): Checkpoint {
  const { context } = checkpoint;
  const pipeline = { ...context.pipeline, checks: ADDED_CHECKS };
  return { ...checkpoint, context: { ...context, pipeline, holds: [] } };
}
