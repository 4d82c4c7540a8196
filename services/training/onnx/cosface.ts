/**
 * The CosFace loss (Wang et al., arXiv:1801.09414) with its gradient. Called by training-graph.ts.
 */
import { normaliseRows } from '../layers/l2-normalise.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

export interface CosFaceNodes {
  /** Mean over the batch. */
  readonly loss: Value;
  /** Gradients of the embeddings before normalisation, [batch, dimensions], and of the class weights. */
  readonly dEmbeddings: Value;
  readonly dWeights: Value;
}

/**
 * logits = scale * (cos(embedding, class) - margin at the true class); loss = mean softmax cross-entropy.
 * `embeddings` [batch, dimensions], `weights` [classes, dimensions], `classes` int64 [batch].
 */
export function cosFace(
  g: GraphBuilder,
  inputs: { readonly embeddings: Value; readonly weights: Value; readonly classes: Value },
  sizes: { readonly batch: number; readonly classes: number; readonly scale: number; readonly margin: number },
): CosFaceNodes {
  const e = normaliseRows(g, inputs.embeddings);
  const w = normaliseRows(g, inputs.weights);
  const target = oneHot(g, inputs.classes, sizes.classes);
  const cosine = g.node('Gemm', [e.y, w.y], { attributes: { transB: 1 } });
  const logits = g.mul(g.sub(cosine, g.mul(target, g.scalar(sizes.margin))), g.scalar(sizes.scale));
  const logShares = g.node('LogSoftmax', [logits], { attributes: { axis: 1 } });
  const loss = g.mul(g.sum(g.mul(logShares, target), [0, 1], false), g.scalar(-1 / sizes.batch));
  // d loss / d cosine = scale * (softmax - target) / batch; the margin is a constant and drops out.
  const dCosine = g.mul(g.sub(g.node('Exp', [logShares]), target), g.scalar(sizes.scale / sizes.batch));
  return {
    loss,
    dEmbeddings: e.backward(g.node('Gemm', [dCosine, w.y])),
    dWeights: w.backward(g.node('Gemm', [dCosine, e.y], { attributes: { transA: 1 } })),
  };
}

function oneHot(g: GraphBuilder, classes: Value, count: number): Value {
  const offAndOn = g.floats(Float32Array.of(0, 1), [2]);
  return g.node('OneHot', [classes, g.integers([count]), offAndOn], { attributes: { axis: -1 } });
}
