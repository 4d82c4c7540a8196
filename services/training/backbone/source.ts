/**
 * Opens what is to be imported, an ONNX file or a TensorFlow.js graph model, as a net of today's ONNX operators; or says
 * what was found instead. Called by import.ts.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { onnx } from 'onnx-proto';
import { elementTypeName, encodeAgain, FLOAT, opsetOf } from '../onnx/encoding.ts';
import type { Net } from './assemble.ts';
import { castAround, FLOAT16, takingPixels, UINT8, widened } from './element-types.ts';
import { describeFolder } from './found.ts';
import { familyOf, type LookFlags, type Marks } from './look.ts';
import { readOnnx } from './onnx-file.ts';
import { PRESETS } from './presets.ts';
import { lift, OPSET_KEPT, OPSET_OLDEST } from './opset/convert.ts';
import { convertGraph } from './tfjs/convert.ts';
import { readGraphModel, type TfGraph } from './tfjs/graph-model.ts';

export interface Source {
  readonly net: Net;
  /** Null where the file leaves them open. */
  readonly height: number | null;
  readonly width: number | null;
  readonly marks: Marks;
  readonly digest: string;
  readonly framework: string;
  /** What was done to it, a sentence each. */
  readonly notes: readonly string[];
  /** What the net's outputs are compared with. */
  readonly original:
    | OnnxOriginal
    | { readonly type: 'tfjs'; readonly graph: TfGraph; readonly output: string }
    /** Nothing was converted. */
    | { readonly type: 'same' };
}

/** The file before it was converted. */
export interface OnnxOriginal {
  readonly type: 'onnx';
  readonly bytes: Uint8Array;
  readonly batch: number | null;
  readonly output: string;
  readonly input: 'float32' | 'uint8';
  /** Its own sums are of half floats. */
  readonly isHalf: boolean;
}

export interface SourceOptions {
  readonly flags: LookFlags;
  readonly output?: string | undefined;
  /** Channels of an input that leaves them open. */
  readonly channels?: number | undefined;
  /** As of `lift`. */
  readonly slopesPerChannel?: boolean;
}

const TAKEN_TYPES: readonly number[] = [FLOAT, FLOAT16, UINT8];
/** The newest that onnxruntime 1.30 runs. */
const OPSET_NEWEST = 26;

/** Throws an Error that says what was found. */
export async function openSource(path: string, options: SourceOptions): Promise<Source> {
  if ((await stat(path)).isDirectory()) throw new Error(`it is ${describeFolder(await readdir(path))}`);
  const bytes = await readFile(path);
  if (/^\s*[[{]/.test(bytes.subarray(0, 64).toString('latin1'))) {
    const graph = await readGraphModel(path, bytes.toString());
    if (graph) return openGraphModel(path, bytes, graph, options);
    if (!/[\]}]\s*$/.test(bytes.subarray(-64).toString('latin1')))
      throw new Error('it is a JSON file that was cut off: it ends in the middle; fetch it again');
  }
  return openOnnx(path, bytes, options);
}

function openGraphModel(path: string, json: Uint8Array, graph: TfGraph, options: SourceOptions): Source {
  const marks = { fileName: basename(path), producer: graph.generatedBy };
  const names = graph.nodes.map(({ name }) => name);
  const output = outputOf(graph.outputs, names, options, marks);
  const { model, input, operators } = convertGraph(graph, output);
  const count = Object.values(operators).reduce((sum, it) => sum + it, 0);
  return {
    net: {
      model,
      input: { name: 'images', channels: input.channels, isChannelsLast: false, isBytes: false },
      output: 'features',
    },
    ...{ height: input.height, width: input.width, marks },
    digest: createHash('sha256').update(json).update(graph.artifacts.weightData).digest('hex'),
    framework: `TensorFlow.js graph model${graph.generatedBy && ` (${graph.generatedBy})`}`,
    notes: [`${count} nodes converted from TensorFlow, channels last to channels first: ${listed(operators)}`],
    original: { type: 'tfjs', graph, output },
  };
}

function openOnnx(path: string, bytes: Uint8Array, options: SourceOptions): Source {
  const found = readOnnx(bytes);
  const version = opsetOf(found);
  if (version < OPSET_OLDEST || version > OPSET_NEWEST)
    throw new Error(`it has ONNX operators of version ${version}; ${OPSET_OLDEST} to ${OPSET_NEWEST} can be imported`);
  const marks = { fileName: basename(path), producer: `${found.producerName} ${found.graph!.name ?? ''}` };
  const graph = found.graph!;
  const given = (graph.output ?? []).map(({ name }) => name ?? '');
  const made = (graph.node ?? []).flatMap((node) => node.output ?? []);
  const output = outputOf(given, made, options, marks);
  const { input, batch, height, width } = inputOf(graph, options);
  const wide = widened(found);
  const floats = input.isBytes ? takingPixels(wide ?? found, input.name) : (wide ?? found);
  const isOld = version < OPSET_KEPT;
  const { model, rewritten } = isOld ? lift(floats, version, options) : { model: floats, rewritten: {} };
  const notes: string[] = [];
  if (wide) notes.push('its half floats (float16) became floats (float32) of the same value');
  if (input.isBytes) notes.push('it takes bytes (uint8): pixels are rounded for it, and its own preprocessing is kept');
  if (isOld) notes.push(`operators of version ${version} converted; written anew: ${listed(rewritten) || 'none'}`);
  if (options.slopesPerChannel) notes.push('flat PReLU slopes read as one per channel, as mxnet means them');
  if (batch !== null) notes.push(`its batch was fixed at ${batch} and is open now`);
  if (input.isChannelsLast) notes.push('it takes channels last (NHWC); the imported file takes them first');
  const original: OnnxOriginal = {
    ...{ type: 'onnx', batch, output, input: input.isBytes ? 'uint8' : 'float32', isHalf: wide !== null },
    bytes: wide ? encodeAgain(castAround(found, input.name, output)) : withOutput(found, bytes, output),
  };
  return {
    net: { model, input, output },
    ...{ height, width, marks, notes },
    digest: createHash('sha256').update(bytes).digest('hex'),
    framework: `ONNX operators ${version}${found.producerName && ` of ${found.producerName}`}`,
    original: model === found ? { type: 'same' } : original,
  };
}

/** The file, with a node inside of it as one of its outputs. */
function withOutput(model: onnx.IModelProto, bytes: Uint8Array, output: string): Uint8Array {
  const graph = model.graph!;
  if (graph.output?.some(({ name }) => name === output)) return bytes;
  return encodeAgain({ ...model, graph: { ...graph, output: [...(graph.output ?? []), { name: output }] } });
}

function outputOf(given: readonly string[], all: readonly string[], options: SourceOptions, marks: Marks): string {
  const { output } = options;
  if (output !== undefined) {
    if (all.includes(output)) return output;
    throw new Error(`it has no output or node ${output}; its outputs are ${given.join(', ')}`);
  }
  if (given.length === 1) return given[0]!;
  const family = familyOf(options.flags, marks);
  const usual = family && PRESETS[family].output;
  if (usual !== undefined && all.includes(usual)) return usual;
  throw new Error(`its outputs are ${given.join(', ')}; name the one with the features by --output`);
}

function inputOf(graph: onnx.IGraphProto, { channels: wanted }: SourceOptions) {
  // Old files list their weights among the inputs.
  const weights = new Set(graph.initializer?.map(({ name }) => name));
  const inputs = (graph.input ?? []).filter(({ name }) => !weights.has(name));
  const names = inputs.map(({ name }) => name).join(', ');
  if (inputs.length !== 1) throw new Error(`it has ${inputs.length} inputs (${names}) where one picture is needed`);
  const tensor = inputs[0]!.type?.tensorType;
  const sizes = (tensor?.shape?.dim ?? []).map(({ dimValue }) => (dimValue ? Number(dimValue) : null));
  const shape = `[${sizes.map((size) => size ?? '?').join(', ')}]`;
  const type = tensor?.elemType ?? 0;
  if (!TAKEN_TYPES.includes(type))
    throw new Error(`its input ${names} ${shape} is ${elementTypeName(type)}, not float, float16 or uint8`);
  if (sizes.length !== 4) throw new Error(`its input ${names} is ${shape}, not a batch of pictures`);
  const isChannels = (size: number | null | undefined) => size === 1 || size === 3;
  const isChannelsLast = !isChannels(sizes[1]) && isChannels(sizes[3]);
  const [batch, ...rest] = sizes as [number | null, number | null, number | null, number | null];
  const [channels, height, width] = isChannelsLast ? [rest[2], rest[0], rest[1]] : rest;
  const taken = channels ?? wanted;
  if (taken === undefined) throw new Error(`its input ${names} is ${shape}; say how many channels by --channels`);
  if (!isChannels(taken)) throw new Error(`its input ${names} is ${shape}: ${taken} channels, not 1 or 3`);
  const input = { name: inputs[0]!.name ?? '', channels: taken, isChannelsLast, isBytes: type === UINT8 };
  return { input, batch, height, width };
}

const listed = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
