/**
 * Every event that may move a run: facts of its workers, verdicts over the replicas, and what an operator says. Timers
 * are the machine's own and not listed.
 */
import type { Failure } from '../contracts/errors.ts';
import type { Completed, ModelDeployed } from '../contracts/messages.ts';
import type { WorkStage } from '../contracts/subjects.ts';
import type { WindowFigures } from '../contracts/replica.ts';

type WorkEvent = { readonly commandId: string };
export type PipelineEvent =
  | (WorkEvent & { type: 'collect.completed' } & Completed<'collect'>)
  | (WorkEvent & { type: 'train.completed' } & Completed<'train'>)
  | (WorkEvent & { type: 'verify.completed' } & Completed<'verify'>)
  | (WorkEvent & { type: `${WorkStage}.failed`; failure: Failure })
  | (WorkEvent & { type: `${WorkStage}.cancelled` | `${WorkStage}.working` | `${WorkStage}.absent` })
  /** No sign of life from the worker within its heartbeat window. */
  | (WorkEvent & { type: 'worker.silent' })
  /** The deployment record does not name the run's candidate any more. */
  | { type: 'deploy.withdrawn' }
  /** Verdicts of the deployment policy over what the replicas report. */
  | { type: 'deploy.prepared' | 'deploy.kept'; figures?: WindowFigures | undefined }
  | { type: 'deploy.switched'; deployed: ModelDeployed }
  | { type: 'deploy.refused' | 'deploy.breached'; failure: Failure }
  /** A change of the deployment record that could not be made. */
  | { type: 'deploy.failed'; failure: Failure }
  | {
      type: `operator.${'cancel' | 'rollback' | 'pause' | 'resume' | 'approve' | 'reject'}`;
      /** Of a cancellation: end the run without waiting for its worker. */
      force?: boolean | undefined;
      reason?: string | undefined;
    };
