/** The deployment strategies by their names in the configuration. Another one is a file beside hot-swap.ts and a line. */
import { assertNever, PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import { loadOwn } from '../own-module.ts';
import { createCanary } from './canary.ts';
import { createHotSwap } from './hot-swap.ts';
import type { DeploymentStrategy, DeploymentVerdict } from './strategy.ts';

export type * from './strategy.ts';

/** Of one's own that cannot be loaded comes a strategy that puts nothing into service and says why. */
export async function createDeploymentStrategy(choice: DeploymentConfig['strategy']): Promise<DeploymentStrategy> {
  if (typeof choice === 'object') {
    const loading = loadOwn<DeploymentStrategy>('deployment.strategy', choice, ['decide']);
    return loading.then(guarded, (cause: unknown) => unavailable(toFailure(cause)));
  }
  switch (choice) {
    case 'hot-swap':
      return createHotSwap();
    case 'canary':
      return createCanary();
    default:
      return assertNever(choice);
  }
}

const ACTIONS: readonly unknown[] = [
  'wait',
  'commit',
  'abort',
  'switched',
  'keep',
  'roll-back',
] satisfies DeploymentVerdict['action'][];

/** A strategy that throws, or gives no verdict, is as good as none. */
function guarded(own: DeploymentStrategy): DeploymentStrategy {
  return {
    name: own.name,
    decide(observation, config) {
      const problem = (text: string, cause?: unknown) => {
        const message = `deployment.strategy: its verdict on run ${observation.runId} ${text}`;
        const error = new PipelineError('STRATEGY_UNAVAILABLE', message, { cause });
        return unavailable(toFailure(error)).decide(observation, config);
      };
      try {
        const verdict = own.decide(observation, config);
        return ACTIONS.includes(verdict?.action) ? verdict : problem(`is none: ${JSON.stringify(verdict)}`);
      } catch (cause) {
        return problem(`is an error: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
      }
    },
  };
}

/** A candidate that it cannot judge does not go into service, or is taken back; that all have switched is plain to see. */
export function unavailable(failure: Failure): DeploymentStrategy {
  const hotSwap = createHotSwap();
  return {
    name: 'unavailable',
    decide(observation, config) {
      const { phase } = observation;
      if (phase === 'preparing' || phase === 'canary') return { action: 'abort', failure };
      return phase === 'guarding' ? { action: 'roll-back', failure } : hotSwap.decide(observation, config);
    },
  };
}
