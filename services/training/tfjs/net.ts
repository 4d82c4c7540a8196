/**
 * Forward pass and loss of a resolved net in TensorFlow.js, from the same flat parameter vector as the ONNX graph;
 * TensorFlow.js derives the gradient itself. That makes it both an engine's core and the independent judge of the
 * hand-written backward nodes in the tests. Images are NHWC here, because its CPU kernels take nothing else.
 */
import type * as Tfjs from '@tensorflow/tfjs';
import type { EngineSpec } from '../loop/engine.ts';
import type { MaskedBatch } from '../loop/masks.ts';
import type { ParameterSlot, ResolvedLayer } from '../nets/nets.ts';
import { allSlots } from '../nets/parameters.ts';
import { applyLeaf, type LeafInputs } from './layers.ts';
import { classificationLoss } from './losses.ts';
import type { Tf } from './tf.ts';

type T = Tfjs.Tensor;

export interface ForwardResult {
  /** [] */
  readonly loss: Tfjs.Scalar;
  /** [batch, dimensions], before any normalisation that is not a layer of the net. */
  readonly embeddings: Tfjs.Tensor;
  /** Batch means and variances, placed as ResolvedNet says. */
  readonly statistics: Tfjs.Tensor1D;
}

/** A batch on the device. */
export interface DeviceBatch {
  /** [batch, height, width, channels], z-normalised. */
  readonly images: Tfjs.Tensor4D;
  readonly classes: Tfjs.Tensor1D;
  /** [batch, maskCount] */
  readonly masks: Tfjs.Tensor2D;
}

export function uploadBatch(tf: Tf, { net, batch }: EngineSpec, { images, classes, masks }: MaskedBatch): DeviceBatch {
  const { channels, height, width } = net.image;
  const planar = tf.tensor4d(images, [batch, channels, height, width]);
  return {
    images: tf.transpose(planar, [0, 2, 3, 1]),
    classes: tf.tensor1d(classes, 'int32'),
    masks: tf.tensor2d(masks, [batch, net.maskCount]),
  };
}

/** `w`: the flat vector. */
export function forward(tf: Tf, spec: EngineSpec, batch: DeviceBatch, w: Tfjs.Tensor1D): ForwardResult {
  const slots = allSlots(spec);
  const pieces = tf.split(
    w,
    slots.map(({ size }) => size),
  );
  const parameters = new Map(slots.map((slot, index) => [slot, tf.reshape(pieces[index]!, [...slot.shape])]));
  const statistics: T[] = [];
  const inputs = { parameters, masks: batch.masks, statistics };
  const embeddings = applyLayers(tf, spec.net.layers, batch.images, inputs);
  const loss = classificationLoss(tf, embeddings, parameters.get(slots.at(-1)!)!, batch.classes, spec.loss);
  const joined = statistics.length > 0 ? tf.concat1d(statistics as Tfjs.Tensor1D[]) : tf.zeros<Tfjs.Rank.R1>([0]);
  return { loss, embeddings, statistics: joined };
}

interface Inputs extends Omit<LeafInputs, 'parameters'> {
  readonly parameters: ReadonlyMap<ParameterSlot, T>;
}

function applyLayers(tf: Tf, layers: readonly ResolvedLayer[], x: T, inputs: Inputs): T {
  return layers.reduce((value, layer) => {
    if ('body' in layer)
      return tf.add(applyLayers(tf, layer.body, value, inputs), applyLayers(tf, layer.shortcut, value, inputs));
    const parameters = layer.parameters.map((slot) => inputs.parameters.get(slot)!);
    return applyLeaf(tf, layer, value, { ...inputs, parameters });
  }, x);
}
