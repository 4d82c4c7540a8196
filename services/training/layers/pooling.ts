/** Pooling: maximum of 2x2 blocks (an odd last row or column is left out), and the average of each whole channel. */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { Value } from '../onnx/graph-builder.ts';
import { Misfit, spatial, type LayerKind } from './layer.ts';

const BLOCK = { kernel_shape: [2, 2], strides: [2, 2] } as const;

export const maxPool: LayerKind<Extract<Layer, { type: 'max-pool' }>> = {
  shape(_layer, input) {
    const [channels, height, width] = spatial(input);
    if (height < 2 || width < 2) throw new Misfit(`needs at least 2x2 pixels, but gets ${width}x${height}`);
    return { output: [channels, Math.floor(height / 2), Math.floor(width / 2)], parameters: [], statistics: 0 };
  },

  /** The gradient goes to the one pixel that was the largest; MaxPool's indices name it, also among equals. */
  train(g, { input }, x) {
    const [y, indices] = g.nodes('MaxPool', [x], 2, { attributes: BLOCK }) as [Value, Value];
    const backward = (dy: Value, wantsInput: boolean) => {
      if (!wantsInput) return { dx: null, parameters: {} };
      const batch = g.node('Shape', [x], { attributes: { start: 0, end: 1 } });
      const shape = g.node('Concat', [batch, g.integers(input)], { attributes: { axis: 0 } });
      return { dx: g.node('MaxUnpool', [dy, indices, shape], { attributes: BLOCK }), parameters: {} };
    };
    return { y, backward };
  },

  infer: (g, _site, x) => g.node('MaxPool', [x], { attributes: BLOCK }),
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
