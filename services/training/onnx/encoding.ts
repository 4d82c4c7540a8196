/**
 * ONNX's protobuf messages for tensors, attributes, values and whole models, by way of onnx-proto. Field meanings:
 * https://github.com/onnx/onnx/blob/main/docs/IR.md. Called by the graph builder and the model writers only.
 */
import onnxProto, { type onnx } from 'onnx-proto';

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;

export type ElementType = 'float' | 'int64';
/** A name stands for a size known at run time, such as `batch`. */
export type Dimension = number | string;
/** A bare number is an integer attribute, because ONNX tells 1 from 1.0. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** ONNX 1.12: the newest operators that every supported runtime has, and the oldest that has what we write. */
export const OPSET = 17;
const IR_VERSION = 8;
/** onnxruntime's own operators, and those of its blocked layout (blocked-conv.ts). */
export const CONTRIB_DOMAINS = ['com.microsoft', 'com.microsoft.nchwc'] as const;
/** The number by which attributes name float32. */
export const FLOAT: number = TensorProto.DataType.FLOAT;
const TYPE_NUMBERS: Readonly<Record<string, number | string>> = TensorProto.DataType;
const DATA_TYPES = { float: TensorProto.DataType.FLOAT, int64: TensorProto.DataType.INT64 } as const;

/** As messages name a tensor's type: `float16`, `uint8`. */
export const elementTypeName = (type: number): string =>
  Object.keys(TYPE_NUMBERS)
    .find((name) => TYPE_NUMBERS[name] === type)
    ?.toLowerCase() ?? `of type ${type}`;

/** Version of the standard operators of a model; 0 where it names none. */
export const opsetOf = ({ opsetImport }: Pick<onnx.IModelProto, 'opsetImport'>): number =>
  Number(opsetImport?.find(({ domain }) => !domain || domain === 'ai.onnx')?.version ?? 0);

/** An ONNX file. `contrib` admits onnxruntime's own operators: for training graphs only, never for shipped models. */
export function encodeModel(
  graph: onnx.IGraphProto,
  options: {
    readonly metadata?: Readonly<Record<string, string>>;
    readonly contrib?: boolean;
    /** A model whose nodes are part of the graph: its operator sets and functions hold for all of it. */
    readonly around?: Pick<onnx.IModelProto, 'opsetImport' | 'functions'>;
  } = {},
): Uint8Array {
  const opsetImport = options.around?.opsetImport ?? [{ domain: '', version: OPSET }];
  if (options.contrib) for (const domain of CONTRIB_DOMAINS) opsetImport.push({ domain, version: 1 });
  const metadataProps = entriesOf(options.metadata ?? {});
  const functions = options.around?.functions ?? [];
  const model = { irVersion: IR_VERSION, producerName: 'nightshift', graph, opsetImport, functions, metadataProps };
  return ModelProto.encode(model).finish();
}

/** A decoded model as a file again. */
export const encodeAgain = (model: onnx.IModelProto): Uint8Array => ModelProto.encode(model).finish();

/** Two protobuf messages one after the other are one message, with the lists of both. */
export const appendMetadata = (model: Uint8Array, metadata: Readonly<Record<string, string>>): Uint8Array =>
  Buffer.concat([model, ModelProto.encode({ metadataProps: entriesOf(metadata) }).finish()]);

/** Names of the files in which the weights lie, where they do not lie in the model itself. Throws as decodeModel. */
export function externalFiles(bytes: Uint8Array): string[] {
  const external = TensorProto.DataLocation.EXTERNAL;
  const outside = (decodeModel(bytes).graph?.initializer ?? []).filter(({ dataLocation }) => dataLocation === external);
  const names = outside.map(({ externalData }) => externalData?.find(({ key }) => key === 'location')?.value ?? '');
  return [...new Set(names)];
}

const entriesOf = (props: Readonly<Record<string, string>>) =>
  Object.entries(props).map(([key, value]) => ({ key, value }));

/** Throws a plain Error when the bytes are not protobuf. */
export function decodeModel(bytes: Uint8Array): onnx.ModelProto {
  return ModelProto.decode(bytes);
}

export function encodeFloats(name: string, data: Float32Array, shape: readonly number[]): onnx.ITensorProto {
  return { name, dataType: DATA_TYPES.float, dims: [...shape], rawData: bytesOf(data) };
}

export function encodeIntegers(name: string, values: readonly number[], shape: readonly number[]): onnx.ITensorProto {
  return { name, dataType: DATA_TYPES.int64, dims: [...shape], rawData: bytesOf(BigInt64Array.from(values, BigInt)) };
}

export function encodeValueInfo(name: string, type: ElementType, shape: readonly Dimension[]): onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[type], shape: { dim } } } };
}

export function encodeAttribute(name: string, value: Attribute): onnx.IAttributeProto {
  const types = AttributeProto.AttributeType;
  if (typeof value === 'number') return { name, type: types.INT, i: value };
  if (typeof value === 'string') return { name, type: types.STRING, s: Buffer.from(value) };
  if ('float' in value) return { name, type: types.FLOAT, f: value.float };
  return { name, type: types.INTS, ints: [...value] };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
