import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { createModelHost, startHostThread } from '../../../services/serving/model-host.ts';
import type { ModelHost, ModelHostOptions } from '../../../services/serving/strategy.ts';
import { TINY_DIMENSIONS, TINY_IMAGE, tinyImages, tinyModel } from '../../support/tiny-model.ts';

const OPTIONS = { image: TINY_IMAGE, queueMax: 8, batchMax: 4, threads: 1 } as const;
const IMAGE_BYTES = TINY_IMAGE.width * TINY_IMAGE.height;

async function withHost(options: Partial<ModelHostOptions>, use: (host: ModelHost) => Promise<void>): Promise<void> {
  const host = await createModelHost({ model: tinyModel(), ...OPTIONS, ...options });
  try {
    await use(host);
  } finally {
    await host.close();
  }
}

const failureOf = async (promise: Promise<unknown>): Promise<PipelineError> => {
  const error = await promise.then(
    () => new Error('it did not fail'),
    (reason: unknown) => reason,
  );
  assert.instance(error, PipelineError);
  return error as PipelineError;
};

test('model host: embeddings have length 1 and do not depend on the batch', () =>
  withHost({}, async (host) => {
    const pixels = tinyImages(6, 3);
    const together = await host.embed({ pixels, count: 6 });
    assert.is(host.dimensions, TINY_DIMENSIONS);
    assert.is(together.length, 6 * TINY_DIMENSIONS);
    for (let i = 0; i < 6; i++) {
      const image = pixels.subarray(i * IMAGE_BYTES, (i + 1) * IMAGE_BYTES);
      const alone = await host.embed({ pixels: image, count: 1 });
      const row = together.subarray(i * TINY_DIMENSIONS, (i + 1) * TINY_DIMENSIONS);
      assert.ok(Math.abs(Math.hypot(...alone) - 1) < 1e-5);
      assert.ok(row.every((x, d) => Math.abs(x - alone[d]!) < 1e-5));
    }
  }));

test('model host: the calling thread stays free while the model runs', () =>
  withHost({ model: tinyModel({ work: 400 }) }, async (host) => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    await host.embed({ pixels: tinyImages(64, 3), count: 64 });
    clearInterval(timer);
    assert.ok(ticks > 3, `the timer fired ${ticks} times`);
  }));

test('model host: a full queue refuses with OVERLOADED and answers the others', () =>
  withHost({ queueMax: 2, batchMax: 1, model: tinyModel({ work: 50 }) }, async (host) => {
    const requests = Array.from({ length: 6 }, () => host.embed({ pixels: tinyImages(1, 1), count: 1 }));
    const outcomes = await Promise.allSettled(requests);
    assert.equal(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected'],
    );
    assert.is((await failureOf(requests[5]!)).code, 'OVERLOADED');
  }));

test('model host: a request that cannot start by its deadline is refused', () =>
  withHost({ model: tinyModel({ work: 400 }) }, async (host) => {
    const first = host.embed({ pixels: tinyImages(4, 1), count: 4 });
    const late = host.embed({ pixels: tinyImages(1, 1), count: 1, deadlineMs: performance.now() });
    assert.is((await failureOf(late)).code, 'DEADLINE_EXCEEDED');
    await first;
  }));

test('model host: closing answers what is in flight first', async () => {
  const host = await createModelHost({ model: tinyModel({ work: 50 }), ...OPTIONS });
  const answers = Array.from({ length: 5 }, () => host.embed({ pixels: tinyImages(1, 1), count: 1 }));
  await host.close();
  assert.is((await Promise.all(answers)).length, 5);
  assert.is((await failureOf(host.embed({ pixels: tinyImages(1, 1), count: 1 }))).code, 'HOST_FAILED');
});

test('model host: a thread that dies refuses what is in flight with a retryable HOST_FAILED', async () => {
  const options = { model: tinyModel(), ...OPTIONS };
  const thread = startHostThread(options);
  const host = await createModelHost(options, thread);
  // A message that the thread does not understand ends it, before it sees the requests that follow.
  thread.postMessage(null);
  const answers = Array.from({ length: 3 }, () => host.embed({ pixels: tinyImages(4, 1), count: 4 }));
  for (const answer of answers) {
    const failure = await failureOf(answer);
    assert.is(failure.code, 'HOST_FAILED');
    assert.ok(failure.retryable);
  }
  assert.match((await host.failed).message, /ended unexpectedly/);
  assert.is(host.inFlight, 0);
  await host.close();
});

test('model host: bytes that are not ONNX are MODEL_INVALID', async () => {
  const failure = await failureOf(createModelHost({ model: Buffer.from('not a model'), ...OPTIONS }));
  assert.is(failure.code, 'MODEL_INVALID');
  assert.match(failure.message, /not an ONNX model/);
});

test('model host: a model for other images is MODEL_INVALID and says what was expected', async () => {
  const image = { ...TINY_IMAGE, width: 64, height: 64 };
  const failure = await failureOf(createModelHost({ model: tinyModel(), ...OPTIONS, image }));
  assert.is(failure.code, 'MODEL_INVALID');
  assert.match(failure.message, /expected .*\[batch, 1, 64, 64\], found "images" float32 \[batch, 1, 16, 16\]/);
});

test('model host: a model without the output "embeddings" is MODEL_INVALID', async () => {
  const failure = await failureOf(createModelHost({ model: tinyModel({ outputName: 'logits' }), ...OPTIONS }));
  assert.match(failure.message, /expected an output "embeddings" .* found "logits"/);
});

test.run();
