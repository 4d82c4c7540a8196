// @ts-check
/** A deployment strategy of one's own, for tests: decides as the shipped one does, or goes wrong as its options say. */
import { createDeploymentStrategy } from 'nightshift/strategies/deployment';

/**
 * @import { DeploymentStrategy } from 'nightshift/strategies/deployment'
 * @param {{ throws?: string, says?: any }} options
 * @returns {Promise<DeploymentStrategy>}
 */
export async function createStrategy({ throws, says }) {
  const shipped = await createDeploymentStrategy('hot-swap');
  return {
    name: 'own',
    decide(observation, config) {
      if (throws) throw new Error(throws);
      return says ?? shipped.decide(observation, config);
    },
  };
}
