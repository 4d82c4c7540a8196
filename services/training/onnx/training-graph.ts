/**
 * One ONNX graph for a whole training step: forward, loss, backward, optimiser. Parameters are one flat vector `w`, split
 * inside; their gradients are concatenated in the same order, so that the optimiser and a checkpoint see vectors only.
 * The two halves are also graphs of their own, for passes over parts of a batch. Called by engine.ts; the tests also call
 * the halves alone.
 */
import type { LossConfig, OptimizerConfig } from '../../../contracts/configuration/training.ts';
import { trainSequence, type ReadAt } from '../layers/sequence.ts';
import type { ParameterSlot } from '../nets/nets.ts';
import { allSlots, decayOf, headSlot, type TrainingSizes } from '../nets/parameters.ts';
import { encodeModel } from './encoding.ts';
import { GraphBuilder, type GraphOptions } from './graph-builder.ts';
import type { Value } from './graph-writer.ts';
import { classificationLoss } from './losses.ts';
import { update, updateBy, type OptimizerState } from './optimizer.ts';

export interface TrainingGraphSpec extends TrainingSizes {
  /** Images in one update: the loss is their mean. */
  readonly batch: number;
  /** Images in one run of the graph. */
  readonly microBatch: number;
  readonly loss: LossConfig;
  readonly optimizer: OptimizerConfig;
}

/**
 * Inputs: images float [microBatch, channels, height, width], z-normalised; classes int64 [microBatch]; masks float
 * [microBatch, maskCount] where the net has dropout; w, m, v float [parameters]; rates float [3] (optimizer.ts).
 * Outputs: loss float [], statistics float (batch means and variances as ResolvedNet places them), and w_next, m_next,
 * v_next.
 */
export function buildTrainingModel(spec: TrainingGraphSpec, options: GraphOptions = {}): Uint8Array {
  const g = new GraphBuilder(options);
  const { w, gradient } = differentiate(g, spec);
  addUpdate(g, spec, w, gradient);
  return encodeModel(g.build('training_step'), { contrib: !g.portable });
}

/**
 * The same without the optimiser, for one micro-batch: outputs loss and gradient, its shares of the batch's mean (the
 * gradient in the order of `w`), and statistics.
 */
export function buildGradientModel(spec: TrainingGraphSpec, options: GraphOptions = {}): Uint8Array {
  const g = new GraphBuilder(options);
  const { gradient } = differentiate(g, spec);
  g.output('gradient', gradient, 'float', [parameterCount(spec)]);
  return encodeModel(g.build('gradient'), { contrib: !g.portable });
}

/**
 * The optimiser alone, for `size` consecutive parameters: w, m, v, gradient float [size] and rates in; where there is
 * weight decay also decay float [size], where the gradient is clipped factor float [1]; w_next, m_next, v_next out. Each
 * output may be bound to the memory of its input: nothing reads that input after it.
 */
export function buildUpdateModel(optimizer: OptimizerConfig, size: number): Uint8Array {
  const g = new GraphBuilder();
  const vector = (name: string) => g.input(name, 'float', [size]);
  const state = { w: vector('w'), m: vector('m'), v: vector('v') };
  const gradient = vector('gradient');
  const clipped = optimizer.clipNorm === undefined ? gradient : g.mul(gradient, g.input('factor', 'float', [1]));
  const decay = optimizer.weightDecay === 0 ? null : vector('decay');
  outputState(g, updateBy(g, optimizer, state, clipped, g.input('rates', 'float', [3]), decay), size);
  return encodeModel(g.build('update'));
}

function addUpdate(g: GraphBuilder, spec: TrainingGraphSpec, w: Value, gradient: Value): void {
  const size = parameterCount(spec);
  const state = { w, m: g.input('m', 'float', [size]), v: g.input('v', 'float', [size]) };
  const decay = decayOf(spec, spec.optimizer.weightDecay);
  const rates = g.input('rates', 'float', [3]);
  outputState(g, update(g, spec.optimizer, state, gradient, rates, decay && g.floats(decay, [size])), size);
}

function outputState(g: GraphBuilder, state: OptimizerState, size: number): void {
  for (const name of ['w', 'm', 'v'] as const) g.output(`${name}_next`, state[name], 'float', [size]);
}

/** Forward, loss and backward; declares all inputs but the optimiser's, and the outputs loss and statistics. */
function differentiate(g: GraphBuilder, spec: TrainingGraphSpec): { w: Value; gradient: Value } {
  const { net, classes, batch, microBatch } = spec;
  const { channels, height, width } = net.image;
  const images = g.input('images', 'float', [microBatch, channels, height, width]);
  const labels = g.input('classes', 'int64', [microBatch]);
  const w = g.input('w', 'float', [parameterCount(spec)]);
  const parameters = splitParameters(g, spec, w);
  const nodes = trainSequence(g, net.layers, images, reader(g, spec, parameters));
  const weights = [...parameters.values()].at(-1)!;
  const inputs = { embeddings: nodes.y, weights, classes: labels };
  const loss = classificationLoss(g, inputs, { batch, classes, loss: spec.loss });
  const gradients = nodes.backward(loss.dEmbeddings, false).parameters;

  g.output('loss', loss.loss, 'float', []);
  // A net without batch-norm still has the output, empty, so that its reader needs no special case.
  const none = () => g.floats(new Float32Array(0), [0]);
  const statistics = nodes.statistics.length > 0 ? g.concat(nodes.statistics, 0) : none();
  g.output('statistics', statistics, 'float', [net.statisticsCount]);
  return { w, gradient: g.concat([...gradients, g.reshape(loss.dWeights, [-1])], 0) };
}

/** In the order of the vector, the head last. */
function splitParameters(g: GraphBuilder, spec: TrainingGraphSpec, w: Value): ReadonlyMap<ParameterSlot, Value> {
  const slots = allSlots(spec);
  const pieces = g.split(
    w,
    slots.map(({ size }) => size),
  );
  return new Map(slots.map((slot, index) => [slot, g.reshape(pieces[index]!, slot.shape)]));
}

/** A net without dropout has no input `masks`. */
function reader(
  g: GraphBuilder,
  { net, microBatch }: TrainingGraphSpec,
  parameters: ReadonlyMap<ParameterSlot, Value>,
): ReadAt {
  const masks = net.maskCount > 0 ? g.input('masks', 'float', [microBatch, net.maskCount]) : null;
  return (leaf) => (name) => {
    if (masks === null || leaf.mask === null || name !== 'mask')
      return parameters.get(leaf.parameters.find((slot) => slot.name === name)!)!;
    const { offset, size } = leaf.mask;
    return g.node('Slice', [masks, ...[[offset], [offset + size], [1]].map((list) => g.integers(list))]);
  };
}

const parameterCount = (spec: TrainingGraphSpec): number => spec.net.parameterCount + headSlot(spec).size;
