/**
 * Pooling: maximum or average of square blocks that do not overlap (an incomplete last row or column of blocks is left
 * out), and the average of each whole channel (Lin et al., arXiv:1312.4400). No parameters.
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { Misfit, spatial, type LayerKind, type LayerShape, type Shape } from './layer.ts';

type Blocks = { readonly size?: number | undefined };

/** Also what the schema says of an absent size. */
export const blockSize = ({ size = 2 }: Blocks): number => size;

export const maxPool: LayerKind<Extract<Layer, { type: 'max-pool' }>> = {
  shape: blocksOf,

  train(g, { layer, input, output }, x) {
    const y = g.node('MaxPool', [x], { attributes: blockAttributes(layer) });
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? unpool(g, { x, y, dy }, blockSize(layer), input, output) : null,
      parameters: {},
    });
    return { y, backward };
  },

  infer: (g, { layer }, x) => g.node('MaxPool', [x], { attributes: blockAttributes(layer) }),
};

export const averagePool: LayerKind<Extract<Layer, { type: 'average-pool' }>> = {
  shape: blocksOf,

  /** Each pixel of a block gets an equal share; what lies outside the blocks gets none. */
  train(g, { layer, input, output }, x) {
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? spread(g, blockSize(layer), input, output, dy) : null,
      parameters: {},
    });
    return { y: g.node('AveragePool', [x], { attributes: blockAttributes(layer) }), backward };
  },

  infer: (g, { layer }, x) => g.node('AveragePool', [x], { attributes: blockAttributes(layer) }),
};

export const globalAveragePool: LayerKind<Extract<Layer, { type: 'global-average-pool' }>> = {
  shape: (_layer, input) => ({ output: [spatial(input)[0]], parameters: [], statistics: 0 }),

  train(g, { input }, x) {
    const [, height, width] = spatial(input);
    const backward = (dy: Value, wantsInput: boolean) => {
      if (!wantsInput) return { dx: null, parameters: {} };
      const share = g.reshape(g.mul(dy, g.scalar(1 / (height * width))), [0, 0, 1, 1]);
      return { dx: g.node('Expand', [share, g.integers([1, 1, height, width])]), parameters: {} };
    };
    return { y: g.mean(x, [2, 3], false), backward };
  },

  infer: (g, _site, x) => g.mean(x, [2, 3], false),
};

function blocksOf(layer: Blocks, input: Shape): LayerShape {
  const size = blockSize(layer);
  const [channels, height, width] = spatial(input);
  if (height < size || width < size)
    throw new Misfit(`needs at least ${size}x${size} pixels, but gets ${width}x${height}`);
  return { output: [channels, Math.floor(height / size), Math.floor(width / size)], parameters: [], statistics: 0 };
}

function blockAttributes(layer: Blocks) {
  const sides = [blockSize(layer), blockSize(layer)];
  return { kernel_shape: sides, strides: sides };
}

/** dy / size^2 repeated over each block, then zeros up to the size of the input. */
function spread(g: GraphBuilder, size: number, input: Shape, output: Shape, dy: Value): Value {
  const [channels, height, width] = spatial(output);
  const share = g.reshape(g.mul(dy, g.scalar(1 / size ** 2)), [-1, channels, height, 1, width, 1]);
  const blocks = g.node('Expand', [share, g.integers([1, 1, 1, size, 1, size])]);
  return withRest(g, g.reshape(blocks, [-1, channels, height * size, width * size]), size, input, output);
}

/**
 * The gradient goes to the largest pixel of each block, in equal shares where several are. Comparing with the enlarged
 * output costs half of what MaxPool's indices do, which onnxruntime finds one by one.
 */
function unpool(
  g: GraphBuilder,
  { x, y, dy }: { readonly x: Value; readonly y: Value; readonly dy: Value },
  size: number,
  input: Shape,
  output: Shape,
): Value {
  const [, height, width] = spatial(output);
  const [tall, wide] = [height * size, width * size];
  const whole = tall === input[1] && wide === input[2];
  const blocks = whole
    ? x
    : g.node('Slice', [
        x,
        ...[
          [0, 0],
          [tall, wide],
          [2, 3],
        ].map((list) => g.integers(list)),
      ]);
  const largest = g.castToFloat(g.node('Equal', [blocks, enlarge(g, y, size)]));
  const share = g.node('AveragePool', [largest], { attributes: blockAttributes({ size }) });
  const dx = g.mul(largest, enlarge(g, g.div(g.mul(dy, g.scalar(1 / size ** 2)), share), size));
  return withRest(g, dx, size, input, output);
}

/** Each pixel `size` times in both directions. */
function enlarge(g: GraphBuilder, x: Value, size: number): Value {
  const attributes = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return g.node('Resize', [x, '', g.floats(Float32Array.of(1, 1, size, size), [4])], { attributes });
}

/** `dx` of the blocks, with zeros for the rows and columns that make no whole block. */
function withRest(g: GraphBuilder, dx: Value, size: number, input: Shape, output: Shape): Value {
  const [, height, width] = spatial(output);
  const [below, right] = [input[1]! - height * size, input[2]! - width * size];
  return below + right === 0 ? dx : g.node('Pad', [dx, g.integers([0, 0, 0, 0, 0, 0, below, right])]);
}
