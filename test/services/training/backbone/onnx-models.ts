/** Small ONNX models of any version for the tests of the import, and how they are run. */
import onnxProto, { type onnx } from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import {
  encodeAttribute,
  encodeFloats,
  encodeIntegers,
  encodeValueInfo,
} from '../../../../services/training/onnx/encoding.ts';
import type { Attribute, Dimension } from '../../../../services/training/onnx/encoding.ts';
import { createRandom } from '../../../../services/training/random.ts';

/** A constant: numbers of a float tensor with its shape, or integers. */
export type Constant = { readonly floats: readonly number[]; readonly shape: readonly number[] } | readonly number[];

export interface SmallNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** A list of floats is `{ floats }`. */
  readonly attributes?: Readonly<Record<string, Attribute | { readonly floats: readonly number[] }>>;
}

export interface SmallModel {
  readonly opset: number;
  readonly shape: readonly Dimension[];
  readonly nodes: readonly SmallNode[];
  readonly constants?: Readonly<Record<string, Constant>>;
  readonly output?: string;
  readonly producer?: string;
}

const { ModelProto, AttributeProto } = onnxProto.onnx;

/** From the input `x` to the output `y`. */
export function smallModel({
  opset,
  shape,
  nodes,
  constants = {},
  output = 'y',
  producer = '',
}: SmallModel): onnx.ModelProto {
  return ModelProto.create({
    irVersion: 8,
    producerName: producer,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'small',
      node: nodes.map(({ op, inputs, outputs, attributes = {} }) => ({
        ...{ opType: op, input: [...inputs], output: [...outputs] },
        attribute: Object.entries(attributes).map(([name, value]) =>
          typeof value === 'object' && 'floats' in value
            ? { name, type: AttributeProto.AttributeType.FLOATS, floats: [...value.floats] }
            : encodeAttribute(name, value),
        ),
      })),
      initializer: Object.entries(constants).map(([name, value]) =>
        'floats' in value
          ? encodeFloats(name, Float32Array.from(value.floats), value.shape)
          : encodeIntegers(name, value, [value.length]),
      ),
      input: [encodeValueInfo('x', 'float', shape)],
      output: [{ name: output, type: { tensorType: { elemType: 1 } } }],
    },
  });
}

export const bytesOf = (model: onnx.IModelProto): Uint8Array => ModelProto.encode(model).finish();

/** The same values in every run, between -1 and 1. */
export function noise(count: number, seed = 5): number[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => 2 * random() - 1);
}

export async function runModel(model: onnx.IModelProto, shape: readonly number[], values?: Float32Array) {
  const session = await InferenceSession.create(bytesOf(model));
  try {
    const count = shape.reduce((product, size) => product * size, 1);
    const x = new Tensor('float32', values ?? Float32Array.from(noise(count)), shape);
    const output = session.outputNames[0]!;
    const { [output]: y } = await session.run({ [session.inputNames[0]!]: x });
    return { values: y!.data as Float32Array, shape: y!.dims };
  } finally {
    await session.release();
  }
}
