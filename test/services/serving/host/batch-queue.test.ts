import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import { BatchQueue, type BatchQueueOptions } from '../../../../services/serving/host/batch-queue.ts';
import type { EmbedTimes } from '../../../../services/serving/strategy.ts';
import { until } from '../../../support/wait.ts';

interface Run {
  readonly count: number;
  finish(): void;
  fail(error: Error): void;
}

/** A queue whose runs finish when the test says so; an image is one byte and its embedding is [byte, -byte]. */
function openQueue(options: Partial<BatchQueueOptions> = {}) {
  const runs: Run[] = [];
  const run = (pixels: Uint8Array, count: number) =>
    new Promise<Float32Array>((resolve, reject) => {
      const finish = () => resolve(Float32Array.from([...pixels].flatMap((pixel) => [pixel, -pixel])));
      runs.push({ count, finish, fail: reject });
    });
  const queue = new BatchQueue({
    ...{
      queueMax: 4,
      batchMax: 3,
      delayMaxMs: 0,
      imageBytes: 1,
      now: () => 0,
      expectedMs: (images: number) => 5 * images,
    },
    ...{ run, ...options },
  });
  const submit = (...bytes: number[]) => queue.submit({ pixels: Uint8Array.from(bytes), count: bytes.length });
  return { queue, runs, submit };
}

const code = async (promise: Promise<unknown>) => {
  try {
    await promise;
    return 'answered';
  } catch (error) {
    return error instanceof PipelineError ? error.code : (error as Error).message;
  }
};

test('batch queue: a lone request runs at once and alone', async () => {
  const { runs, submit } = openQueue();
  const answer = submit(5);
  assert.is(runs.length, 1);
  runs[0]!.finish();
  assert.equal([...(await answer)], [5, -5]);
});

test('batch queue: all that wait go as one batch up to the maximum, each gets its own rows', async () => {
  const { runs, submit } = openQueue();
  const answers = [1, 2, 3, 4, 5].map((byte) => submit(byte));
  runs[0]!.finish();
  await answers[0];
  assert.is(runs[1]!.count, 3);
  runs[1]!.finish();
  await answers[1];
  assert.is(runs[2]!.count, 1);
  runs[2]!.finish();
  const rows = await Promise.all(answers);
  assert.equal(
    rows.map(([first]) => first),
    [1, 2, 3, 4, 5],
  );
});

test('batch queue: a request of several images is not split, and one larger than a batch goes alone', async () => {
  const { runs, submit } = openQueue();
  const answers = [submit(1), submit(2, 3), submit(4, 5), submit(6, 7, 8, 9)];
  for (const index of [0, 1, 2, 3]) {
    runs[index]!.finish();
    await answers[index];
  }
  assert.equal(
    runs.map(({ count }) => count),
    [1, 2, 2, 4],
  );
  assert.equal([...(await answers[2]!)], [4, -4, 5, -5]);
});

test('batch queue: more waiting requests than allowed are refused at once with a hint', async () => {
  const { runs, submit } = openQueue({ queueMax: 2 });
  const accepted = [submit(1), submit(2), submit(3)];
  const refused = await submit(4).catch((error: unknown) => error);
  assert.instance(refused, PipelineError);
  assert.is((refused as PipelineError).code, 'OVERLOADED');
  assert.ok((refused as PipelineError).retryable);
  assert.match((refused as PipelineError).message, /2 requests wait already; try again in about 15 ms/);
  assert.is((refused as PipelineError).retryAfterMs, 15);
  runs[0]!.finish();
  await accepted[0];
  runs[1]!.finish();
  await Promise.all(accepted);
});

test('batch queue: a request whose deadline passed while it waited is refused without a run', async () => {
  let now = 0;
  const { queue, runs, submit } = openQueue({ now: () => now });
  const first = submit(1);
  const late = code(queue.submit({ pixels: Uint8Array.of(2), count: 1, deadlineMs: 10 }));
  const inTime = queue.submit({ pixels: Uint8Array.of(3), count: 1, deadlineMs: 30 });
  now = 20;
  runs[0]!.finish();
  await first;
  assert.is(await late, 'DEADLINE_EXCEEDED');
  assert.is(runs[1]!.count, 1);
  runs[1]!.finish();
  assert.equal([...(await inTime)], [3, -3]);
});

test('batch queue: a deadline that has passed already never reaches the model', async () => {
  const { queue, runs } = openQueue({ now: () => 50 });
  assert.is(await code(queue.submit({ pixels: Uint8Array.of(2), count: 1, deadlineMs: 10 })), 'DEADLINE_EXCEEDED');
  assert.is(runs.length, 0);
  await queue.idle();
});

test('batch queue: a request that waits or runs when its deadline passes is answered then, and not when the run ends', async () => {
  const { queue, runs, submit } = openQueue({ now: () => performance.now() });
  const soon = () => queue.submit({ pixels: Uint8Array.of(2), count: 1, deadlineMs: performance.now() + 5 });
  assert.equal(await Promise.all([code(soon()), code(soon())]), ['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED']);
  assert.is(queue.inFlight, 1, 'the run itself goes on');
  const next = submit(3);
  runs[0]!.finish();
  await until(() => runs.length === 2, 'the next run');
  runs[1]!.finish();
  assert.equal([...(await next)], [3, -3]);
  assert.is(runs.length, 2, 'the one that waited never ran');
});

test('batch queue: several that fill no batch are held for more, and a full batch goes at once', async () => {
  const { runs, submit } = openQueue({ delayMaxMs: 1e9 });
  const answers = [submit(1), submit(2), submit(3)];
  runs[0]!.finish();
  await answers[0];
  assert.is(runs.length, 1, 'two of three wait for a third');
  answers.push(submit(4));
  assert.is(runs[1]!.count, 3);
  runs[1]!.finish();
  await Promise.all(answers);
});

test('batch queue: held requests go when the delay is over, or earlier for the sake of a deadline', async () => {
  for (const [delayMaxMs, deadlineMs] of [
    [5, undefined],
    [1e9, performance.now() + 60_000],
  ] as const) {
    // Expected to take as long as the deadline leaves, so that it cannot be held at all.
    const expectedMs = () => (deadlineMs === undefined ? 0 : 60_000);
    const { queue, runs, submit } = openQueue({ delayMaxMs, expectedMs, now: () => performance.now() });
    const answers = [submit(1), submit(2), queue.submit({ pixels: Uint8Array.of(3), count: 1, deadlineMs })];
    runs[0]!.finish();
    await until(() => runs.length === 2, 'the held ones run');
    assert.is(runs[1]!.count, 2);
    runs[1]!.finish();
    await Promise.all(answers);
  }
});

test('batch queue: a request that waits alone is not held, however long others might be', async () => {
  const { runs, submit } = openQueue({ delayMaxMs: 1e9 });
  const answers = [submit(1), submit(2)];
  runs[0]!.finish();
  await answers[0];
  assert.is(runs[1]!.count, 1);
  runs[1]!.finish();
  await answers[1];
});

test('batch queue: a failed run refuses its own batch only', async () => {
  const { runs, submit } = openQueue();
  const [first, second] = [code(submit(1)), submit(2)];
  runs[0]!.fail(new PipelineError('HOST_FAILED', 'out of memory', { retryable: true }));
  assert.is(await first, 'HOST_FAILED');
  runs[1]!.finish();
  assert.equal([...(await second)], [2, -2]);
});

test('batch queue: failing it refuses what runs, what waits and what comes later', async () => {
  const { queue, runs, submit } = openQueue();
  const codes = [code(submit(1)), code(submit(2))];
  queue.fail(new PipelineError('HOST_FAILED', 'the thread is gone', { retryable: true }));
  assert.equal(await Promise.all([...codes, code(submit(3))]), ['HOST_FAILED', 'HOST_FAILED', 'HOST_FAILED']);
  assert.is(queue.inFlight, 0);
  assert.is(runs.length, 1);
});

test('batch queue: closing answers what is in flight and then becomes idle', async () => {
  const { queue, runs, submit } = openQueue();
  const answers = [submit(1), submit(2)];
  queue.close(new PipelineError('HOST_FAILED', 'closed'));
  assert.is(await code(submit(3)), 'HOST_FAILED');
  const idle = queue.idle();
  runs[0]!.finish();
  await answers[0];
  runs[1]!.finish();
  await Promise.all([...answers, idle]);
  assert.is(queue.inFlight, 0);
});

test('batch queue: pixels that do not fit the count are a mistake of the caller', async () => {
  const { queue } = openQueue();
  assert.match(await code(queue.submit({ pixels: new Uint8Array(3), count: 2 })), /2 images need 2 bytes, got 3/);
});

test('batch queue: a request that wants to know hears when it came, was taken, and ran, and with how many', async () => {
  let now = 0;
  const { runs, queue, submit } = openQueue({ now: () => now });
  const first = submit(1);
  const heard: EmbedTimes[] = [];
  now = 10;
  const asked = queue.submit({ pixels: Uint8Array.of(2), count: 1, onTimes: (times) => void heard.push(times) });
  const beside = submit(3);
  now = 20;
  runs[0]!.finish();
  await first;
  await until(() => runs.length === 2, 'the second batch');
  now = 50;
  runs[1]!.finish();
  await Promise.all([asked, beside]);
  assert.equal(heard, [{ arrivedAtMs: 10, takenAtMs: 20, runAtMs: 20, ranAtMs: 50, images: 2 }]);
});

test.run();
