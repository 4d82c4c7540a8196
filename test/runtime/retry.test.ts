import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FOREVER, pauseOf, retry, type RetryPolicy } from '../../runtime/retry.ts';

/** Work that fails with these messages, one after the other, and then succeeds. */
function failing(...messages: readonly string[]) {
  const work = async () => {
    const message = messages[work.calls++];
    if (message !== undefined) throw new Error(message);
    return 'done';
  };
  work.calls = 0;
  return work;
}

/** A policy whose pauses take no time, and what it was told. */
function noted(policy: Partial<RetryPolicy> = {}) {
  const pauses: number[] = [];
  const failures: string[] = [];
  const whole: RetryPolicy = {
    ...{ attemptsMax: 3, pauseMs: 100, isWorthIt: () => true },
    onFailure: (error, attempt) => void failures.push(`${attempt} ${(error as Error).message}`),
    pause: async (pauseMs) => void pauses.push(pauseMs),
    ...policy,
  };
  return { policy: whole, pauses, failures };
}

async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.unreachable('nothing was thrown');
}
const messageOf = async (promise: Promise<unknown>) => ((await thrownBy(promise)) as Error).message;

test('retry: what succeeds at once is done once, without a pause', async () => {
  const { policy, pauses, failures } = noted();
  const work = failing();
  assert.is(await retry(policy, work), 'done');
  assert.is(work.calls, 1);
  assert.equal([pauses, failures], [[], []]);
});

test('retry: each failure is told and followed by a pause, until the work succeeds', async () => {
  const { policy, pauses, failures } = noted();
  const work = failing('first', 'second');
  assert.is(await retry(policy, work), 'done');
  assert.is(work.calls, 3);
  assert.equal(pauses, [100, 100]);
  assert.equal(failures, ['1 first', '2 second']);
});

test('retry: the error of the last attempt is thrown as it is, after no further pause', async () => {
  const { policy, pauses, failures } = noted();
  const work = failing('first', 'second', 'third', 'fourth');
  assert.is(await messageOf(retry(policy, work)), 'third');
  assert.is(work.calls, 3);
  assert.equal(pauses, [100, 100]);
  assert.equal(failures, ['1 first', '2 second']);
});

test('retry: an error that is not worth it is thrown at once', async () => {
  const isWorthIt = (error: unknown) => (error as Error).message !== 'refused';
  const { policy, failures } = noted({ attemptsMax: FOREVER, isWorthIt });
  const work = failing('silent', 'refused');
  assert.is(await messageOf(retry(policy, work)), 'refused');
  assert.is(work.calls, 2);
  assert.equal(failures, ['1 silent']);
});

test('retry: for ever means more often than any limit here', async () => {
  const { policy, failures } = noted({ attemptsMax: FOREVER });
  assert.is(await retry(policy, failing(...Array.from({ length: 500 }, () => 'away'))), 'done');
  assert.is(failures.length, 500);
});

test('retry: a signal cuts a pause short and is the reason that is thrown', async () => {
  const stopping = new AbortController();
  const reason = new Error('stopped');
  const { pause: _, ...policy } = noted({ attemptsMax: FOREVER, pauseMs: 3_600_000 }).policy;
  const work = failing('away', 'away');
  const onFailure = () => void setImmediate(() => stopping.abort(reason));
  assert.is(await thrownBy(retry({ ...policy, onFailure, signal: stopping.signal }, work)), reason);
  assert.is(work.calls, 1);
});

test('retry: a signal that came before begins no work', async () => {
  const reason = new Error('stopped before');
  const work = failing();
  assert.is(await thrownBy(retry(noted({ signal: AbortSignal.abort(reason) }).policy, work)), reason);
  assert.is(work.calls, 0);
});

test('retry: work that fails because of the signal is not repeated, and nobody is told', async () => {
  const stopping = new AbortController();
  const { policy, failures } = noted({ signal: stopping.signal });
  const work = async () => {
    stopping.abort();
    throw new Error('interrupted');
  };
  assert.is(await messageOf(retry(policy, work)), 'interrupted');
  assert.equal(failures, []);
});

test('retry: no pause means no timer', async () => {
  const { pause: _, ...policy } = noted({ pauseMs: 0, attemptsMax: 21 }).policy;
  let hasTicked = false;
  const tick = setImmediate(() => (hasTicked = true));
  assert.is(await retry(policy, failing(...Array.from({ length: 20 }, () => 'conflict'))), 'done');
  clearImmediate(tick);
  assert.not(hasTicked);
});

test('retry: pauses are equal, or grow to their limit', async () => {
  const growing = { pauseMs: 100, growth: { factor: 2, pauseMaxMs: 3_000 } };
  assert.equal(
    [1, 2, 3, 5, 6, 7, 1_000].map((failures) => pauseOf(growing, failures)),
    [100, 200, 400, 1_600, 3_000, 3_000, 3_000],
  );
  assert.is(pauseOf({ pauseMs: 500 }, 1_000), 500);
  const { policy, pauses } = noted({ ...growing, attemptsMax: 7 });
  await retry(policy, failing('1', '2', '3', '4', '5', '6'));
  assert.equal(pauses, [100, 200, 400, 800, 1_600, 3_000]);
});

test.run();
