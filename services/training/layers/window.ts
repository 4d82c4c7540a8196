/**
 * The geometry of a window that slides over an image: output sizes, paddings, and the views of the input that one
 * position inside the window meets. Shared by the convolutions; knows nothing of weights. Chapter 2 of Dumoulin and
 * Visin, arXiv:1603.07285, draws all of it.
 */
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { Misfit, spatial, type Shape } from './layer.ts';

export interface Window {
  readonly kernel: number;
  readonly stride: number;
  /** Absent: "same" as TensorFlow defines it, the odd pixel at the end. */
  readonly pad?: number | undefined;
}

export interface WindowSite {
  readonly layer: Window;
  readonly input: Shape;
  readonly output: Shape;
}

/** [height, width] of the output. Throws Misfit where no window fits. */
export function slide(window: Window, input: Shape): readonly [height: number, width: number] {
  const [, height, width] = spatial(input);
  const { kernel, stride, pad } = window;
  if (pad === undefined) return [Math.ceil(height / stride), Math.ceil(width / stride)];
  if (pad >= kernel) throw new Misfit(`pads by ${pad}: a ${kernel}x${kernel} window would see nothing but padding`);
  if (Math.min(height, width) + 2 * pad < kernel)
    throw new Misfit(`has a ${kernel}x${kernel} window, but its input is ${width}x${height} and padded by ${pad}`);
  return [Math.floor((height + 2 * pad - kernel) / stride) + 1, Math.floor((width + 2 * pad - kernel) / stride) + 1];
}

/**
 * `pads`: [top, left, bottom, right]. `missed`: rows and columns at the far edge that no window touches; their gradient
 * is zero.
 */
export function padding({ layer, input, output }: WindowSite) {
  const { kernel, stride, pad } = layer;
  const reach = (axis: 1 | 2) => (output[axis]! - 1) * stride + kernel;
  const total = (axis: 1 | 2) => (pad === undefined ? Math.max(0, reach(axis) - input[axis]!) : 2 * pad);
  const missed = (axis: 1 | 2) => Math.max(0, input[axis]! + total(axis) - reach(axis));
  const [tall, wide] = [total(1), total(2)];
  const [top, left] = [Math.floor(tall / 2), Math.floor(wide / 2)];
  const pads = [top, left, tall - top, wide - left] as const;
  return { pads, missed: [missed(1), missed(2)] };
}

export interface WindowAttributes extends Record<string, readonly number[]> {
  readonly kernel_shape: readonly number[];
  readonly strides: readonly number[];
  /** [top, left, bottom, right] */
  readonly pads: readonly number[];
}

/** Attributes of Conv and ConvTranspose, but for `group` and `output_padding`. */
export function windowAttributes(site: WindowSite): WindowAttributes {
  const { kernel, stride } = site.layer;
  return { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: padding(site).pads };
}

/** Per position in the window, row by row, the input pixels that it meets: [batch, channels, height, width] of the output. */
export function shiftedViews(g: GraphBuilder, site: WindowSite, x: Value): Value[] {
  const { kernel, stride } = site.layer;
  const [, height, width] = spatial(site.output);
  const [top, left, bottom, right] = padding(site).pads;
  const padded =
    top + left + bottom + right === 0 ? x : g.node('Pad', [x, g.integers([0, 0, top, left, 0, 0, bottom, right])]);
  return Array.from({ length: kernel * kernel }, (_, position) => {
    const [i, j] = [Math.floor(position / kernel), position % kernel];
    const end = [i + stride * (height - 1) + 1, j + stride * (width - 1) + 1];
    const operands = [[i, j], end, [2, 3], [stride, stride]].map((list) => g.integers(list));
    return g.node('Slice', [padded, ...operands]);
  });
}
