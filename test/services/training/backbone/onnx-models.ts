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

/** The model with every float32 of it as a half float: what converters for graphics cards write. */
export function inHalves(model: onnx.IModelProto): onnx.IModelProto {
  const tensor = (it: onnx.ITensorProto) => (it.dataType === 1 ? halved(it) : it);
  const value = (it: onnx.IValueInfoProto) => ({
    ...it,
    type: { tensorType: { ...it.type?.tensorType, elemType: 10 } },
  });
  const attribute = (it: onnx.IAttributeProto) => ({
    ...it,
    ...(it.t && { t: tensor(it.t) }),
    ...(it.name === 'to' && Number(it.i) === 1 && { i: 10 }),
  });
  const { graph } = model;
  return {
    ...model,
    graph: {
      ...graph,
      node: graph!.node!.map((node) => ({ ...node, attribute: (node.attribute ?? []).map(attribute) })),
      initializer: graph!.initializer!.map(tensor),
      input: graph!.input!.map(value),
      output: graph!.output!.map(value),
      valueInfo: [],
    },
  };
}

function halved({ rawData, dims, name }: onnx.ITensorProto): onnx.ITensorProto {
  const halves = Uint16Array.from(new Float32Array(Uint8Array.from(rawData!).buffer), halfOf);
  return { name, dims, dataType: 10, rawData: new Uint8Array(halves.buffer) };
}

/** The bits of the half float that is nearest to a number below 65504; halfway the even one. */
export function halfOf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const steps = size / 2 ** (exponent - 10);
  const low = Math.floor(steps);
  const isUp = steps - low > 0.5 || (steps - low === 0.5 && low % 2 === 1);
  // A fraction that is rounded up to 2 carries into the exponent.
  const rounded = low + Number(isUp);
  return sign | (rounded < 1024 ? rounded : rounded - 1024 + ((exponent + 15) << 10));
}

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
