/**
 * Convolutions in the layout that onnxruntime's own kernels for x86 prefer: channels in blocks that fill a vector
 * register, the block innermost ("NCHWc"). onnxruntime itself uses it for constant weights only; ours change with each
 * step, so the graph says so itself and orders the weights as it goes. About 1.3 times as fast as Conv, with the cost of
 * changing the layout before and after. Called by layers/conv.ts; the width of a block is found by trying (onnx/engine.ts
 * asks once).
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { encodeModel } from './encoding.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { NodeOptions, Value } from './graph-writer.ts';

const NCHWC = 'com.microsoft.nchwc';

export interface BlockedConvolution {
  readonly x: Value;
  /** [filters, channels, kernel, kernel] */
  readonly weight: Value;
  readonly channels: number;
  readonly filters: number;
  readonly kernel: number;
  /** Of Conv: kernel_shape, strides, pads. */
  readonly attributes: NonNullable<NodeOptions['attributes']>;
}

/** Whole blocks on both sides, or an image of so few channels that the kernel takes it as it is. */
export const fitsBlocks = (block: number | null, channels: number, filters: number): block is number =>
  block !== null && filters % block === 0 && (channels % block === 0 || channels < block);

export function blockedConv(g: GraphBuilder, block: number, { x, weight, ...rest }: BlockedConvolution): Value {
  const { channels, filters, kernel, attributes } = rest;
  const isThin = channels < block;
  const blockedX = isThin ? x : g.node('ReorderInput', [x], { domain: NCHWC });
  const ordered = isThin
    ? transposed(g, weight, [filters / block, block, channels, kernel, kernel], [0, 2, 3, 4, 1])
    : transposed(g, weight, [filters / block, block, channels / block, block, kernel, kernel], [0, 2, 4, 5, 3, 1]);
  const shaped = g.reshape(ordered, [filters, channels, kernel, kernel]);
  const y = g.node('Conv', [blockedX, shaped], { attributes, domain: NCHWC });
  return g.node('ReorderOutput', [y], { attributes: { channels: filters }, domain: NCHWC });
}

const transposed = (g: GraphBuilder, x: Value, shape: readonly number[], perm: readonly number[]): Value =>
  g.node('Transpose', [g.reshape(x, shape)], { attributes: { perm: [...perm] } });

/** With AVX-512 and without; elsewhere than on x86 onnxruntime may have no such kernels at all. */
const BLOCKS = process.arch === 'x64' ? [16, 8] : [];
const ERROR_MAX = 1e-4;
let found: Promise<number | null> | undefined;

/** The block of this machine's kernels: the first with which they give what Conv gives. Null: use Conv. */
export function blockOfThisMachine(): Promise<number | null> {
  found ??= findBlock();
  return found;
}

async function findBlock(): Promise<number | null> {
  for (const block of BLOCKS) {
    try {
      if ((await errorWith(block)) <= ERROR_MAX) return block;
    } catch {
      // This build of onnxruntime does not have these operators: then Conv is right.
    }
  }
  return null;
}

/** The largest difference from Conv on a small image; a wrong block mixes the channels up. */
async function errorWith(block: number): Promise<number> {
  const [channels, side, kernel] = [2 * block, 6, 3];
  const size = { channels, filters: channels, kernel };
  const g = new GraphBuilder();
  const x = g.input('x', 'float', [1, channels, side, side]);
  const weight = g.input('weight', 'float', [channels, channels, kernel, kernel]);
  const attributes = { kernel_shape: [kernel, kernel], strides: [1, 1], pads: [1, 1, 1, 1] };
  const difference = g.sub(blockedConv(g, block, { x, weight, ...size, attributes }), conv(g, x, weight, attributes));
  g.output('error', g.node('ReduceMax', [g.node('Abs', [difference])], { attributes: { keepdims: 0 } }), 'float', []);
  const session = await InferenceSession.create(encodeModel(g.build('probe'), { contrib: true }));
  const wave = (shape: number[]): Tensor => {
    const length = shape.reduce((product, value) => product * value, 1);
    return new Tensor(
      'float32',
      Float32Array.from({ length }, (_, index) => Math.sin(index) / 8),
      shape,
    );
  };
  const feeds = { x: wave([1, channels, side, side]), weight: wave([channels, channels, kernel, kernel]) };
  const { error } = await session.run(feeds);
  await session.release();
  return error!.data[0] as number; // float32
}

const conv = (g: GraphBuilder, x: Value, weight: Value, attributes: BlockedConvolution['attributes']): Value =>
  g.node('Conv', [x, weight], { attributes });
