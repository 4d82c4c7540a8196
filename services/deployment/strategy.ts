/**
 * A deployment strategy is one pure function over the desired state and what the replicas report: it names the next
 * action, and does nothing itself (after TensorFlow Serving's aspired-version policy). Variant: hot-swap.ts.
 */
import type { Failure } from '../../contracts/errors.ts';
import type { DeploymentConfig } from '../../contracts/pipeline.ts';
import type { Deployment, ReplicaStatus } from '../../contracts/values.ts';

export interface DeploymentObservation {
  readonly runId: string;
  readonly phase: 'preparing' | 'committing' | 'guarding' | 'rollingBack';
  /** The record as stored; null before the first announcement. */
  readonly deployment: Deployment | null;
  /** Replicas whose heartbeat is alive. */
  readonly replicas: readonly ReplicaStatus[];
  /** True once the guard window is over. */
  readonly guardOver: boolean;
}

export type DeploymentVerdict =
  /** Nothing to do yet; `waitingFor` says what, in words. */
  | { readonly action: 'wait'; readonly waitingFor: string }
  /** preparing -> every live replica holds the candidate, warm and checked. */
  | { readonly action: 'commit' }
  /** preparing -> a replica refused, or the record is no longer this run's: nothing has changed for anyone. */
  | { readonly action: 'abort'; readonly failure: Failure }
  /** committing, rollingBack -> every live replica serves the committed epoch. */
  | { readonly action: 'switched'; readonly replicas: number; readonly swapUsMax: number }
  /** guarding -> the window passed without a breach. */
  | { readonly action: 'keep' }
  /** guarding -> a limit was breached, or no replica is left that serves the new epoch. */
  | { readonly action: 'roll-back'; readonly failure: Failure };

export interface DeploymentStrategy {
  readonly name: DeploymentConfig['strategy'];
  decide(observation: DeploymentObservation, config: DeploymentConfig): DeploymentVerdict;
}
