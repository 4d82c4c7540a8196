/** Bare onnxruntime-node: a session in a thread, one image per run, nothing around it. The pool of targets.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { ImageSpec } from '../../contracts/dataset.ts';

export interface BareData {
  readonly model: Uint8Array;
  readonly image: ImageSpec;
}

const { model, image } = workerData.data as BareData; // From targets.ts, its only caller.
const options = { intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' } as const;
const session = await InferenceSession.create(model, options);

// A rejection ends the thread, and with it the process that started it.
parentPort?.on('message', (pixels: Uint8Array | null) => void answer(pixels));
parentPort?.postMessage(null);

async function answer(pixels: Uint8Array | null): Promise<void> {
  if (pixels === null) {
    await session.release();
    return parentPort?.close();
  }
  const input = new Tensor('float32', Float32Array.from(pixels), [1, image.channels, image.height, image.width]);
  const { embeddings } = await session.run({ images: input }, ['embeddings']);
  parentPort?.postMessage(embeddings!.data);
}
