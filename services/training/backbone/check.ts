/**
 * Compares an imported net with what it was made from, on sample inputs: an ONNX file with itself before the conversion,
 * under onnxruntime; a TensorFlow.js graph with TensorFlow.js, where that is installed. Called by import.ts.
 */
import { Tensor } from 'onnxruntime-node';
import { FOREIGN_MODEL_LIMITS } from '../../../contracts/configuration/training.ts';
import { encodeAgain } from '../onnx/encoding.ts';
import { createRandom } from '../random.ts';
import type { Net } from './assemble.ts';
import { partFor } from './graph-tools.ts';
import type { Look } from './look.ts';
import { openWalled } from '../walled/walled-session.ts';
import type { OnnxOriginal, Source } from './source.ts';
import { runGraphModel } from './tfjs/run.ts';

export interface Check {
  /** With what it was compared; null where there was nothing to compare with. */
  readonly against: string | null;
  /** Largest distance of two rows of features, as a share of the row's length; null as above. */
  readonly worst: number | null;
  /** One sentence. */
  readonly text: string;
}

/** float32 sums in another order lie 1e-6 apart; a wrong axis or rounding lies far above. */
const WORST_MAX = 1e-4;
/** Half floats have 11 bits, so that a deep net of them lies 2e-3 from its own floats (faceres). */
const WORST_MAX_HALF = 1e-2;
const SAMPLES = 2;

/** Inputs as the net itself takes them. */
interface Samples {
  readonly rows: readonly Float32Array[];
  readonly dims: readonly number[];
}

/** The file does not run as it is. */
export class OriginalUnfit extends Error {}

/** Throws an Error where the outputs differ, or where one of the two does not run. */
export async function checkSource({ net, original }: Source, look: Look): Promise<Check> {
  if (original.type === 'same')
    return { against: null, worst: null, text: 'nothing was converted, so there is nothing to compare' };
  const entry = { name: net.input.name, output: net.output, batch: null, input: 'float32' } as const;
  if (original.type === 'tfjs') {
    const samples = samplesFor(look, net.input.channels, true);
    const theirs = await runGraphModel(original.graph, original.output, samples.rows, samples.dims);
    const turned = samplesFor(look, net.input.channels, false);
    const ours = await runOnnx({ ...entry, bytes: encodeAgain(net.model) }, turned);
    if (theirs === null) {
      const text =
        'onnxruntime runs it; TensorFlow.js is not installed here (npm install @tensorflow/tfjs), so nothing was compared';
      return { against: null, worst: null, text };
    }
    return compared(ours, theirs.rows, theirs.by);
  }
  const samples = samplesFor(look, net.input.channels, net.input.isChannelsLast);
  const { isHalf, batch } = original;
  const before = await runOnnx({ ...original, name: entry.name }, samples).catch((cause) => {
    throw new OriginalUnfit(`onnxruntime does not run it: ${(cause as Error).message}`, { cause });
  });
  const after = await runOnnx({ ...entry, bytes: opened(net), batch }, samples);
  const against = `onnxruntime, before the conversion${isHalf ? ' from half floats' : ''}`;
  return compared(after, before, against, isHalf ? WORST_MAX_HALF : WORST_MAX);
}

function compared(
  ours: readonly Float32Array[],
  theirs: readonly Float32Array[],
  against: string,
  worstMax = WORST_MAX,
): Check {
  const worst = Math.max(...ours.map((row, at) => distance(row, theirs[at]!)));
  const text = `compared with ${against}: features lie at most ${worst.toExponential(1)} of their length apart`;
  if (!(worst <= worstMax)) throw new Error(`its features are others than in the original (${text})`);
  return { against, worst, text };
}

/** Of the difference, as a share of the second row's length. NaN is a difference, too. */
export function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  const length = Math.hypot(...b);
  const apart = Math.hypot(...a.map((value, at) => value - b[at]!));
  return apart === 0 ? 0 : apart / length;
}

/** Pictures of even noise, in the net's own range. The same values whichever way they lie. */
function samplesFor({ mean, scale, height, width }: Look, channels: number, isChannelsLast: boolean): Samples {
  const random = createRandom(7);
  const area = height * width;
  const rows = Array.from({ length: SAMPLES }, () => {
    const row = new Float32Array(channels * area);
    for (let channel = 0; channel < channels; channel++) {
      const [shift, factor] = [mean[channel] ?? mean[0]!, scale[channel] ?? scale[0]!];
      for (let at = 0; at < area; at++)
        row[isChannelsLast ? at * channels + channel : channel * area + at] = (255 * random() - shift) * factor;
    }
    return row;
  });
  return { rows, dims: isChannelsLast ? [height, width, channels] : [channels, height, width] };
}

/** The output as one of the graph's, for it may be a node inside. */
function opened({ model, output }: Net): Uint8Array {
  return encodeAgain({ ...model, graph: { ...partFor(model.graph!, output), output: [{ name: output }] } });
}

/** Each sample by itself, repeated where the file has a fixed batch. */
async function runOnnx(
  { bytes, name, output, batch, input }: Pick<OnnxOriginal, 'bytes' | 'output' | 'batch' | 'input'> & { name: string },
  { rows, dims }: Samples,
): Promise<Float32Array[]> {
  const session = await openWalled(bytes, { limits: FOREIGN_MODEL_LIMITS });
  try {
    const results: Float32Array[] = [];
    for (const row of rows) {
      const count = batch ?? 1;
      const data = new Float32Array(count * row.length);
      for (let place = 0; place < count; place++) data.set(row, place * row.length);
      const tensor = new Tensor(input === 'uint8' ? Uint8Array.from(data, Math.round) : data, [count, ...dims]);
      const outputs = await session.run({ [name]: tensor }, [output]);
      const values = outputs[output]!.data;
      if (!(values instanceof Float32Array))
        throw new Error(`its output ${output} is ${outputs[output]!.type}, not float32`);
      results.push(values.slice(0, values.length / count));
    }
    return results;
  } finally {
    await session.release();
  }
}
