// First module of every worker thread: teaches the thread TypeScript, then loads the thread's own module.
// Node 20 does not carry a module loader from the main thread into a worker.
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.threadModule);
