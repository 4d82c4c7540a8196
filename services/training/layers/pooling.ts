/**
 * Pooling: maximum or average of square blocks that do not overlap (an incomplete last row or column of blocks is left
 * out), and the average of each whole channel (Lin et al., arXiv:1312.4400). No parameters.
 */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import { unpoolByComparison } from '../onnx/portable.ts';
import { Misfit, spatial, type LayerKind, type LayerShape, type Shape, type TrainNodes } from './layer.ts';

type Blocks = { readonly size?: number | undefined };

/** Also what the schema says of an absent size. */
export const blockSize = ({ size = 2 }: Blocks): number => size;

export const maxPool: LayerKind<Extract<Layer, { type: 'max-pool' }>> = {
  shape: blocksOf,

  /** The gradient goes to the one pixel that was the largest; MaxPool's indices name it, also among equals. */
  train(g, { layer, input, output }, x) {
    if (g.portable) return portableMaxPool(g, blockSize(layer), input, output, x);
    const attributes = blockAttributes(layer);
    const [y, indices] = g.nodes('MaxPool', [x], 2, { attributes }) as [Value, Value];
    const backward = (dy: Value, wantsInput: boolean) => {
      if (!wantsInput) return { dx: null, parameters: {} };
      const batch = g.node('Shape', [x], { attributes: { start: 0, end: 1 } });
      const shape = g.node('Concat', [batch, g.integers(input)], { attributes: { axis: 0 } });
      return { dx: g.node('MaxUnpool', [dy, indices, shape], { attributes }), parameters: {} };
    };
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

function portableMaxPool(g: GraphBuilder, size: number, input: Shape, output: Shape, x: Value): TrainNodes {
  const y = g.node('MaxPool', [x], { attributes: blockAttributes({ size }) });
  const backward = (dy: Value, wantsInput: boolean) => {
    if (!wantsInput) return { dx: null, parameters: {} };
    const dx = unpoolByComparison(g, { x, y, dy }, size, spatial(output));
    return { dx: withRest(g, dx, size, input, output), parameters: {} };
  };
  return { y, backward };
}

/** `dx` of the blocks, with zeros for the rows and columns that make no whole block. */
function withRest(g: GraphBuilder, dx: Value, size: number, input: Shape, output: Shape): Value {
  const [, height, width] = spatial(output);
  const [below, right] = [input[1]! - height * size, input[2]! - width * size];
  return below + right === 0 ? dx : g.node('Pad', [dx, g.integers([0, 0, 0, 0, 0, 0, below, right])]);
}
