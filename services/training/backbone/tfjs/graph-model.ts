/**
 * Reads a TensorFlow.js graph model: model.json and its weight files, with weights that are stored in fewer bits brought
 * back to float32 as TensorFlow.js does it. Format: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter.
 * Called by import.ts; what the nodes mean is in operators.ts.
 */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';

const BYTES_MAX = 1024 ** 3;

const AttributeSchema = z.looseObject({
  i: z.union([z.string(), z.number()]).optional(),
  f: z.number().optional(),
  b: z.boolean().optional(),
  /** Base64. */
  s: z.string().optional(),
  type: z.union([z.string(), z.number()]).optional(),
  shape: z
    .looseObject({ dim: z.array(z.looseObject({ size: z.union([z.string(), z.number()]).optional() })).optional() })
    .optional(),
  list: z
    .looseObject({
      i: z.array(z.union([z.string(), z.number()])).optional(),
      s: z.array(z.string()).optional(),
    })
    .optional(),
});

const NodeSchema = z.looseObject({
  name: z.string(),
  op: z.string(),
  input: z.array(z.string()).default([]),
  attr: z.record(z.string(), AttributeSchema).default({}),
});
export type TfNode = z.infer<typeof NodeSchema>;

const WeightSchema = z.looseObject({
  name: z.string(),
  shape: z.array(z.number().int().min(0)),
  dtype: z.string(),
  quantization: z
    .looseObject({ dtype: z.string(), scale: z.number().optional(), min: z.number().optional() })
    .optional(),
});

const ModelSchema = z.looseObject({
  format: z.literal('graph-model').optional(),
  generatedBy: z.string().nullish(),
  signature: z
    .looseObject({ outputs: z.record(z.string(), z.looseObject({ name: z.string().optional() })).optional() })
    .optional(),
  modelTopology: z.looseObject({ node: z.array(NodeSchema).min(1) }),
  weightsManifest: z.array(z.looseObject({ paths: z.array(z.string()), weights: z.array(WeightSchema) })),
});

export interface Weight {
  readonly shape: readonly number[];
  readonly values: Float32Array | Int32Array;
}

export interface TfGraph {
  readonly nodes: readonly TfNode[];
  readonly weights: ReadonlyMap<string, Weight>;
  /** Names of the nodes that the model gives out. */
  readonly outputs: readonly string[];
  readonly generatedBy: string;
  /** The parsed model.json and the bytes of all weight files in order, for TensorFlow.js itself. */
  readonly artifacts: { readonly json: z.infer<typeof ModelSchema>; readonly weightData: Uint8Array };
}

/** Null where the text is no graph model. Throws an Error that says which part is missing or not known. */
export async function readGraphModel(path: string, text: string): Promise<TfGraph | null> {
  const raw: unknown = parsed(text);
  if (raw === null || typeof raw !== 'object') return null;
  if ('format' in raw && raw.format === 'layers-model')
    throw new Error(
      'it is a TensorFlow.js layers model; convert it with tensorflowjs_converter --output_format=tfjs_graph_model',
    );
  if (!('modelTopology' in raw)) return null;
  const model = ModelSchema.safeParse(raw);
  if (!model.success) throw new Error(`it is not a whole TensorFlow.js graph model: ${z.prettifyError(model.error)}`);
  const { modelTopology, weightsManifest, signature, generatedBy } = model.data;
  const weights = new Map<string, Weight>();
  const files: Uint8Array[] = [];
  for (const group of weightsManifest) {
    const bytes = await readShards(dirname(path), group.paths);
    files.push(bytes);
    let at = 0;
    for (const weight of group.weights) {
      const length = bytesOf(weight);
      if (at + length > bytes.length)
        throw new Error(`${group.paths.join(', ')}: ends before the weight ${weight.name}`);
      weights.set(weight.name, valuesOf(weight, Uint8Array.from(bytes.subarray(at, at + length))));
      at += length;
    }
  }
  const nodes = modelTopology.node;
  const named = Object.values(signature?.outputs ?? {}).map(({ name }) => nodeNameOf(name ?? ''));
  const read = new Set(nodes.flatMap(({ input }) => input.map(nodeNameOf)));
  const ends = nodes.filter(({ name, op }) => !read.has(name) && op !== 'Const').map(({ name }) => name);
  return {
    nodes,
    weights,
    outputs: named.length > 0 ? named : ends,
    generatedBy: generatedBy ?? '',
    artifacts: { json: model.data, weightData: Buffer.concat(files) },
  };
}

/** `name:0` is the first output of a node, `^name` one that it waits for. */
export const nodeNameOf = (reference: string): string => reference.replace(/^\^/, '').replace(/:0$/, '');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

async function readShards(folder: string, paths: readonly string[]): Promise<Uint8Array> {
  const shards: Uint8Array[] = [];
  for (const name of paths) {
    // A weight file lies beside its model; nothing else is read.
    if (/[/\\]\.\.|^\.\.|^[/\\]/.test(name)) throw new Error(`its weight file ${name} lies outside of its folder`);
    const shard = await readFile(join(folder, name)).catch((cause) => {
      throw new Error(`its weight file ${name} cannot be read: ${(cause as Error).message}`, { cause });
    });
    if (shard.subarray(0, 8).toString() === 'version ')
      throw new Error(`its weight file ${name} is a git-lfs pointer; \`git lfs pull\` fetches the file itself`);
    shards.push(shard);
  }
  const bytes = Buffer.concat(shards);
  if (bytes.length > BYTES_MAX)
    throw new Error(`its weights have ${bytes.length} bytes; at most ${BYTES_MAX} are read`);
  return bytes;
}

type WeightInfo = z.infer<typeof WeightSchema>;

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2, uint16: 2, uint8: 1, bool: 1 };

const countOf = ({ shape }: WeightInfo): number => shape.reduce((product, size) => product * size, 1);

function bytesOf(weight: WeightInfo): number {
  const type = weight.quantization?.dtype ?? weight.dtype;
  const bytes = BYTES[type];
  if (bytes === undefined) throw new Error(`its weight ${weight.name} is of type ${type}`);
  return bytes * countOf(weight);
}

/** `bytes`: its own copy, so that typed arrays may lie over it. */
function valuesOf(weight: WeightInfo, { buffer }: Uint8Array): Weight {
  const { shape, dtype, quantization } = weight;
  if (quantization === undefined) {
    if (dtype === 'bool') return { shape, values: Int32Array.from(new Uint8Array(buffer)) };
    return { shape, values: dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer) };
  }
  if (quantization.dtype === 'float16') return { shape, values: Float32Array.from(new Uint16Array(buffer), fromHalf) };
  const { scale = 1, min = 0 } = quantization;
  const stored = quantization.dtype === 'uint8' ? new Uint8Array(buffer) : new Uint16Array(buffer);
  const back = (value: number) => value * scale + min;
  return {
    shape,
    values: dtype === 'int32' ? Int32Array.from(stored, (it) => Math.round(back(it))) : Float32Array.from(stored, back),
  };
}

/** IEEE 754 binary16. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
