/**
 * Depthwise convolution (Howard et al., arXiv:1704.04861): each channel has a kernel of its own and stays by itself;
 * a 1x1 convolution after it mixes them. Bias as for conv. Parameters: weight [channels, 1, k, k].
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { spatial, type LayerKind, type ParameterSpec, type Read, type Site } from './layer.ts';
import { padding, shiftedViews, slide, windowAttributes } from './window.ts';

type DepthwiseConv = Extract<Layer, { type: 'depthwise-conv' }>;

export const depthwiseConv: LayerKind<DepthwiseConv> = {
  shape(layer, input, next) {
    const { kernel } = layer;
    const [channels] = spatial(input);
    const parameters: ParameterSpec[] = [
      { name: 'weight', shape: [channels, 1, kernel, kernel], initial: { he: kernel * kernel } },
    ];
    if (next?.type !== 'batch-norm') parameters.push({ name: 'bias', shape: [channels], initial: { constant: 0 } });
    return { output: [channels, ...slide(layer, input)], parameters, statistics: 0 };
  },

  train(g, site, x, read) {
    const backward = (dy: Value, wantsInput: boolean) => ({
      dx: wantsInput ? inputGradient(g, site, dy, read('weight')) : null,
      parameters: {
        weight: weightGradient(g, site, x, dy),
        ...(hasBias(site) && { bias: g.sum(dy, [0, 2, 3], false) }),
      },
    });
    return { y: forward(g, site, x, read), backward };
  },

  infer: forward,
};

function forward(g: GraphBuilder, site: Site<DepthwiseConv>, x: Value, read: Read): Value {
  const attributes = { ...windowAttributes(site), group: site.input[0]! };
  const y = g.node('Conv', [x, read('weight')], { attributes });
  return hasBias(site) ? g.add(y, g.reshape(read('bias'), [1, -1, 1, 1])) : y;
}

const hasBias = (site: Site<DepthwiseConv>): boolean => site.parameters.some(({ name }) => name === 'bias');

/** dx = transposed convolution of dy, channel by channel. */
function inputGradient(g: GraphBuilder, site: Site<DepthwiseConv>, dy: Value, weight: Value): Value {
  const attributes = { ...windowAttributes(site), group: site.input[0]!, output_padding: padding(site).missed };
  return g.node('ConvTranspose', [dy, weight], { attributes });
}

/** dW[c, i, j] = sum over batch and positions of dy[c, p] * x[c, stride * p + (i, j)]. */
function weightGradient(g: GraphBuilder, site: Site<DepthwiseConv>, x: Value, dy: Value): Value {
  const { kernel } = site.layer;
  const products = shiftedViews(g, site, x).map((view) => g.sum(g.mul(dy, view), [0, 2, 3], false));
  const byChannel = products.map((product) => g.reshape(product, [-1, 1]));
  return g.reshape(g.concat(byChannel, 1), [-1, 1, kernel, kernel]);
}
