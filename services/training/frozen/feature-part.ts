/**
 * A model on a frozen backbone in its two parts: pixels to features, which stay the same as long as the backbone does, and
 * features to embeddings. Both are cut from the file itself, at two names that graph.ts gives. Called where features are
 * kept: by subject.ts for the name of their file, by verification for candidates and champions.
 */
import { createHash } from 'node:crypto';
import type { onnx } from 'onnx-proto';
import { hasSubgraph, partFor, type Graph } from '../backbone/graph-tools.ts';
import { readModelMetadata } from '../model/metadata.ts';
import { decodeModel, encodeAgain, encodeValueInfo } from '../onnx/encoding.ts';
import { renamed } from '../onnx/rename.ts';

/** What the backbone is fed with: the pictures, or behind them their mirror images. No other name has a dot in front. */
export const PIXELS = '.pixels';
export const FEATURES = '.features';

export interface SplitModel {
  /** Of all that features depend on beside the pixels. */
  readonly key: string;
  readonly isMirrored: boolean;
  /** An ONNX file, `images` to `embeddings`, as a model host takes it: the features in place of embeddings. */
  readonly features: Uint8Array;
  /** An ONNX file, FEATURES to `embeddings`; of a mirrored model the rows of the mirror images follow the others. */
  readonly head: Uint8Array;
}

/** Null for a model that has no such backbone, or one that cannot be cut. Throws MODEL_INVALID. */
export function splitModel(bytes: Uint8Array): SplitModel | null {
  const model = decodeModel(bytes);
  const graph = model.graph!;
  const width = graph.valueInfo?.find(({ name }) => name === FEATURES);
  if (width === undefined || graph.node!.some(hasSubgraph)) return null;
  const { image, embeddingDimensions, mirror = false } = readModelMetadata(bytes);
  const head = cut(graph, [FEATURES], 'embeddings');
  const input = [encodeValueInfo('images', 'float', ['batch', image.channels, image.height, image.width])];
  const features = { ...cut(graph, [PIXELS], FEATURES), input };
  const node = [identity('images', PIXELS), ...features.node!, identity(FEATURES, 'embeddings')];
  const { irVersion, opsetImport, functions } = model;
  const file = (part: Graph) => encodeAgain({ irVersion, opsetImport, functions, graph: { ...part, name: 'part' } });
  return {
    key: featureKey(model),
    isMirrored: mirror,
    features: file({ ...features, node, output: [{ ...width, name: 'embeddings' }] }),
    head: file({
      ...head,
      input: [width],
      output: [encodeValueInfo('embeddings', 'float', ['batch', embeddingDimensions])],
    }),
  };
}

/** The same for every model with this backbone, which takes its pixels in this way. */
export function featureKey(model: onnx.IModelProto): string {
  // Names are given in the order in which nodes were made, and those of mirror images come first.
  const names = new Map<string, string>();
  const numbered = (name: string) => names.get(name) ?? names.set(name, `${names.size}`).get(name)!;
  const { node, initializer } = renamed(cut(model.graph!, [PIXELS], FEATURES), numbered);
  const { opsetImport, functions } = model;
  const part = encodeAgain({ opsetImport, functions, graph: { node, initializer } });
  return createHash('sha256').update(part).digest('hex');
}

/** What makes `output`, given those. */
const cut = (graph: Graph, given: readonly string[], output: string): Graph =>
  partFor({ ...graph, node: graph.node!.filter((node) => !node.output!.some((name) => given.includes(name))) }, output);

export const identity = (from: string, to: string): onnx.INodeProto => ({
  opType: 'Identity',
  input: [from],
  output: [to],
});
