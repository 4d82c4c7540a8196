/**
 * A trainer with an outside program that ignores SIGTERM and sleeps with two workers, for killed-trainer.test.ts: writes
 * `at work` once it is. argv: the file in which the program leaves the ids of its processes.
 */
import { join } from 'node:path';
import { createCommandStrategy } from '../../../../services/training/command.ts';
import { quietContext, toyJob } from '../toy.ts';

const argv = [process.execPath, join(import.meta.dirname, 'programs.mjs'), 'ignores SIGTERM'];
const command = { argv, env: { TOLD: process.argv[2]! }, graceMs: 60_000 };
await createCommandStrategy().train(
  toyJob({ strategy: 'command', command }),
  quietContext({ progress: () => void process.stdout.write('at work\n') }),
);
