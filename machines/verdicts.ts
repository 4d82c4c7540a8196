/**
 * Checkpoints of 0.2.0 as the machine of 0.3.0 reads them: a verdict was `passed` or `rejected`, its figures had another
 * meaning, and nothing was promised about strangers. Used by the upcast of versions.ts.
 */
import type { CarriedPipeline } from '../contracts/configuration/carried.ts';
import type { Completed } from '../contracts/messages.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ForkOrigin, PipelineContext } from './context.ts';

/** What was added to the configuration, as it applies if nothing is set. Spelled out: a later default changes no run. */
export const ADDED_SETTINGS: Pick<CarriedPipeline, 'strangers' | 'decision'> = {
  strangers: [],
  decision: {
    identify: { fpir: 0.01, margin: 0.05 },
    verify: { far: 0.001 },
    holdOut: { share: 0.2, min: 10 },
    inconclusive: 'serve-first',
  },
};

/** What was added to the memory of a run: nothing was compared with an earlier night. */
const ADDED_MEMORY: Pick<PipelineContext, 'content' | 'history' | 'unchangedContent' | 'lastVerdict' | 'blessing'> = {
  content: null,
  history: [],
  unchangedContent: null,
  lastVerdict: null,
  blessing: null,
};

export function inVerdictsOf03(checkpoint: Checkpoint): Checkpoint {
  const { context } = checkpoint;
  return {
    ...checkpoint,
    context: {
      ...context,
      ...ADDED_MEMORY,
      pipeline: { ...context.pipeline, ...ADDED_SETTINGS },
      verification: verificationOf(context.verification),
      forkedFrom: context.forkedFrom && originOf(context.forkedFrom),
    },
  };
}

const originOf = (origin: ForkOrigin): ForkOrigin => ({
  ...origin,
  content: null,
  verification: verificationOf(origin.verification),
});

interface Before {
  readonly verdict: string;
}

function verificationOf(verification: Completed<'verify'> | null): Completed<'verify'> | null {
  if (!verification) return null;
  const { verdict }: Before = verification;
  const admitted = verdict === 'passed';
  return { ...verification, verdict: admitted ? 'blessed' : 'rejected', admitted, figures: null };
}
