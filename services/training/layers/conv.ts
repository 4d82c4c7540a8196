/**
 * Two-dimensional convolution (LeCun et al., Proc. IEEE 1998), any stride and padding. A bias exists only where no
 * batch-norm follows, because batch-norm takes any constant away again. Parameters: weight [filters, channels, k, k].
 */
import type { Layer } from '../../../contracts/configuration/layers.ts';
import { blockedConv, fitsBlocks } from '../onnx/blocked-conv.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { spatial, type LayerKind, type ParameterSpec, type Read, type Site } from './layer.ts';
import { padding, shiftedViews, slide, windowAttributes, type WindowAttributes } from './window.ts';

type Conv = Extract<Layer, { type: 'conv' }>;

/** Below this, one matrix product per kernel position costs more than joining the views. */
const THIN_CHANNELS = 8;

export const conv: LayerKind<Conv> = {
  shape(layer, input, next) {
    const { filters, kernel } = layer;
    const [channels] = spatial(input);
    const parameters: ParameterSpec[] = [
      { name: 'weight', shape: [filters, channels, kernel, kernel], initial: { he: channels * kernel * kernel } },
    ];
    if (next?.type !== 'batch-norm') parameters.push({ name: 'bias', shape: [filters], initial: { constant: 0 } });
    return { output: [filters, ...slide(layer, input)], parameters, statistics: 0 };
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

function forward(g: GraphBuilder, site: Site<Conv>, x: Value, read: Read): Value {
  const y = convolve(g, x, read('weight'), site.layer.filters, site.input[0]!, windowAttributes(site));
  return hasBias(site) ? g.add(y, g.reshape(read('bias'), [1, -1, 1, 1])) : y;
}

const hasBias = (site: Site<Conv>): boolean => site.parameters.some(({ name }) => name === 'bias');

/** `weight`: [filters, channels, k, k]. */
function convolve(
  g: GraphBuilder,
  x: Value,
  weight: Value,
  filters: number,
  channels: number,
  attributes: WindowAttributes,
): Value {
  const kernel = attributes.kernel_shape[0]!;
  return fitsBlocks(g.block, channels, filters)
    ? blockedConv(g, g.block, { x, weight, channels, filters, kernel, attributes })
    : g.node('Conv', [x, weight], { attributes });
}

/**
 * dx = transposed convolution of dy with the same weights (Dumoulin and Visin, arXiv:1603.07285, chapter 4), which at
 * stride 1 is the convolution with the kernel turned by half a circle and inputs and outputs exchanged.
 */
function inputGradient(g: GraphBuilder, site: Site<Conv>, dy: Value, weight: Value): Value {
  const { filters, kernel, stride } = site.layer;
  const channels = site.input[0]!;
  if (stride === 1 && fitsBlocks(g.block, filters, channels)) {
    const attributes = windowAttributes(site);
    const turned = turnedWeight(g, weight, filters, channels, kernel);
    const around = attributes.pads.map((pad) => kernel - 1 - pad);
    return convolve(g, dy, turned, channels, filters, { ...attributes, pads: around });
  }
  return g.node('ConvTranspose', [dy, weight], {
    attributes: { ...windowAttributes(site), output_padding: padding(site).missed },
  });
}

/** [channels, filters, k, k], each kernel from its last position to its first. */
function turnedWeight(g: GraphBuilder, weight: Value, filters: number, channels: number, kernel: number): Value {
  const backwards = g.integers(Array.from({ length: kernel ** 2 }, (_, position) => kernel ** 2 - 1 - position));
  const flat = g.reshape(weight, [filters, channels, kernel ** 2]);
  const turned = g.node('Gather', [flat, backwards], { attributes: { axis: 2 } });
  const exchanged = g.node('Transpose', [turned], { attributes: { perm: [1, 0, 2] } });
  return g.reshape(exchanged, [channels, filters, kernel, kernel]);
}

/**
 * dW[m, c, i, j] = sum over batch and positions of dy[m, p] * x[c, stride * p + (i, j)]: per kernel position one
 * shifted view of the padded input and one matrix product. Faster than Conv with dy as the kernel (254 against 199
 * images/s on RefNet), because FusedMatMul transposes without copying. Few channels would make thin products: there
 * the views of all kernel positions are joined into one.
 */
function weightGradient(g: GraphBuilder, site: Site<Conv>, x: Value, dy: Value): Value {
  const { filters, kernel } = site.layer;
  const [channels] = spatial(site.input);
  const [, height, width] = spatial(site.output);
  const dyRows = g.reshape(dy, [0, filters, height * width]);
  const product = (view: Value): Value => {
    const perImage = g.productWithTransposed(dyRows, view);
    return g.reshape(g.sum(perImage, [0], false), [filters, -1, channels]);
  };
  const views = shiftedViews(g, site, x).map((view) => g.reshape(view, [0, channels, height * width]));
  const byPosition = channels < THIN_CHANNELS ? product(g.concat(views, 1)) : g.concat(views.map(product), 1);
  const ordered = g.node('Transpose', [byPosition], { attributes: { perm: [0, 2, 1] } });
  return g.reshape(ordered, [filters, channels, kernel, kernel]);
}
