/**
 * A graph under other names, so that it can be part of another one whose names it must not meet. Called where a backbone
 * is put into a model (frozen/graph.ts) or between what it wants of its pixels (backbone/assemble.ts).
 */
import type { onnx } from 'onnx-proto';

/** Nodes and constants with every name changed, also within the branches of If and the bodies of Loop and Scan. */
export function renamed(graph: onnx.IGraphProto, rename: (name: string) => string): onnx.IGraphProto {
  // An empty name stands for an optional input that is left out.
  const change = (name: string | null | undefined) => (name ? rename(name) : '');
  const value = <T extends { name?: string | null }>(it: T): T => ({ ...it, name: change(it.name) });
  const attribute = (it: onnx.IAttributeProto): onnx.IAttributeProto => ({
    ...it,
    ...(it.g && { g: renamed(it.g, rename) }),
    ...(it.graphs?.length && { graphs: it.graphs.map((inner) => renamed(inner, rename)) }),
  });
  return {
    ...graph,
    node: (graph.node ?? []).map((node) => ({
      ...node,
      name: change(node.name),
      input: (node.input ?? []).map(change),
      output: (node.output ?? []).map(change),
      attribute: (node.attribute ?? []).map(attribute),
    })),
    initializer: (graph.initializer ?? []).map(value),
    input: (graph.input ?? []).map(value),
    output: (graph.output ?? []).map(value),
    valueInfo: (graph.valueInfo ?? []).map(value),
  };
}
