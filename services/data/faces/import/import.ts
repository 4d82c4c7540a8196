/**
 * Imports a detector of faces: a TensorFlow.js graph model becomes one ONNX file that takes pixels and gives faces, after
 * its outputs were compared with those of TensorFlow.js. Apart from the import of a backbone, which has features and a crop
 * where this has boxes and anchors; reading, converting and running graph models is theirs together. Called by
 * `nightshift faces import`.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PipelineError } from '../../../../contracts/errors.ts';
import { describeBytes, describeFolder } from '../../../training/backbone/found.ts';
import { convertOutputs } from '../../../training/backbone/tfjs/convert.ts';
import { readGraphModel, type TfGraph } from '../../../training/backbone/tfjs/graph-model.ts';
import { runGraphModel } from '../../../training/backbone/tfjs/run.ts';
import { encodeAgain } from '../../../training/onnx/encoding.ts';
import { createRandom } from '../../../training/random.ts';
import { readDetector, toDetectorProps, type DetectorMetadata } from '../file.ts';
import { assembleDetector, type DetectorNet } from './assemble.ts';
import { FAMILIES, outputsOf, type Family } from './families.ts';
import { writeWhole } from '../../../write-whole.ts';

export interface DetectorReport extends DetectorMetadata {
  readonly file: string;
  readonly bytes: number;
  /** Of one look, on this machine; the median of several. */
  readonly lookMs: number;
}

/** float32 sums in another order lie 1e-6 apart; a wrong axis or rounding lies far above. */
const WORST_MAX = 1e-4;
const SAMPLES = 2;
const TIMED_RUNS = 9;

/** Throws MODEL_INVALID, saying what was found, or CONFIG_INVALID where `out` cannot be written. */
export async function importDetector(path: string, out: string): Promise<DetectorReport> {
  try {
    const { graph, digest } = await openGraph(path);
    const net = await netOf(graph);
    const family = FAMILIES.find((its) => outputsOf(its, net.sizes) !== null);
    if (family === undefined) throw new Error(`its outputs are ${listed(net.sizes)}; ${known()}`);
    const checked = await check(graph, net, family);
    const metadata: DetectorMetadata = {
      ...{ source: basename(path), digest, framework: `TensorFlow.js graph model (${graph.generatedBy})` },
      ...{ family: family.name, size: `${net.side}x${net.side}`, channels: family.bgr ? 'bgr' : 'rgb' },
      ...{ mean: String(family.mean), scale: String(family.scale), checked },
      anchors: family.grids.map(({ side, boxes }) => `${net.side / side}x${boxes}`).join(','),
      landmarks: family.landmarks.join(','),
    };
    const file = assembleDetector(net, family, toDetectorProps(metadata));
    const lookMs = await timed(file, net.side);
    await writeWhole('faces', out, file);
    return { file: out, bytes: file.length, ...readDetector(file, out), lookMs };
  } catch (cause) {
    if (cause instanceof PipelineError) throw cause;
    throw new PipelineError('MODEL_INVALID', `faces: ${path} cannot be imported: ${(cause as Error).message}`, {
      cause,
    });
  }
}

async function openGraph(path: string): Promise<{ graph: TfGraph; digest: string }> {
  if ((await stat(path)).isDirectory()) throw new Error(`it is ${describeFolder(await readdir(path))}`);
  const bytes = await readFile(path);
  const isText = /^\s*[[{]/.test(bytes.subarray(0, 64).toString('latin1'));
  const graph = isText ? await readGraphModel(path, bytes.toString()) : null;
  if (graph === null) throw new Error(`it is ${describeBytes(bytes) ?? 'no TensorFlow.js graph model'}; ${known()}`);
  const digest = createHash('sha256').update(bytes).update(graph.artifacts.weightData).digest('hex');
  return { graph, digest };
}

const known = () => `known are TensorFlow.js graph models of ${FAMILIES.map(({ name }) => name).join(', ')}`;
const listed = (sizes: ReadonlyMap<string, number>) =>
  [...sizes].map(([name, size]) => `${name} of ${size} values`).join(', ');

async function netOf(graph: TfGraph): Promise<DetectorNet> {
  const { model, input } = convertOutputs(graph, graph.outputs);
  const { channels, height, width } = input;
  if (channels !== 3 || height === null || height !== width)
    throw new Error(`it takes ${width ?? '?'}x${height ?? '?'}x${channels}, not squares of three channels`);
  const outputs = await run(encodeAgain(model), noise(height, 1), height);
  return { model, side: height, sizes: new Map([...outputs].map(([name, values]) => [name, values.length])) };
}

async function check(graph: TfGraph, { model, side, sizes }: DetectorNet, { mean, scale }: Family): Promise<string> {
  const pictures = Array.from({ length: SAMPLES }, (_, seed) =>
    noise(side, seed).map((pixel) => (pixel - mean) * scale),
  );
  const ours = await Promise.all(pictures.map((pixels) => run(encodeAgain(model), pixels, side)));
  let worst = 0;
  let by = '';
  for (const name of sizes.keys()) {
    const theirs = await runGraphModel(
      graph,
      name,
      pictures.map((pixels) => channelsLast(pixels, side)),
      [side, side, 3],
    );
    if (theirs === null)
      return 'TensorFlow.js is not installed (npm install @tensorflow/tfjs), so nothing was compared';
    by = theirs.by;
    theirs.rows.forEach((row, at) => (worst = Math.max(worst, distance(ours[at]!.get(name)!, row))));
  }
  const text = `outputs lie at most ${worst.toExponential(1)} of their length from those of ${by}`;
  if (!(worst <= WORST_MAX)) throw new Error(`converted it gives other values: ${text}`);
  return text;
}

function distance(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Infinity;
  return Math.hypot(...a.map((value, at) => value - b[at]!)) / Math.hypot(...b);
}

/** [3, side, side], 0..255. */
function noise(side: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: 3 * side * side }, () => Math.floor(256 * random()));
}

function channelsLast(pixels: Float32Array, side: number): Float32Array {
  const area = side * side;
  return pixels.map((_, at) => pixels[(at % 3) * area + Math.floor(at / 3)]!);
}

async function run(model: Uint8Array, pixels: Float32Array, side: number): Promise<Map<string, Float32Array>> {
  const session = await InferenceSession.create(model);
  try {
    const outputs = await session.run({ images: new Tensor('float32', pixels, [1, 3, side, side]) });
    // Converted graphs give float32 only.
    return new Map(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
  } finally {
    await session.release();
  }
}

async function timed(file: Uint8Array, side: number): Promise<number> {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  try {
    const images = new Tensor('float32', noise(side, 2), [1, 3, side, side]);
    const times: number[] = [];
    for (let at = 0; at < TIMED_RUNS; at++) {
      const began = performance.now();
      await session.run({ images });
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[TIMED_RUNS >> 1]!;
  } finally {
    await session.release();
  }
}
