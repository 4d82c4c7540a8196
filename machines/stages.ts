/**
 * The stages in which a worker is at work: all that tells one from another. The state of each is made from it by the one
 * description in working.ts.
 */
import type { StartCommand } from '../contracts/messages.ts';
import type { WorkStage } from '../contracts/subjects.ts';
import type { PipelineContext } from './context.ts';

interface StageWork<N extends WorkStage> {
  /** Name of the delay after which its worker is asked whether it still works. */
  readonly deadline: 'collectDeadline' | 'trainDeadline' | 'verifyDeadline';
  /** Data of its start command. The order of the keys belongs to the recorded decisions. */
  readonly command: (c: PipelineContext) => StartCommand<N>;
}

/** In the order of a night. Anything that a stage takes from the context was assigned by the one before it, or by the fork. */
export const STAGES: { readonly [N in WorkStage]: StageWork<N> } = {
  collect: {
    deadline: 'collectDeadline',
    command: ({ runId, model, pipeline, champion }) => ({
      runId,
      model,
      pipeline: {
        noun: pipeline.noun,
        sources: pipeline.sources,
        strangers: pipeline.strangers,
        image: pipeline.image,
        faces: pipeline.faces,
        split: pipeline.split,
        checks: pipeline.checks,
        decision: pipeline.decision,
      },
      champion,
    }),
  },
  train: {
    deadline: 'trainDeadline',
    command: ({ runId, model, dataset, pipeline, champion }) => ({
      runId,
      model,
      dataset: dataset!,
      training: pipeline.training,
      champion,
    }),
  },
  verify: {
    deadline: 'verifyDeadline',
    command: ({ runId, model, dataset, candidate, champion, pipeline, history }) => ({
      runId,
      model,
      dataset: dataset!,
      candidate: candidate!,
      champion,
      noun: pipeline.noun,
      verification: pipeline.verification,
      decision: pipeline.decision,
      history: [...history],
      refit: pipeline.training.refit,
    }),
  },
};

/** Not imported from the contracts, because all code of a file that is imported from counts as deciding. */
export const STAGE_NAMES = Object.keys(STAGES) as readonly WorkStage[]; // The table has these keys and no others.
