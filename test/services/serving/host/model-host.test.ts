import { getPriority } from 'node:os';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import type { HostProcess } from '../../../../services/serving/host/host-process.ts';
import { canRestore } from '../../../../runtime/priority.ts';
import { createModelHost } from '../../../../services/serving/host/model-host.ts';
import type { ModelHost, ModelHostOptions } from '../../../../services/serving/strategy.ts';
import { isAlive, seeProcesses } from '../../../support/host-processes.ts';
import { TINY_DIMENSIONS, TINY_IMAGE, tinyImages, tinyModel } from '../../../support/tiny-model.ts';
import { until } from '../../../support/wait.ts';

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

test('model host: what prepares it runs at another priority than what serves, unless nothing else can answer', async () => {
  const nicenessWhile = async (isUrgent: boolean) => {
    const processes = seeProcesses();
    const niceness = () => getPriority(processes.taken[0]!.pid);
    let preparing: number | undefined;
    const prepare = async (host: ModelHost) => {
      await host.embed({ pixels: tinyImages(1, 3), count: 1 });
      preparing = niceness();
    };
    const host = await createModelHost({ model: tinyModel(), ...OPTIONS, prepare, isUrgent }, processes);
    const serving = niceness();
    await Promise.all([host.close(), processes.close()]);
    return { preparing, serving };
  };
  // Without the right to raise a priority nothing is lowered, and what the hosts have is ours.
  const serving = getPriority();
  const lowest = canRestore ? 19 : serving;
  assert.equal(await nicenessWhile(false), { preparing: lowest, serving });
  assert.equal(await nicenessWhile(true), { preparing: serving, serving });
});

test('model host: a preparation that fails ends it, and its failure comes through', async () => {
  const processes = seeProcesses();
  const prepare = () => Promise.reject(new PipelineError('MODEL_MISMATCH', 'not what was expected'));
  assert.is(
    (await failureOf(createModelHost({ model: tinyModel(), ...OPTIONS, prepare }, processes))).code,
    'MODEL_MISMATCH',
  );
  await processes.close();
  for (const { pid } of processes.started) assert.not(isAlive(pid));
});

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

test('model host: a request whose deadline has passed is refused', () =>
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

/** A host whose processes a test may kill; what it reports is collected. */
async function withSeenHost(
  use: (
    host: ModelHost,
    processes: ReturnType<typeof seeProcesses>,
    reports: { replaced: string[]; retried: number },
  ) => Promise<void>,
  changes: Partial<ModelHostOptions> = {},
  processes = seeProcesses(),
): Promise<void> {
  const reports = { replaced: [] as string[], retried: 0 };
  const onReplaced = ({ message }: Error) => void reports.replaced.push(message);
  const onRetried = (images: number) => void (reports.retried += images);
  const host = await createModelHost({ model: tinyModel(), ...OPTIONS, onReplaced, onRetried, ...changes }, processes);
  try {
    await use(host, processes, reports);
  } finally {
    await host.close();
    await processes.close();
  }
  // A process that was lost is killed without waiting for its end, so that the requests need not wait either.
  await until(() => !processes.started.some(({ pid }) => isAlive(pid)), 'no process is left behind');
}

/** The model's embedding of one image, to compare with. */
const embedOne = (host: ModelHost) => host.embed({ pixels: tinyImages(1, 1), count: 1 });

test('model host: a process that dies with requests is replaced by the spare, and they are answered by that', () =>
  withSeenHost(async (host, processes, reports) => {
    const before = await embedOne(host);
    // It is stopped first, so that it cannot answer before it dies.
    process.kill(processes.taken[0]!.pid, 'SIGSTOP');
    const answers = Array.from({ length: 3 }, () => embedOne(host));
    process.kill(processes.taken[0]!.pid, 'SIGKILL');
    for (const answer of await Promise.all(answers)) assert.equal(answer, before);
    assert.is(processes.taken[1], processes.started[1], 'the spare that was there');
    assert.is(reports.replaced.length, 1);
    assert.match(reports.replaced[0]!, /its process ended with SIGKILL/);
    assert.is(reports.retried, 1, 'the one that ran; the others had only waited');
  }));

test('model host: a process that hangs is noticed by the time it takes, killed and replaced', () =>
  withSeenHost(
    async (host, processes, reports) => {
      const before = await embedOne(host);
      process.kill(processes.taken[0]!.pid, 'SIGSTOP');
      assert.equal(await embedOne(host), before);
      assert.match(reports.replaced[0]!, /has not answered for \d+ ms/);
      await processes.taken[0]!.ended;
      assert.not(isAlive(processes.taken[0]!.pid));
    },
    { hangMinMs: 200 },
  ));

test('model host: a process that dies while it has nothing to do is replaced before the next request', () =>
  withSeenHost(async (host, processes, reports) => {
    process.kill(processes.taken[0]!.pid, 'SIGKILL');
    await until(() => reports.replaced.length === 1 && processes.taken.length === 2, 'it is replaced');
    assert.is((await embedOne(host)).length, TINY_DIMENSIONS);
    assert.is(reports.retried, 0);
  }));

test('model host: requests that lose two processes are refused, and the host serves on', () => {
  const stopped = (host: HostProcess): HostProcess => ({
    ...host,
    load: async (message) => {
      const dimensions = await host.load(message);
      process.kill(host.pid, 'SIGSTOP');
      return dimensions;
    },
  });
  const processes = seeProcesses((host, index) => (index === 1 ? stopped(host) : host));
  return withSeenHost(
    async (host, _seen, reports) => {
      const before = await embedOne(host);
      process.kill(processes.taken[0]!.pid, 'SIGSTOP');
      const failure = await failureOf(embedOne(host));
      assert.is(failure.code, 'HOST_FAILED');
      assert.ok(failure.retryable);
      assert.match(failure.message, /the second for these images/);
      assert.equal(await embedOne(host), before);
      assert.is(reports.retried, 1, 'never a third time');
      assert.is(reports.replaced.length, 2);
    },
    { hangMinMs: 200 },
    processes,
  );
});

test('model host: when no process starts any more, everybody is told', () => {
  const dead = (host: HostProcess) => {
    void host.kill();
    return host;
  };
  const processes = seeProcesses((host, index) => (index === 0 ? host : dead(host)));
  return withSeenHost(
    async (host) => {
      process.kill(processes.taken[0]!.pid, 'SIGKILL');
      const failure = await host.failed;
      assert.is(failure.code, 'HOST_FAILED');
      assert.match(failure.message, /could not be replaced/);
      assert.is((await failureOf(embedOne(host))).code, 'HOST_FAILED');
    },
    {},
    processes,
  );
});

test('model host: a spare that died is not taken', async () => {
  const spares = seeProcesses();
  await (await until(() => spares.started[0], 'the spare is there')).kill();
  const host = await createModelHost({ model: tinyModel(), ...OPTIONS }, spares);
  assert.is((await embedOne(host)).length, TINY_DIMENSIONS);
  await host.close();
  await spares.close();
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
