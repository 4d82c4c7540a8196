import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  chanceLoss,
  isFiniteVector,
  observeLoss,
  SPIKE_STEPS_MAX,
  type LossWatch,
} from '../../../../services/training/loop/divergence.ts';

/** Of the first loss that counts as a divergence, counted from 1; null where none does. */
function divergesAt(losses: readonly number[], chance: number): number | null {
  let watch: LossWatch | null = null;
  for (const [index, loss] of losses.entries()) {
    const observed = observeLoss(watch, loss, chance);
    if (observed.divergence !== null) return index + 1;
    watch = observed.watch;
  }
  return null;
}

const constant = (loss: number, steps: number): number[] => Array.from({ length: steps }, () => loss);

test('divergence: a loss that is no finite number is one at once', () => {
  assert.is(divergesAt([4, 3, NaN], 4), 3);
  assert.is(divergesAt([-Infinity], 4), 1);
});

test('divergence: a net that falls back to guessing is one, after a while', () => {
  const learned = [...constant(4, 10), ...constant(0.1, 50)];
  const at = divergesAt([...learned, ...constant(4, 500)], 4)!;
  // The moving average takes a few steps to rise.
  assert.ok(at > 60 + SPIKE_STEPS_MAX && at < 60 + SPIKE_STEPS_MAX + 10, `${at}`);
});

test('divergence: a spike, a slow beginning and a noisy end are none', () => {
  assert.is(divergesAt([...constant(0.1, 50), ...constant(9, 20), ...constant(0.1, 500)], 4), null);
  assert.is(divergesAt([...constant(5, 30), ...constant(6, 300)], 4), null, 'above chance, yet not half of it higher');
  const noisy = Array.from({ length: 500 }, (_, step) => 0.01 + (step % 7));
  assert.is(
    divergesAt(
      noisy.map((loss) => loss / 10),
      4,
    ),
    null,
  );
});

test('divergence: weights are doubted as soon as one loss is too high', () => {
  const { watch } = observeLoss(null, 0.1, 4);
  assert.ok(observeLoss(watch, 2, 4).isCalm);
  assert.not.ok(observeLoss(watch, 2.2, 4).isCalm);
});

test('divergence: the loss of blind guessing', () => {
  assert.is(chanceLoss({ type: 'softmax', labelSmoothing: 0 }, 40), Math.log(40));
  const cosface = chanceLoss({ type: 'cosface', scale: 16, margin: 0.2, labelSmoothing: 0 }, 40);
  assert.ok(Math.abs(cosface - Math.log(1 + 39 * Math.exp(3.2))) < 1e-12);
  const arcface = chanceLoss({ type: 'arcface', scale: 16, margin: 0.5, labelSmoothing: 0 }, 40);
  // Cosine 0 is a right angle, and cos(90 degrees + margin) = -sin(margin).
  assert.ok(Math.abs(arcface - Math.log(1 + 39 * Math.exp(-16 * Math.cos(Math.PI / 2 + 0.5)))) < 1e-9);
});

test('divergence: NaN and both infinities are found among weights', () => {
  assert.ok(isFiniteVector(Float32Array.of(0, -1, 3e38)));
  for (const bad of [NaN, Infinity, -Infinity]) assert.not.ok(isFiniteVector(Float32Array.of(1, bad)));
});

test.run();
