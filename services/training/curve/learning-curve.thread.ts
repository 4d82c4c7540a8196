/** Draws one learning curve and ends: the library takes long enough to load to be noticed by whoever waits for answers. */
import { parentPort, workerData } from 'node:worker_threads';
import type { LearningCurve } from '../../../contracts/training.ts';
import { drawLearningCurve } from './learning-curve.ts';

// startThread passes what draw-in-thread.ts gave it, under `data`.
const { data } = workerData as { data: LearningCurve };
parentPort!.postMessage(drawLearningCurve(data));
