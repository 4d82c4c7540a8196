/**
 * Nets of half floats (float16) and nets that take bytes (uint8), as nets that take and give float32. Half floats become
 * floats of the same value: onnxruntime has next to no kernels for them on a processor and puts a Cast around each node,
 * which made faceres take 298 ms an image where floats take 55. Bytes stay, behind a Cast. Called by source.ts.
 */
import onnxProto, { type onnx } from 'onnx-proto';
import { encodeAttribute, encodeFloats, FLOAT } from '../onnx/encoding.ts';
import { renamed } from '../onnx/rename.ts';
import type { Graph, Node } from './graph-tools.ts';

export const { FLOAT16, UINT8 } = onnxProto.onnx.TensorProto.DataType;

/** Attributes that name the type of what a node makes: of Cast, and of the nodes that draw or fill. */
const TYPE_ATTRIBUTES: readonly string[] = ['to', 'dtype'];

/** The net with floats in place of half floats, each of the same value; null where it has none. */
export function widened(model: onnx.IModelProto): onnx.IModelProto | null {
  let found = 0;
  const tensor = (it: onnx.ITensorProto): onnx.ITensorProto => {
    if (it.dataType !== FLOAT16) return it;
    found += 1;
    return encodeFloats(it.name ?? '', floatsOfHalves(halvesOf(it)), (it.dims ?? []).map(Number));
  };
  const attribute = (it: onnx.IAttributeProto): onnx.IAttributeProto => {
    const namesHalves = TYPE_ATTRIBUTES.includes(it.name ?? '') && Number(it.i ?? 0) === FLOAT16;
    if (namesHalves) found += 1;
    return {
      ...it,
      ...(namesHalves && { i: FLOAT }),
      ...(it.t && { t: tensor(it.t) }),
      ...(it.g && { g: graph(it.g) }),
      ...(it.graphs?.length && { graphs: it.graphs.map(graph) }),
    };
  };
  const node = (it: Node): Node => ({ ...it, attribute: (it.attribute ?? []).map(attribute) });
  const value = (it: onnx.IValueInfoProto): onnx.IValueInfoProto => {
    const { tensorType } = it.type ?? {};
    if (tensorType?.elemType !== FLOAT16) return it;
    found += 1;
    return { ...it, type: { ...it.type, tensorType: { ...tensorType, elemType: FLOAT } } };
  };
  const graph = (it: Graph): Graph => ({
    ...it,
    node: (it.node ?? []).map(node),
    initializer: (it.initializer ?? []).map(tensor),
    input: (it.input ?? []).map(value),
    output: (it.output ?? []).map(value),
    valueInfo: (it.valueInfo ?? []).map(value),
  });
  const functions = (model.functions ?? []).map((it) => ({ ...it, node: (it.node ?? []).map(node) }));
  const wide = { ...model, graph: graph(model.graph!), functions };
  return found > 0 ? wide : null;
}

/** The bits of each number. */
function halvesOf({ rawData, int32Data }: onnx.ITensorProto): Uint16Array {
  if (!rawData?.length) return Uint16Array.from(int32Data ?? []);
  // A copy, because the bytes may lie at any offset of the file.
  return new Uint16Array(Uint8Array.from(rawData).buffer);
}

/** Exact: sign, 5 bits of exponent, 10 of fraction (IEEE 754-2008, binary16) all fit into a float. */
export function floatsOfHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const [exponent, fraction] = [(bits >> 10) & 0x1f, bits & 0x3ff];
    if (exponent === 0x1f) return fraction ? NaN : sign * Infinity;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
}

/** A net of half floats as it is, between Casts, so that it can be run on floats. */
export function castAround(model: onnx.IModelProto, input: string, output: string): onnx.IModelProto {
  const raw = `${output}/half`;
  const isHalf = model.graph!.input?.some(({ name, type }) => name === input && type?.tensorType?.elemType === FLOAT16);
  const inside = isHalf ? `${input}/half` : input;
  const names = { [input]: inside, [output]: raw };
  const graph = renamed(model.graph!, (name) => names[name] ?? name);
  const node = [...(isHalf ? [cast(input, inside, FLOAT16)] : []), ...graph.node!, cast(raw, output, FLOAT)];
  const taken = isHalf ? inputsOf(model.graph!, input) : graph.input!;
  return { ...model, graph: { ...graph, node, input: taken, output: [{ name: output }] } };
}

/** A net of bytes that takes floats 0..255, which are rounded as pixels are. */
export function takingPixels(model: onnx.IModelProto, input: string): onnx.IModelProto {
  const [half, raised, whole, bytes] = ['half', 'raised', 'whole', 'bytes'].map((part) => `${input}/${part}`);
  const graph = renamed(model.graph!, (name) => (name === input ? bytes! : name));
  const node = [
    { opType: 'Add', input: [input, half!], output: [raised!] },
    { opType: 'Floor', input: [raised!], output: [whole!] },
    cast(whole!, bytes!, UINT8),
    ...graph.node!,
  ];
  const initializer = [...(graph.initializer ?? []), encodeFloats(half!, Float32Array.of(0.5), [])];
  return { ...model, graph: { ...graph, node, initializer, input: inputsOf(model.graph!, input) } };
}

const cast = (from: string, to: string, type: number): Node => ({
  ...{ opType: 'Cast', input: [from], output: [to], domain: '' },
  attribute: [encodeAttribute('to', type)],
});

/** The inputs of a graph, of which `name` takes floats. */
const inputsOf = (graph: Graph, name: string): onnx.IValueInfoProto[] =>
  (graph.input ?? []).map((it) => {
    const tensorType = { ...it.type?.tensorType, elemType: FLOAT };
    return it.name === name ? { ...it, type: { ...it.type, tensorType } } : it;
  });
