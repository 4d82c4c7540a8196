/** A whole training on a set on disk: the same model as from memory, and every ending leaves nothing running. */
import { readdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createOnnxGraphStrategy } from '../../../services/training/onnx-graph.ts';
import { loadSplits } from '../../support/load-splits.ts';
import { cancelled, failureOf } from '../../support/samples.ts';
import { withSpooled } from '../../support/spooled.ts';
import { until } from '../../support/wait.ts';
import { quietContext, timeless, toyJob } from './toy.ts';

const { train: run } = createOnnxGraphStrategy();
const CONFIG = { epochs: 2, batchSize: 4 } as const;
const never = new AbortController().signal;
const threads = () => readdirSync('/proc/self/task').length;

test('training: from disk it gives the very model and curve that it gives from memory', () =>
  withSpooled(async ({ manifest, train, probe, blobs }) => {
    const spooled = await run(toyJob(CONFIG, { train, validation: probe }), quietContext());
    const memory = {
      train: await loadSplits(manifest, ['train'], blobs, never),
      validation: await loadSplits(manifest, ['probe'], blobs, never),
    };
    const expected = await run(toyJob(CONFIG, memory), quietContext());
    assert.ok(Buffer.from(spooled.model).equals(expected.model));
    assert.equal(spooled.curve.map(timeless), expected.curve.map(timeless));
  }));

test('training: after a cancellation, or an image that cannot be decoded, no thread is left', () =>
  withSpooled(async ({ train }) => {
    const before = threads();
    const abort = new AbortController();
    const context = quietContext({ signal: abort.signal, progress: () => abort.abort(cancelled()) });
    const job = toyJob({ ...CONFIG, epochs: 10_000 }, { train, validation: null });
    assert.is((await failureOf(run(job, context))).code, 'CANCELLED');
    await until(() => threads() <= before, `${before} threads again`);
    const bytes = await readFile(train.spoolPath);
    bytes.fill(0, train.positions[4], train.positions[5]);
    await writeFile(train.spoolPath, bytes);
    train.decoded.fill(0);
    const failure = await failureOf(run(job, quietContext()));
    assert.is(failure.code, 'IMAGE_UNREADABLE');
    assert.match(failure.message, /auth\/ada\/3/);
    await until(() => threads() <= before, `${before} threads again`);
  }));

test.run();
