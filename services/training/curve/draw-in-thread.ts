/** Draws a learning curve in a thread of its own. Called by the trainer, which shares its process with replicas. */
import { PipelineError } from '../../../contracts/errors.ts';
import type { LearningCurve } from '../../../contracts/training.ts';
import { startThread } from '../../../runtime/threads.ts';

/** An SVG file. Throws INTERNAL when the thread ends without one. */
export function drawInThread(curve: LearningCurve): Promise<string> {
  const thread = startThread('services/training/curve/learning-curve.thread', curve, { name: `curve ${curve.runId}` });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    const failed = (cause: unknown) =>
      reject(
        new PipelineError('INTERNAL', `training: run ${curve.runId}: its learning curve was not drawn`, { cause }),
      );
    thread.once('error', failed);
    // After a message this changes nothing.
    thread.once('exit', failed);
  });
}
