/** The picture of a training: what must be readable in it, and that it is drawn whatever is missing. */
import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { CurvePoint } from '../../../../contracts/training.ts';
import { drawInThread } from '../../../../services/training/curve/draw-in-thread.ts';
import { drawLearningCurve } from '../../../../services/training/curve/learning-curve.ts';

const pointAt = (epoch: number): CurvePoint => ({
  epoch,
  loss: 4 / epoch,
  learningRate: 1e-3 / epoch,
  validationRank1: 1 - 0.5 / epoch,
  validationLoss: 5 / epoch,
  imagesPerSecond: 400 + epoch,
});
const curveOf = (points: readonly CurvePoint[]) => ({ runId: 'run-1', model: 'face', points: [...points] });
const TWELVE = Array.from({ length: 12 }, (_, index) => pointAt(index + 1));

/** The texts of an SVG, in order. */
const textsOf = (svg: string): string[] => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
/** Line series are the only paths with this width. */
const linesOf = (svg: string): number => [...svg.matchAll(/<path[^>]*fill="none"[^>]*stroke-width="2"/g)].length;

test('learning curve: says what is drawn, in which unit, and what it ended with', () => {
  const texts = textsOf(drawLearningCurve(curveOf(TWELVE)));
  const expected = [
    'Learning curve of face',
    'run-1: 12 epochs, loss 0.333, validation rank-1 95.8 %',
    ...['training loss', 'validation loss', 'validation rank-1', 'learning rate', 'images/s'],
    ...['loss (nats)', 'rank-1 (%)', 'epoch'],
  ];
  for (const text of expected) assert.ok(texts.includes(text), `"${text}" is not among ${texts.join(' | ')}`);
});

test('learning curve: figures that a training does not have leave no line and no name in the legend', () => {
  const without = TWELVE.map((point) => ({ ...point, validationRank1: null, validationLoss: null }));
  const svg = drawLearningCurve(curveOf(without));
  assert.not.ok(textsOf(svg).some((text) => text.startsWith('validation')));
  assert.ok(textsOf(svg).includes('training loss'));
  assert.is(linesOf(drawLearningCurve(curveOf(TWELVE))) - linesOf(svg), 2);
});

for (const epochs of [0, 1, 2, 300]) {
  test(`learning curve: ${epochs} passes make a picture that other programs can read`, async () => {
    const points = Array.from({ length: epochs }, (_, index) => pointAt(index + 1));
    const { format, width, height } = await sharp(Buffer.from(drawLearningCurve(curveOf(points)))).metadata();
    assert.equal([format, width, height], ['svg', 900, 640]);
  });
}

test('learning curve: drawn in a thread, the same curve gives the same bytes', async () => {
  const [first, second] = await Promise.all([drawInThread(curveOf(TWELVE)), drawInThread(curveOf(TWELVE))]);
  assert.is(first, second);
  assert.ok(first.startsWith('<svg'));
});

test.run();
