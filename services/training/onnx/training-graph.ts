/**
 * One ONNX graph for a whole training step: forward, loss, backward, Adam. Parameters are one flat vector `w`, split
 * inside; their gradients are concatenated in the same order, so that the optimiser and a checkpoint see vectors only.
 * Called by onnx-engine.ts; the tests also call the gradient half alone.
 */
import type { TrainingConfig } from '../../../contracts/pipeline.ts';
import { kindOf } from '../layers/kinds.ts';
import type { Read, TrainNodes } from '../layers/layer.ts';
import type { ResolvedNet } from '../nets.ts';
import { allSlots, headSlot, type TrainingSizes } from '../parameters.ts';
import { adam } from './adam.ts';
import { cosFace } from './cosface.ts';
import { encodeModel } from './encoding.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';

export interface TrainingGraphSpec extends TrainingSizes {
  readonly batch: number;
  readonly cosFace: TrainingConfig['cosFace'];
}

/**
 * Inputs: images float [batch, channels, height, width], z-normalised; classes int64 [batch]; w, m, v float
 * [parameters]; rates float [3] (adam.ts). Outputs: loss float [], statistics float (batch means and variances as
 * ResolvedNet places them), and w_next, m_next, v_next.
 */
export function buildTrainingModel(spec: TrainingGraphSpec): Uint8Array {
  const g = new GraphBuilder();
  const size = parameterCount(spec);
  const { w, gradient } = differentiate(g, spec);
  const state = { w, m: g.input('m', 'float', [size]), v: g.input('v', 'float', [size]) };
  const next = adam(g, state, gradient, g.input('rates', 'float', [3]));
  for (const name of ['w', 'm', 'v'] as const) g.output(`${name}_next`, next[name], 'float', [size]);
  return encodeModel(g.build('training_step'), { contrib: true });
}

/** The same without Adam: outputs loss, statistics and gradient, in the order of `w`. */
export function buildGradientModel(spec: TrainingGraphSpec): Uint8Array {
  const g = new GraphBuilder();
  const { gradient } = differentiate(g, spec);
  g.output('gradient', gradient, 'float', [parameterCount(spec)]);
  return encodeModel(g.build('gradient'), { contrib: true });
}

/** Forward, loss and backward; declares all inputs but the optimiser's, and the outputs loss and statistics. */
function differentiate(g: GraphBuilder, spec: TrainingGraphSpec): { w: Value; gradient: Value } {
  const { net, classes, batch } = spec;
  const { channels, height, width } = net.image;
  const images = g.input('images', 'float', [batch, channels, height, width]);
  const labels = g.input('classes', 'int64', [batch]);
  const w = g.input('w', 'float', [parameterCount(spec)]);
  const parameters = splitParameters(g, spec, w);

  const { embeddings, tape } = forward(g, net, images, parameters);
  const weights = parameters.at(-1)!;
  const loss = cosFace(g, { embeddings, weights, classes: labels }, { batch, classes, ...spec.cosFace });
  const gradients = backward(g, net, tape, loss.dEmbeddings);

  g.output('loss', loss.loss, 'float', []);
  const statistics = tape.flatMap((nodes) => nodes.statistics ?? []);
  // A net without batch-norm still has the output, empty, so that its reader needs no special case.
  const joined = statistics.length > 0 ? g.concat(statistics, 0) : g.floats(new Float32Array(0), [0]);
  g.output('statistics', joined, 'float', [net.statisticsCount]);
  return { w, gradient: g.concat([...gradients, g.reshape(loss.dWeights, [-1])], 0) };
}

function splitParameters(g: GraphBuilder, spec: TrainingGraphSpec, w: Value): Value[] {
  const slots = allSlots(spec);
  const sizes = g.integers(slots.map(({ size }) => size));
  const pieces = g.nodes('Split', [w, sizes], slots.length, { attributes: { axis: 0 } });
  return slots.map(({ shape }, index) => g.reshape(pieces[index]!, shape));
}

function forward(g: GraphBuilder, net: ResolvedNet, images: Value, parameters: readonly Value[]) {
  const tape: TrainNodes[] = [];
  let value = images;
  let first = 0;
  for (const site of net.layers) {
    const own = parameters.slice(first, first + site.parameters.length);
    const read: Read = (name) => own[site.parameters.findIndex((slot) => slot.name === name)]!;
    const nodes = kindOf(site.layer).train(g, site, value, read);
    tape.push(nodes);
    value = nodes.y;
    first += site.parameters.length;
  }
  return { embeddings: value, tape };
}

/** Flat gradients of the layers' parameters, in the order of the parameters. Layers before the first with any get none. */
function backward(g: GraphBuilder, net: ResolvedNet, tape: readonly TrainNodes[], dEmbeddings: Value): Value[] {
  const firstTrained = net.layers.findIndex(({ parameters }) => parameters.length > 0);
  const gradients: Value[] = [];
  let dy = dEmbeddings;
  for (let index = net.layers.length - 1; index >= firstTrained && index >= 0; index--) {
    const { dx, parameters } = tape[index]!.backward(dy, index > firstTrained);
    const own = net.layers[index]!.parameters.map(({ name }) => g.reshape(parameters[name]!, [-1]));
    gradients.unshift(...own);
    if (dx !== null) dy = dx;
  }
  return gradients;
}

const parameterCount = (spec: TrainingGraphSpec): number => spec.net.parameterCount + headSlot(spec).size;
