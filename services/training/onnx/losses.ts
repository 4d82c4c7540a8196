/**
 * The classification losses with their gradients: softmax cross-entropy over one weight vector per class, either plain
 * or on cosines with a margin. Called by training-graph.ts.
 */
import type { LossConfig } from '../../../contracts/configuration/training.ts';
import { normaliseRows } from '../layers/l2-normalise.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { Value } from './graph-writer.ts';

export interface LossNodes {
  /** Mean over the batch. */
  readonly loss: Value;
  /** Gradients of the embeddings as the net gives them, [batch, dimensions], and of the class weights. */
  readonly dEmbeddings: Value;
  readonly dWeights: Value;
}

/** Keeps the sine above zero where float32 rounds a cosine to 1. */
export const SINE_EPSILON = 1e-6;

/**
 * `embeddings` [batch, dimensions], `weights` [classes, dimensions], `classes` int64 [batch]. The loss is the mean of
 * -sum(wanted * log softmax(logits)), whose gradient by the logits is (softmax - wanted) / batch.
 */
export function classificationLoss(
  g: GraphBuilder,
  inputs: { readonly embeddings: Value; readonly weights: Value; readonly classes: Value },
  sizes: { readonly batch: number; readonly classes: number; readonly loss: LossConfig },
): LossNodes {
  const rows = sizes.loss.type === 'softmax' ? asTheyAre : normaliseRows;
  const e = rows(g, inputs.embeddings);
  const w = rows(g, inputs.weights);
  const target = oneHot(g, inputs.classes, sizes.classes);
  const scores = g.node('Gemm', [e.y, w.y], { attributes: { transB: 1 } });
  const { logits, scale, slope } = toLogits(g, scores, target, sizes.loss);
  const wanted = smoothed(g, target, sizes.classes, sizes.loss.labelSmoothing);
  const logShares = g.logSoftmax(logits);
  const loss = g.mul(g.sum(g.mul(logShares, wanted), [0, 1], false), g.scalar(-1 / sizes.batch));
  const scaled = g.mul(g.sub(g.node('Exp', [logShares]), wanted), g.scalar(scale / sizes.batch));
  const dScores = slope === null ? scaled : g.mul(scaled, slope);
  return {
    loss,
    dEmbeddings: e.backward(g.node('Gemm', [dScores, w.y])),
    dWeights: w.backward(g.node('Gemm', [dScores, e.y], { attributes: { transA: 1 } })),
  };
}

interface Logits {
  readonly logits: Value;
  /** d logits / d scores = scale * slope; null where the slope is 1 everywhere. */
  readonly scale: number;
  readonly slope: Value | null;
}

/**
 * softmax: the scores themselves. cosface (Wang et al., arXiv:1801.09414): scale * (cos - margin at the true class);
 * the margin is a constant and drops out of the gradient.
 */
function toLogits(g: GraphBuilder, scores: Value, target: Value, loss: LossConfig): Logits {
  if (loss.type === 'softmax') return { logits: scores, scale: 1, slope: null };
  if (loss.type === 'arcface') return arcFace(g, scores, target, loss);
  const lowered = g.sub(scores, g.mul(target, g.scalar(loss.margin)));
  return { logits: g.mul(lowered, g.scalar(loss.scale)), scale: loss.scale, slope: null };
}

/**
 * arcface (Deng et al., arXiv:1801.07698): scale * cos(angle + margin) at the true class, and
 * d cos(angle + m) / d cos(angle) = cos m + sin m * cos / sin. Where angle + m passes pi, cos would rise again: there
 * it is cos - m * sin m, which keeps falling, as in the authors' code.
 */
function arcFace(
  g: GraphBuilder,
  cosine: Value,
  target: Value,
  { scale, margin }: Extract<LossConfig, { type: 'arcface' }>,
): Logits {
  const [cosM, sinM] = [g.scalar(Math.cos(margin)), g.scalar(Math.sin(margin))];
  const sine = g.sqrt(g.sub(g.scalar(1 + SINE_EPSILON), g.mul(cosine, cosine)));
  const isWithin = g.node('Greater', [cosine, g.scalar(Math.cos(Math.PI - margin))]);
  const shifted = g.sub(g.mul(cosine, cosM), g.mul(sine, sinM));
  const beyond = g.sub(cosine, g.scalar(margin * Math.sin(margin)));
  const moved = g.node('Where', [isWithin, shifted, beyond]);
  const logits = g.mul(g.add(cosine, g.mul(target, g.sub(moved, cosine))), g.scalar(scale));
  const rise = g.node('Where', [isWithin, g.add(cosM, g.mul(sinM, g.div(cosine, sine))), g.scalar(1)]);
  const slope = g.add(g.scalar(1), g.mul(target, g.sub(rise, g.scalar(1))));
  return { logits, scale, slope };
}

/** Label smoothing (Szegedy et al., arXiv:1512.00567, section 7): (1 - share) * target + share / classes. */
function smoothed(g: GraphBuilder, target: Value, classes: number, share: number): Value {
  if (share === 0) return target;
  return g.add(g.mul(target, g.scalar(1 - share)), g.scalar(share / classes));
}

const asTheyAre = (_g: GraphBuilder, x: Value) => ({ y: x, backward: (dy: Value): Value => dy });

function oneHot(g: GraphBuilder, classes: Value, count: number): Value {
  const offAndOn = g.floats(Float32Array.of(0, 1), [2]);
  return g.node('OneHot', [classes, g.integers([count]), offAndOn], { attributes: { axis: -1 } });
}
