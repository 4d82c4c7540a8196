/**
 * Every event that may move a run: facts of its workers, verdicts over the replicas, and what an operator says. Timers
 * are the machine's own and not listed.
 */
import type { Failure } from '../contracts/errors.ts';
import type { Completed, ModelDeployed } from '../contracts/messages.ts';
import type { Noun } from '../contracts/subjects.ts';
import type { WindowFigures } from '../contracts/replica.ts';

type WorkEvent = { readonly commandId: string };
export type PipelineEvent =
  | (WorkEvent & { type: 'collection.completed' } & Completed<'collection'>)
  | (WorkEvent & { type: 'training.completed' } & Completed<'training'>)
  | (WorkEvent & { type: 'verification.completed' } & Completed<'verification'>)
  | (WorkEvent & { type: `${Noun}.failed`; failure: Failure })
  | (WorkEvent & { type: `${Noun}.cancelled` | `${Noun}.working` | `${Noun}.absent` })
  /** No sign of life from the worker within its heartbeat window. */
  | (WorkEvent & { type: 'worker.silent' })
  /** The deployment record does not name the run's candidate any more. */
  | { type: 'deployment.withdrawn' }
  /** Verdicts of the deployment policy over what the replicas report. */
  | { type: 'deployment.prepared' | 'deployment.kept'; figures?: WindowFigures | undefined }
  | { type: 'deployment.switched'; deployed: ModelDeployed }
  | { type: 'deployment.refused' | 'deployment.breached'; failure: Failure }
  /** A change of the deployment record that could not be made. */
  | { type: 'deployment.failed'; failure: Failure }
  | {
      type: `operator.${'cancel' | 'rollback' | 'pause' | 'resume' | 'approve' | 'reject'}`;
      /** Of a cancellation: end the run without waiting for its worker. */
      force?: boolean | undefined;
      reason?: string | undefined;
    };
