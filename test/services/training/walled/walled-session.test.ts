/** Models that hang, crash, hoard, refer to files or are none: each is refused with words, and this process goes on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FOREIGN_MODEL_LIMITS, ForeignModelSchema } from '../../../../contracts/configuration/training.ts';
import { checkReadable, ModelRefused, openWalled } from '../../../../services/training/walled/walled-session.ts';
import {
  crashingModel,
  crowdedFile,
  externalModel,
  floodingModel,
  hoardingModel,
  loopingModel,
  nestedFile,
} from '../../../support/hostile-models.ts';
import { busyWalled, isAlive, walledChildren } from '../../../support/processes.ts';
import { tinyModel, TINY_DIMENSIONS } from '../../../support/tiny-model.ts';
import { until } from '../../../support/wait.ts';

const MIB = 1024 ** 2;
const limits = ForeignModelSchema.parse({ memoryBytes: 512 * MIB, timeoutMs: 60_000 });
const images = () => ({ images: new Tensor('float32', new Float32Array(2 * 256).fill(7), [2, 1, 16, 16]) });

async function refused(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => assert.unreachable('it was expected to be refused') as never,
    (reason: unknown) => reason,
  );
  assert.instance(error, ModelRefused);
  assert.equal(walledChildren(), [], 'its process is still there');
  return (error as ModelRefused).message;
}

async function opensAndRuns(model: Uint8Array, options = { limits }) {
  const session = await openWalled(model, options);
  try {
    return await session.run(images(), ['embeddings']);
  } finally {
    await session.release();
  }
}

test('walled session: a good model gives what it gives elsewhere, and its process is gone afterwards', async () => {
  const session = await openWalled(tinyModel(), { limits, threads: 1 });
  assert.equal([session.inputMetadata[0]?.name, session.outputMetadata[0]?.name], ['images', 'embeddings']);
  const { embeddings } = await session.run(images(), ['embeddings']);
  assert.equal([embeddings!.type, embeddings!.dims], ['float32', [2, TINY_DIMENSIONS]]);
  assert.instance(embeddings!.data, Float32Array);
  await session.release();
  assert.equal(walledChildren(), []);
});

test('walled session: a model that loops for ever is ended when its time is up', async () => {
  const timeoutMs = 2000;
  assert.is(
    await refused(opensAndRuns(loopingModel(), { limits: { ...limits, timeoutMs } })),
    'it did not end within 2 s',
  );
});

test('walled session: a stop does not wait for the model', async () => {
  const abort = new AbortController();
  const session = await openWalled(loopingModel(), { limits, signal: abort.signal });
  const running = session.run(images(), ['embeddings']).catch((error: unknown) => error);
  const reason = new Error('cancelled');
  abort.abort(reason);
  assert.is(await running, reason);
  await session.release();
});

for (const when of ['loaded', 'run'] as const)
  test(`walled session: a model that wants gigabytes when it is ${when} does not get them`, async () => {
    const message = await refused(opensAndRuns(hoardingModel(2 ** 30, when)));
    assert.match(message, /allocate|at most 512 MiB|more than 512 MiB/);
  });

test('walled session: where memory cannot be limited it is watched', async () => {
  const path = process.env['PATH'];
  process.env['PATH'] = '/nowhere';
  try {
    const message = await refused(opensAndRuns(hoardingModel(2 ** 30, 'run')));
    assert.is(message, 'it took more than 512 MiB of memory');
  } finally {
    process.env['PATH'] = path;
  }
});

test('walled session: a model whose weights lie in a file is refused, wherever in it that stands', async () => {
  const message = await refused(opensAndRuns(externalModel('../../etc/passwd')));
  assert.is(message, 'its weights lie in another file, ../../etc/passwd');
});

test('walled session: a file that is cut off, one that is none, and an empty one are refused', async () => {
  const whole = tinyModel();
  await refused(opensAndRuns(whole.subarray(0, whole.length >> 1)));
  await refused(opensAndRuns(Buffer.from('PyTorch')));
  await refused(opensAndRuns(new Uint8Array()));
});

test('walled session: a file whose structure does not fit into memory ends no more than its own process', async () => {
  const small = { ...limits, memoryBytes: 256 * MIB };
  const message = await refused(checkReadable(crowdedFile(20_000_000), { limits: small }));
  assert.match(message, /it crashed the process that tried it.*at most 256 MiB|more than 256 MiB/);
});

test('walled session: graphs within graphs, thousands deep, are refused', async () => {
  assert.match(await refused(opensAndRuns(nestedFile(3000))), /stack|crashed|invalid/i);
});

test('walled session: more output than anybody wants stays behind the wall', async () => {
  assert.match(
    await refused(opensAndRuns(floodingModel(6 * MIB), { limits: FOREIGN_MODEL_LIMITS })),
    /its outputs have more than 268435456 bytes/,
  );
});

for (const when of ['loaded', 'run'] as const)
  test(`walled session: a model that crashes onnxruntime when it is ${when} takes only its own process down`, async () => {
    assert.match(await refused(opensAndRuns(crashingModel(when))), /^it crashed the process that tried it, .*SIGFPE/);
  });

test('walled session: after its process was killed a session refuses, and can be released', async () => {
  const session = await openWalled(loopingModel(), { limits });
  const running = refused(session.run(images(), ['embeddings']));
  process.kill(await until(() => busyWalled()[0], 'the model to loop'), 'SIGSEGV');
  assert.match(await running, /^it crashed the process that tried it, which ended with SIGSEGV; at most 512 MiB/);
  await refused(session.run(images(), ['embeddings']));
  await session.release();
});

test('walled session: its process sees no secret of ours', async () => {
  process.env['SECRET_OF_THE_TRAINER'] = 'sesame-2';
  const session = await openWalled(tinyModel(), { limits });
  const seen = readFileSync(`/proc/${walledChildren()[0]}/environ`, 'latin1')
    .split('\0')
    .map((entry) => entry.split('=')[0]);
  assert.not.ok(seen.includes('SECRET_OF_THE_TRAINER'));
  assert.ok(seen.includes('PATH'));
  await session.release();
});

test('walled session: killed with -9, its owner takes the process along, whatever that is doing', async () => {
  const owner = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'killed-owner.process.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  const walled = await until(() => busyWalled(owner.pid)[0], 'the model to loop');
  owner.kill('SIGKILL');
  await until(() => !isAlive(walled), 'its process to end', 5000);
});

test.run();
