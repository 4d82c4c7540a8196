/**
 * Layers one after the other, and the residual layer (He et al., arXiv:1512.03385), which holds two such sequences and
 * adds their outputs. The only code that knows of nesting: it asks each layer's kind for its nodes and chains them,
 * forward for training and inference, and backward by the chain rule.
 */
import type { ResolvedLayer, ResolvedLeaf } from '../nets/nets.ts';
import type { GraphBuilder } from '../onnx/graph-builder.ts';
import type { Value } from '../onnx/graph-writer.ts';
import { kindOf } from './kinds.ts';
import type { Read } from './layer.ts';

/** How a layer reaches its parameters. */
export type ReadAt = (leaf: ResolvedLeaf) => Read;

export interface SequenceNodes {
  readonly y: Value;
  /** Batch means and variances, placed as ResolvedNet says. */
  readonly statistics: readonly Value[];
  /** `dx` is null where `wantsInput` is false. `parameters`: flat gradients in the order of the parameters. */
  readonly backward: (
    dy: Value,
    wantsInput: boolean,
  ) => { readonly dx: Value | null; readonly parameters: readonly Value[] };
}

export function trainSequence(
  g: GraphBuilder,
  layers: readonly ResolvedLayer[],
  x: Value,
  readAt: ReadAt,
): SequenceNodes {
  const tape: SequenceNodes[] = [];
  for (const layer of layers) tape.push(trainLayer(g, layer, tape.at(-1)?.y ?? x, readAt));
  const firstTrained = layers.findIndex(isTrained);
  const backward = (dy: Value, wantsInput: boolean) => {
    const first = wantsInput ? 0 : firstTrained;
    const parameters: Value[] = [];
    let dx = dy;
    // Without parameters and without need for dx there is nothing to do: `first` is -1 then.
    for (let index = layers.length - 1; index >= first && first >= 0; index--) {
      const step = tape[index]!.backward(dx, wantsInput || index > firstTrained);
      parameters.unshift(...step.parameters);
      if (step.dx !== null) dx = step.dx;
    }
    return { dx: wantsInput ? dx : null, parameters };
  };
  return { y: tape.at(-1)?.y ?? x, statistics: tape.flatMap(({ statistics }) => statistics), backward };
}

/** The same layers as they serve: running statistics, no dropout. */
export function inferSequence(g: GraphBuilder, layers: readonly ResolvedLayer[], x: Value, readAt: ReadAt): Value {
  return layers.reduce((value, layer) => {
    if (!('body' in layer)) return kindOf(layer.layer).infer(g, layer, value, readAt(layer));
    return g.add(inferSequence(g, layer.body, value, readAt), inferSequence(g, layer.shortcut, value, readAt));
  }, x);
}

function trainLayer(g: GraphBuilder, layer: ResolvedLayer, x: Value, readAt: ReadAt): SequenceNodes {
  if ('body' in layer) return trainResidual(g, layer, x, readAt);
  const { y, statistics = [], backward } = kindOf(layer.layer).train(g, layer, x, readAt(layer));
  return {
    y,
    statistics,
    backward(dy, wantsInput) {
      const { dx, parameters } = backward(dy, wantsInput);
      return { dx, parameters: layer.parameters.map(({ name }) => g.reshape(parameters[name]!, [-1])) };
    },
  };
}

/** y = body(x) + shortcut(x): both get dy, and their input gradients add up. An empty shortcut passes dy on. */
function trainResidual(
  g: GraphBuilder,
  layer: Extract<ResolvedLayer, { body: unknown }>,
  x: Value,
  readAt: ReadAt,
): SequenceNodes {
  const body = trainSequence(g, layer.body, x, readAt);
  const shortcut = trainSequence(g, layer.shortcut, x, readAt);
  return {
    y: g.add(body.y, shortcut.y),
    statistics: [...body.statistics, ...shortcut.statistics],
    backward(dy, wantsInput) {
      const [a, b] = [body.backward(dy, wantsInput), shortcut.backward(dy, wantsInput)];
      const dx = a.dx !== null && b.dx !== null ? g.add(a.dx, b.dx) : null;
      return { dx, parameters: [...a.parameters, ...b.parameters] };
    },
  };
}

const isTrained = (layer: ResolvedLayer): boolean =>
  'body' in layer ? [...layer.body, ...layer.shortcut].some(isTrained) : layer.parameters.length > 0;
