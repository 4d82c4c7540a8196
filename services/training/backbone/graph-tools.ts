/**
 * What the import does with graphs of ONNX messages, whoever wrote them: attributes, constants, who uses what, and the
 * part of a graph on which one output rests. Called by the opset conversion, the TensorFlow.js converter and import.ts.
 */
import onnxProto, { type onnx } from 'onnx-proto';

export type Node = onnx.INodeProto;
export type Graph = onnx.IGraphProto;

const { DataType } = onnxProto.onnx.TensorProto;

export const attributeOf = (node: Node, name: string): onnx.IAttributeProto | undefined =>
  node.attribute?.find((attribute) => attribute.name === name);

export function integerOf(node: Node, name: string, absent: number): number {
  const attribute = attributeOf(node, name);
  return attribute ? Number(attribute.i ?? 0) : absent;
}

export const textOf = (node: Node, name: string, absent: string): string => {
  const attribute = attributeOf(node, name);
  return attribute ? Buffer.from(attribute.s ?? []).toString() : absent;
};

/** Undefined where the node does not have it. */
export const integersOf = (node: Node, name: string): number[] | undefined =>
  attributeOf(node, name)?.ints?.map(Number);

export const floatsOf = (node: Node, name: string): number[] | undefined =>
  attributeOf(node, name)?.floats?.map(Number);

/** Of a graph: every tensor that never changes, by name. */
export function constantsOf(graph: Graph): ReadonlyMap<string, onnx.ITensorProto> {
  const constants = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? '', tensor]));
  for (const node of graph.node ?? []) {
    const value = node.opType === 'Constant' ? attributeOf(node, 'value')?.t : undefined;
    if (value) constants.set(node.output?.[0] ?? '', value);
  }
  return constants;
}

/** Numbers of a float32 tensor; null for other types. */
export function floatValues(tensor: onnx.ITensorProto): number[] | null {
  if (tensor.dataType !== DataType.FLOAT) return null;
  const raw = tensor.rawData;
  if (!raw?.length) return (tensor.floatData ?? []).map(Number);
  // A copy, because the bytes may lie at any offset of the file.
  return [...new Float32Array(Uint8Array.from(raw).buffer)];
}

/** Names that some node or output reads. */
export function usedNames(graph: Graph): Set<string> {
  const inputs = (graph.node ?? []).flatMap(({ input }) => input ?? []);
  return new Set([...inputs, ...(graph.output ?? []).map(({ name }) => name ?? '')]);
}

export const hasSubgraph = ({ attribute }: Node): boolean =>
  (attribute ?? []).some(({ g, graphs }) => g != null || (graphs?.length ?? 0) > 0);

/** The graph's nodes and constants on which `output` rests. A graph with graphs inside its nodes stays whole. */
export function partFor(graph: Graph, output: string): Graph {
  const nodes = graph.node ?? [];
  if (nodes.some(hasSubgraph)) return graph;
  const maker = new Map(nodes.flatMap((node) => (node.output ?? []).map((name) => [name, node])));
  const needed = new Set<Node>();
  const names = new Set<string>();
  const waiting = [output];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (names.has(name)) continue;
    names.add(name);
    const node = maker.get(name);
    if (node === undefined) continue;
    needed.add(node);
    waiting.push(...(node.input ?? []));
  }
  return {
    ...graph,
    node: nodes.filter((node) => needed.has(node)),
    initializer: (graph.initializer ?? []).filter(({ name }) => names.has(name ?? '')),
    output: (graph.output ?? []).filter(({ name }) => name === output),
    valueInfo: [],
  };
}
