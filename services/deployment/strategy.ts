/**
 * A deployment strategy is one pure function over the desired state and the replicas' reports: it names the next
 * action, and does nothing itself (after TensorFlow Serving's aspired-version policy). Variants: hot-swap.ts,
 * canary.ts.
 */
import type { Failure } from '../../contracts/errors.ts';
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { ReplicaStatus, WindowFigures } from '../../contracts/replica.ts';

export interface DeploymentObservation {
  readonly runId: string;
  readonly phase: 'preparing' | 'canary' | 'committing' | 'guarding' | 'rollingBack';
  /** The record as stored; null before the first announcement. */
  readonly deployment: Deployment | null;
  /** Replicas whose heartbeat is alive. */
  readonly replicas: readonly ReplicaStatus[];
  /** True once the window of the phase (canary, guard) is over. */
  readonly windowOver: boolean;
}

export type DeploymentVerdict =
  /** Nothing to do yet; `waitingFor` says in words what is missing. */
  | { readonly action: 'wait'; readonly waitingFor: string }
  /** preparing -> every live replica holds the candidate, warm and checked. canary -> and its window was clean. */
  | { readonly action: 'commit'; readonly figures?: WindowFigures }
  /** preparing -> a replica refused, or the record is no longer this run's. canary -> or a limit was breached. */
  | { readonly action: 'abort'; readonly failure: Failure }
  /** committing, rollingBack -> every live replica serves the committed release. */
  | { readonly action: 'switched'; readonly replicas: number; readonly swapUsMax: number }
  /** guarding -> the window passed without a breach. */
  | { readonly action: 'keep'; readonly figures: WindowFigures }
  /** guarding -> a limit was breached, or no replica is left that serves the new release. */
  | { readonly action: 'roll-back'; readonly failure: Failure };

export interface DeploymentStrategy {
  /** For messages. */
  readonly name: string;
  decide(observation: DeploymentObservation, config: DeploymentConfig): DeploymentVerdict;
}
