/**
 * Writes the model that serves: z-normalisation, the net with its running statistics, rows of length 1. Standard ONNX
 * operators only, so any runtime loads it. Every strategy exports through here, so their models cannot differ in form.
 */
import { normaliseRows } from '../layers/l2-normalise.ts';
import type { Read } from '../layers/layer.ts';
import { inferSequence } from '../layers/sequence.ts';
import { toMetadataProps, type ModelMetadata } from './metadata.ts';
import type { ResolvedLeaf, ResolvedNet } from '../nets/nets.ts';
import { encodeModel } from '../onnx/encoding.ts';
import { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import type { TrainingState } from '../nets/parameters.ts';
import { PIXEL_VARIANCE_EPSILON } from '../input/pixels.ts';

export type Weights = Pick<TrainingState, 'w' | 'statistics'>;

/** An ONNX file: `images` [batch, channels, height, width] 0..255 to `embeddings` [batch, dimensions]. */
export function exportModel(net: ResolvedNet, weights: Weights, metadata: ModelMetadata): Uint8Array {
  const g = new GraphBuilder();
  const { channels, height, width } = net.image;
  const images = g.input('images', 'float', ['batch', channels, height, width]);
  const pixels = metadata.mirror ? withMirrors(g, images, width) : images;
  addEmbeddings(g, net, weights, zNormalise(g, pixels), metadata);
  return encodeModel(g.build(metadata.model), { metadata: toMetadataProps(metadata) });
}

/** The net as it serves, fed with `x`; declares the output `embeddings`. With `mirror`, `x` is of withMirrors. */
export function addEmbeddings(
  g: GraphBuilder,
  net: ResolvedNet,
  weights: Weights,
  x: Value,
  { mirror = false }: Pick<ModelMetadata, 'mirror'> = {},
): void {
  const features = inferSequence(g, net.layers, x, (leaf) => reader(g, leaf, weights));
  const rows = normaliseRows(g, features).y;
  const served = mirror ? normaliseRows(g, g.sum(g.reshape(rows, [2, -1, net.dimensions]), [0], false)).y : rows;
  g.output('embeddings', served, 'float', ['batch', net.dimensions]);
}

/** The images and behind them their mirror images, left for right: [2 x batch, channels, height, width]. */
export function withMirrors(g: GraphBuilder, images: Value, width: number): Value {
  const backwards = g.integers(Array.from({ length: width }, (_, x) => width - 1 - x));
  return g.concat([images, g.node('Gather', [images, backwards], { attributes: { axis: 3 } })], 0);
}

/** Per image, over all its channels: the same formula as zNormalise in pixels.ts. */
function zNormalise(g: GraphBuilder, images: Value): Value {
  const axes = [1, 2, 3];
  const centred = g.sub(images, g.mean(images, axes));
  const variance = g.mean(g.mul(centred, centred), axes);
  return g.div(centred, g.sqrt(g.add(variance, g.scalar(PIXEL_VARIANCE_EPSILON))));
}

/** Stores each value that the layer asks for as a constant of the graph, under a name that a viewer can follow. */
function reader(g: GraphBuilder, leaf: ResolvedLeaf, { w, statistics }: Weights): Read {
  const { offset, channels } = leaf.statistics;
  const label = `${leaf.path}_${leaf.layer.type}`;
  return (name) => {
    if (name === 'mean') return g.floats(statistics.slice(offset, offset + channels), [channels], `${label}_mean`);
    if (name === 'variance')
      return g.floats(statistics.slice(offset + channels, offset + 2 * channels), [channels], `${label}_variance`);
    const slot = leaf.parameters.find((parameter) => parameter.name === name)!;
    return g.floats(w.slice(slot.offset, slot.offset + slot.size), slot.shape, `${label}_${name}`);
  };
}
