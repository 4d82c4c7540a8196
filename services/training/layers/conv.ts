/**
 * Two-dimensional convolution with "same" padding as TensorFlow defines it, stride 1 or 2. A bias exists only where no
 * batch-norm follows, because batch-norm takes any constant away again. Parameters: weight [filters, channels, k, k].
 */
import type { Layer } from '../../../contracts/pipeline.ts';
import type { GraphBuilder, Value } from '../onnx/graph-builder.ts';
import { spatial, type LayerKind, type ParameterSpec, type Read, type Site } from './layer.ts';

type Conv = Extract<Layer, { type: 'conv' }>;

/** Below this, one matrix product per kernel position costs more than joining the views. */
const THIN_CHANNELS = 8;

export const conv: LayerKind<Conv> = {
  shape({ filters, kernel, stride }, input, next) {
    const [channels, height, width] = spatial(input);
    const parameters: ParameterSpec[] = [
      { name: 'weight', shape: [filters, channels, kernel, kernel], initial: { he: channels * kernel * kernel } },
    ];
    if (next?.type !== 'batch-norm') parameters.push({ name: 'bias', shape: [filters], initial: { constant: 0 } });
    return { output: [filters, Math.ceil(height / stride), Math.ceil(width / stride)], parameters, statistics: 0 };
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
  const { kernel, stride } = site.layer;
  const { pads } = padding(site);
  const y = g.node('Conv', [x, read('weight')], {
    attributes: { kernel_shape: [kernel, kernel], strides: [stride, stride], pads },
  });
  return hasBias(site) ? g.add(y, g.reshape(read('bias'), [1, -1, 1, 1])) : y;
}

const hasBias = (site: Site<Conv>): boolean => site.parameters.some(({ name }) => name === 'bias');

/** dx = transposed convolution of dy with the same weights (Dumoulin and Visin, arXiv:1603.07285, chapter 4). */
function inputGradient(g: GraphBuilder, site: Site<Conv>, dy: Value, weight: Value): Value {
  const { kernel, stride } = site.layer;
  const { pads, missed } = padding(site);
  return g.node('ConvTranspose', [dy, weight], {
    attributes: { kernel_shape: [kernel, kernel], strides: [stride, stride], pads, output_padding: missed },
  });
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
    const perImage = g.node('FusedMatMul', [dyRows, view], { attributes: { transB: 1 }, domain: 'com.microsoft' });
    return g.reshape(g.sum(perImage, [0], false), [filters, -1, channels]);
  };
  const views = shiftedViews(g, site, x);
  const byPosition = channels < THIN_CHANNELS ? product(g.concat(views, 1)) : g.concat(views.map(product), 1);
  const ordered = g.node('Transpose', [byPosition], { attributes: { perm: [0, 2, 1] } });
  return g.reshape(ordered, [filters, channels, kernel, kernel]);
}

/** Per kernel position, row by row, the input pixels that it meets: [batch, channels, positions]. */
function shiftedViews(g: GraphBuilder, site: Site<Conv>, x: Value): Value[] {
  const { kernel, stride } = site.layer;
  const [channels] = spatial(site.input);
  const [, height, width] = spatial(site.output);
  const [top, left, bottom, right] = padding(site).pads;
  const padded =
    top + left + bottom + right === 0 ? x : g.node('Pad', [x, g.integers([0, 0, top, left, 0, 0, bottom, right])]);
  return Array.from({ length: kernel * kernel }, (_, position) => {
    const [i, j] = [Math.floor(position / kernel), position % kernel];
    const end = [i + stride * (height - 1) + 1, j + stride * (width - 1) + 1];
    const operands = [[i, j], end, [2, 3], [stride, stride]].map((list) => g.integers(list));
    return g.reshape(g.node('Slice', [padded, ...operands]), [0, channels, height * width]);
  });
}

/**
 * `pads`: [top, left, bottom, right], the odd pixel at the end. `missed`: rows and columns at the far edge that no
 * kernel position touches (an even size, stride 2, kernel 1); their gradient is zero.
 */
function padding({ layer: { kernel, stride }, input, output }: Site<Conv>) {
  const excess = (axis: 1 | 2) => (output[axis]! - 1) * stride + kernel - input[axis]!;
  const [tall, wide] = [Math.max(0, excess(1)), Math.max(0, excess(2))];
  const [top, left] = [Math.floor(tall / 2), Math.floor(wide / 2)];
  const pads = [top, left, tall - top, wide - left] as const;
  return { pads, missed: [Math.max(0, -excess(1)), Math.max(0, -excess(2))] };
}
