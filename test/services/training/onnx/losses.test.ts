/** The losses against their formulas as the papers write them, with angles, in float64. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { z } from 'zod';
import { LossSchema, type LossConfig } from '../../../../contracts/configuration/training.ts';
import { headSlot } from '../../../../services/training/nets/parameters.ts';
import { caseOf, onnxGradient, type Case } from './judge.ts';

const CASES: readonly z.input<typeof LossSchema>[] = [
  { type: 'softmax' },
  { type: 'softmax', labelSmoothing: 0.2 },
  { type: 'cosface', scale: 10, margin: 0.3 },
  { type: 'arcface', scale: 10, margin: 0.5 },
  { type: 'arcface', scale: 30, margin: 1.5, labelSmoothing: 0.1 },
];

for (const settings of CASES) {
  test(`losses: ${JSON.stringify(settings)} is what the paper says`, async () => {
    const loss = LossSchema.parse(settings);
    const subject = caseOf([{ type: 'flatten' }], { width: 3, height: 2 }, 1, { loss });
    const expected = byFormula(subject, loss);
    const actual = (await onnxGradient(subject)).loss;
    assert.ok(Math.abs(actual - expected) < 1e-5 * expected, `${actual}, expected ${expected}`);
  });
}

/** The net only flattens, so the pixels are the embeddings. */
function byFormula({ spec, batch, w }: Case, loss: LossConfig): number {
  const { offset } = headSlot(spec);
  const row = (data: Float32Array, index: number, from = 0) => [
    ...data.subarray(from + index * 6, from + index * 6 + 6),
  ];
  const losses = [...batch.classes].map((person, image) => {
    const embedding = row(batch.images, image);
    const logits = Array.from({ length: spec.classes }, (_, other) =>
      logit(embedding, row(w, other, offset), other === person, loss),
    );
    const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
    const share = loss.labelSmoothing;
    const wanted = (other: number) => (other === person ? 1 - share : 0) + share / spec.classes;
    return -logits.reduce((sum, value, other) => sum + wanted(other) * (value - total), 0);
  });
  return losses.reduce((sum, value) => sum + value, 0) / losses.length;
}

function logit(embedding: readonly number[], weight: readonly number[], isTrue: boolean, loss: LossConfig): number {
  const product = embedding.reduce((sum, value, index) => sum + value * weight[index]!, 0);
  if (loss.type === 'softmax') return product;
  const cosine = product / Math.hypot(...embedding) / Math.hypot(...weight);
  if (!isTrue) return loss.scale * cosine;
  if (loss.type === 'cosface') return loss.scale * (cosine - loss.margin);
  const angle = Math.acos(cosine) + loss.margin;
  return loss.scale * (angle < Math.PI ? Math.cos(angle) : cosine - loss.margin * Math.sin(loss.margin));
}

test.run();
