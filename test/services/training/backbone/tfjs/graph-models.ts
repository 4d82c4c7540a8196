/** Small TensorFlow.js graph models for the tests of the import: written node by node, as the converter writes them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noise } from '../onnx-models.ts';

export interface SmallTfNode {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Readonly<Record<string, object>>;
}

export interface SmallWeight {
  readonly shape: readonly number[];
  readonly values?: readonly number[];
  readonly dtype?: 'int32';
}

export const text = (value: string) => ({ s: Buffer.from(value).toString('base64') });
export const texts = (...values: string[]) => ({ list: { s: values.map((value) => text(value).s) } });
export const integers = (...values: number[]) => ({ list: { i: values.map(String) } });

/** The tools of a convolution, channels last. */
export const strided = (padding: 'SAME' | 'VALID', stride = 1, dilation = 1) => ({
  padding: text(padding),
  strides: integers(1, stride, stride, 1),
  dilations: integers(1, dilation, dilation, 1),
  data_format: text('NHWC'),
});

export const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const valuesOf = ({ shape, values }: SmallWeight, seed: number) => values ?? noise(count(shape), seed);

/** Writes model.json and its weights into a new folder; answers the path of the former. */
export async function writeGraphModel(
  folder: string,
  nodes: readonly SmallTfNode[],
  weights: Readonly<Record<string, SmallWeight>> = {},
  { inputShape = [-1, 7, 6, 3], generatedBy = 'test', outputs = [] as readonly string[] } = {},
): Promise<string> {
  const entries = Object.entries(weights);
  const dim = inputShape.map((size) => ({ size: String(size) }));
  const constants = entries.map(([name, { dtype }]) => ({
    ...{ name, op: 'Const' },
    attr: { dtype: { type: dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT' } },
  }));
  const placeholder = {
    name: 'x',
    op: 'Placeholder',
    attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim } } },
  };
  const json = {
    format: 'graph-model',
    generatedBy,
    ...(outputs.length > 0 && {
      signature: { outputs: Object.fromEntries(outputs.map((name) => [name, { name: `${name}:0` }])) },
    }),
    modelTopology: { versions: { producer: 1 }, node: [...constants, placeholder, ...nodes] },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: entries.map(([name, { shape, dtype = 'float32' }]) => ({ name, shape, dtype })),
      },
    ],
  };
  const data = entries.map(([, weight], seed) => {
    const values = valuesOf(weight, seed + 1);
    return Buffer.from((weight.dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values)).buffer);
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'weights.bin'), Buffer.concat(data));
  const path = join(folder, 'model.json');
  await writeFile(path, JSON.stringify(json));
  return path;
}
