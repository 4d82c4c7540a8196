/** The deployment strategies by their names in the configuration. Another one is a file beside hot-swap.ts and a line. */
import { assertNever } from '../../contracts/errors.ts';
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import { createCanary } from './canary.ts';
import { createHotSwap } from './hot-swap.ts';
import type { DeploymentStrategy } from './strategy.ts';

export function createDeploymentStrategy(name: DeploymentConfig['strategy']): DeploymentStrategy {
  switch (name) {
    case 'hot-swap':
      return createHotSwap();
    case 'canary':
      return createCanary();
    default:
      return assertNever(name);
  }
}
