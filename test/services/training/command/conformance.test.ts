/** The suite of all strategies, through the contract: the outside program trains with our own strategy. */
import { join } from 'node:path';
import { test } from 'uvu';
import { createCommandStrategy } from '../../../../services/training/command.ts';
import { checkTrainingStrategy } from '../training.conformance.ts';

const argv = [process.execPath, '--import', 'tsx', join(import.meta.dirname, 'own-strategy.ts')];
const strategy = createCommandStrategy();

checkTrainingStrategy({
  name: 'command',
  train: (job, context) => {
    const command = { argv, graceMs: 60_000 };
    return strategy.train({ ...job, config: { ...job.config, command } }, context);
  },
});

test.run();
