/**
 * Runs a graph model by TensorFlow.js itself, where it is installed: it comes with the optional @tensorflow/tfjs-node-gpu,
 * and is loaded for this alone. On its wasm backend where that is installed, else in plain JavaScript, which takes
 * seconds for an image. Called by check.ts.
 */
import type { Tf } from '../../tfjs/tf.ts';
import type { TfGraph } from './graph-model.ts';

export interface TfResult {
  readonly rows: readonly Float32Array[];
  /** Library and backend. */
  readonly by: string;
}

/** Null where TensorFlow.js is not installed. `dims`: of one input, channels last. */
export async function runGraphModel(
  graph: TfGraph,
  output: string,
  inputs: readonly Float32Array[],
  dims: readonly number[],
  packages: { readonly tf: string; readonly wasm: string } = {
    tf: '@tensorflow/tfjs',
    wasm: '@tensorflow/tfjs-backend-wasm',
  },
): Promise<TfResult | null> {
  const tf = await installed<Tf>(packages.tf);
  if (tf === null) return null;
  const hasWasm = (await installed(packages.wasm)) !== null;
  await tf.setBackend(hasWasm ? 'wasm' : 'cpu');
  const { json, weightData } = graph.artifacts;
  const model = await tf.loadGraphModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights) as never, // as the file has them
      weightData: Uint8Array.from(weightData).buffer,
      format: 'graph-model',
    }),
  });
  try {
    const rows: Float32Array[] = [];
    for (const input of inputs) {
      const x = tf.tensor(input, [1, ...dims]);
      const y = model.execute(x, output);
      if (Array.isArray(y)) throw new Error(`TensorFlow.js gives ${y.length} tensors for ${output}`);
      rows.push(Float32Array.from(await y.data()));
      tf.dispose([x, y]);
    }
    return { rows, by: `TensorFlow.js ${tf.version.tfjs} (${tf.getBackend()})` };
  } finally {
    model.dispose();
  }
}

async function installed<T>(name: string): Promise<T | null> {
  try {
    return (await import(name)) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return null;
    throw cause;
  }
}
