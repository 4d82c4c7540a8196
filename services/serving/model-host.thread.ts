/**
 * The thread that owns one ONNX session: onnxruntime-node blocks the thread it is called on, so nobody else may.
 * Started by model-host.ts; knows no queue and no deadline.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { FromThread, HostThreadData, ToThread } from './model-host.messages.ts';
import { checkModel } from './model-shape.ts';

if (!parentPort) throw new Error('model-host.thread.ts runs as a worker thread only');
const port = parentPort;
// The parent, model-host.ts, passes exactly this.
const data = workerData.data as HostThreadData;

const say = (message: FromThread) =>
  port.postMessage(message, message.type === 'answer' ? [message.embeddings.buffer as ArrayBuffer] : []);

const opened = await open();
if (opened) {
  port.on('message', (message: ToThread) => void (message.type === 'run' ? run(message) : close()));
  say({ type: 'ready', dimensions: opened.dimensions });
}

async function open(): Promise<{ session: InferenceSession; dimensions: number } | null> {
  try {
    const session = await InferenceSession.create(data.model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: data.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
    });
    const checked = checkModel(session.inputMetadata, session.outputMetadata, data.image);
    if ('dimensions' in checked) return { session, dimensions: checked.dimensions };
    say({ type: 'invalid', message: checked.problem });
    await session.release();
  } catch (error) {
    say({ type: 'invalid', message: `the bytes are not an ONNX model (${(error as Error).message})` });
  }
  port.close();
  return null;
}

async function run({ pixels, count }: { pixels: Uint8Array; count: number }): Promise<void> {
  if (!opened) return;
  try {
    const embeddings = new Float32Array(count * opened.dimensions);
    for (let first = 0; first < count; first += data.batchMax) {
      const rows = await runSlice(pixels, first, Math.min(data.batchMax, count - first));
      embeddings.set(rows, first * opened.dimensions);
    }
    say({ type: 'answer', embeddings });
  } catch (error) {
    say({ type: 'run-failed', message: (error as Error).message });
  }
}

async function runSlice(pixels: Uint8Array, first: number, count: number): Promise<Float32Array> {
  const { channels, height, width } = data.image;
  const imageBytes = channels * height * width;
  const input = Float32Array.from(pixels.subarray(first * imageBytes, (first + count) * imageBytes));
  const images = new Tensor('float32', input, [count, channels, height, width]);
  const { embeddings } = await opened!.session.run({ images }, ['embeddings']);
  // checkModel has made sure that the output is float32.
  return embeddings!.data as Float32Array;
}

async function close(): Promise<void> {
  await opened?.session.release();
  port.close();
}
