/** Stands for a training thread that ends without a word, or with an error that nobody caught. */
import { workerData } from 'node:worker_threads';
import type { ThreadData } from '../../../../services/training/loop/in-thread.ts';

const { job } = (workerData as { data: ThreadData }).data;
if (job.model === 'exits') process.exit(3);
throw new Error('out of luck');
