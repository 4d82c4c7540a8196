/**
 * TensorFlow.js on its wasm backend as a training engine: the fastest of its backends that needs neither CUDA nor an
 * install step, and the baseline of the training bench. It lacks one gradient, which is composed here.
 */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import type { EngineFactory } from '../../services/training/loop/engine.ts';
import { loadTfjsEngine } from '../../services/training/tfjs/engine.ts';

export async function loadWasmEngine(): Promise<EngineFactory> {
  tf.registerKernel({ kernelName: 'Conv2DBackpropFilter', backendName: 'wasm', kernelFunc: filterGradient });
  await tf.setBackend('wasm');
  return loadTfjsEngine(['@tensorflow/tfjs']);
}

/** Per kernel position one matrix product of the shifted input with dy, as our own graph does it. */
const filterGradient: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, dy } = inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
  const { strides, pad, filterShape } = attrs as unknown as FilterAttributes;
  const { padInfo } = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad);
  const [kernelHeight, kernelWidth, channels, filters] = filterShape;
  const [batch, height, width] = dy.shape;
  const stride = typeof strides === 'number' ? strides : strides[0];
  return tf.tidy(() => {
    const padded = tf.pad(x, [
      [0, 0],
      [padInfo.top, padInfo.bottom],
      [padInfo.left, padInfo.right],
      [0, 0],
    ]);
    const rows = tf.reshape(dy, [-1, filters]);
    const products = Array.from({ length: kernelHeight * kernelWidth }, (_, position) => {
      const [i, j] = [Math.floor(position / kernelWidth), position % kernelWidth];
      const end = [batch, i + stride * (height - 1) + 1, j + stride * (width - 1) + 1, channels];
      const view = tf.stridedSlice(padded, [0, i, j, 0], end, [1, stride, stride, 1]);
      return tf.matMul(tf.reshape(view, [-1, channels]), rows, true);
    });
    return tf.reshape(tf.stack(products), filterShape);
  });
};

interface FilterAttributes {
  readonly strides: number | [number, number];
  readonly pad: 'same' | 'valid' | number;
  readonly filterShape: [number, number, number, number];
}
