/**
 * The process of a model host: owns one ONNX session, because onnxruntime-node blocks the thread it is called on and
 * takes its whole process with it when it crashes. Started by host-launcher.process.ts; knows no queue and no deadline,
 * and ends by being killed: it holds nothing that another would miss.
 */
import { connect } from 'node:net';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { openChannel } from '../../../runtime/channel.ts';
import type { FromProcess, LoadRequest, ToProcess } from './model-host.messages.ts';
import { checkModel } from './model-shape.ts';

interface Loaded {
  readonly session: InferenceSession;
  readonly dimensions: number;
  readonly asked: LoadRequest;
}

let loaded: Loaded | null = null;

// A Ctrl-C or a `systemctl stop` reaches the whole process group; the owner of this host still needs its answers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const [socketPath = '', hostId] = process.argv.slice(2); // From host-launcher.process.ts.
const channel = openChannel(connect(socketPath));
channel.onMessage = (message) => {
  const asked = message as ToProcess; // From host-process.ts.
  // Both answer their errors.
  void (asked.type === 'load' ? load(asked) : run(asked));
};
channel.onClosed = () => process.exit();
channel.send(hostId);
const say = (message: FromProcess) => channel.send(message);

async function load(asked: LoadRequest): Promise<void> {
  try {
    const session = await InferenceSession.create(asked.path, {
      executionProviders: ['cpu'],
      intraOpNumThreads: asked.threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
    });
    const checked = checkModel(session.inputMetadata, session.outputMetadata, asked.image);
    if ('problem' in checked) return say({ type: 'invalid', message: checked.problem });
    loaded = { session, dimensions: checked.dimensions, asked };
    say({ type: 'loaded', dimensions: checked.dimensions });
  } catch (error) {
    say({ type: 'invalid', message: `the bytes are not an ONNX model (${(error as Error).message})` });
  }
}

async function run({ pixels, count }: { pixels: Uint8Array; count: number }): Promise<void> {
  try {
    if (!loaded) throw new Error('no model is loaded');
    say({ type: 'answer', embeddings: await embed(loaded, pixels, count) });
  } catch (error) {
    say({ type: 'run-failed', message: (error as Error).message });
  }
}

/** In slices of the largest batch, whose size bounds the memory of a run. */
async function embed(model: Loaded, pixels: Uint8Array, count: number): Promise<Float32Array> {
  const { batchMax } = model.asked;
  if (count <= batchMax) return runSlice(model, pixels, 0, count);
  const embeddings = new Float32Array(count * model.dimensions);
  for (let first = 0; first < count; first += batchMax) {
    const rows = await runSlice(model, pixels, first, Math.min(batchMax, count - first));
    embeddings.set(rows, first * model.dimensions);
  }
  return embeddings;
}

async function runSlice({ session, asked }: Loaded, pixels: Uint8Array, first: number, count: number) {
  const { channels, height, width } = asked.image;
  const imageBytes = channels * height * width;
  const input = Float32Array.from(pixels.subarray(first * imageBytes, (first + count) * imageBytes));
  const images = new Tensor('float32', input, [count, channels, height, width]);
  const { embeddings } = await session.run({ images }, ['embeddings']);
  // checkModel has made sure that the output is float32.
  return embeddings!.data as Float32Array;
}
