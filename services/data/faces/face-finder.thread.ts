/**
 * A thread that finds faces: onnxruntime blocks the thread it is called on, and cutting a face out is work as well. One
 * photograph at a time. Started by face-threads.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { toFailure } from '../../../contracts/errors.ts';
import type { FaceThreadData, FromFaceThread, ToFaceThread } from './face-threads.messages.ts';
import { openFaceStage, type FaceStage } from './stage.ts';

if (!parentPort) throw new Error('face-finder.thread.ts runs as a worker thread only');
const port = parentPort;
// The parent, face-threads.ts, passes exactly this.
const { file } = workerData.data as FaceThreadData;

const say = (message: FromFaceThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

try {
  const stage = await openFaceStage(file, 'its detector');
  say({ type: 'ready' });
  // In turn, so that the end waits for the photograph at which it works.
  let turn = Promise.resolve();
  port.on('message', (message: ToFaceThread) => {
    turn = turn.then(() => handle(stage, message));
  });
} catch (error) {
  say({ type: 'failed', failure: toFailure(error) });
}

async function handle(stage: FaceStage, message: ToFaceThread): Promise<void> {
  if (message.type === 'close') {
    await stage.close();
    return port.close();
  }
  try {
    const found = await stage.find(message.bytes, message.spec, message.what);
    // A copy of its own, for the decoder's buffers may be larger.
    const pixels = new Uint8Array(found.pixels);
    say({ type: 'found', found: { ...found, pixels } }, [pixels.buffer]);
  } catch (error) {
    say({ type: 'failed', failure: toFailure(error) });
  }
}
