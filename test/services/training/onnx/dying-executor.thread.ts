/** Stands for an executor that fails at its first command. */
import { parentPort } from 'node:worker_threads';

parentPort!.once('message', () => {
  throw new Error('out of luck');
});
parentPort!.postMessage('ready');
