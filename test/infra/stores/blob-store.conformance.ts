/**
 * The duties of every BlobStore. Run by test/infra/ for the NATS object store and by test/support/ for the folder that
 * stands in for it. `withStore` lends an empty store and cleans up behind it; the caller runs `test.run()`.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { PipelineError, type ErrorCode } from '../../../contracts/errors.ts';
import { BlobRefSchema, type BlobRef } from '../../../contracts/references.ts';

export type WithStore = (use: (store: BlobStore) => Promise<void>) => Promise<void>;

/** Spans several chunks of an object store (128 KiB each by default), and ends in the middle of one. */
const LARGE_BYTES = 1_000_003;

export function blobStoreConformance(name: string, withStore: WithStore): void {
  storing(name, withStore);
  refusing(name, withStore);
}

function storing(name: string, withStore: WithStore): void {
  const check = (what: string, run: (store: BlobStore) => Promise<void>) =>
    test(`${name}: ${what}`, () => withStore(run));

  check('bytes come back as they were put, under a reference with their digest', async (store) => {
    const bytes = Buffer.from('one sample');
    const ref = await store.put('DATASETS', 'manifests/a.json', bytes);
    assert.equal(ref, { bucket: 'DATASETS', key: 'manifests/a.json', digest: digestOf(bytes), bytes: bytes.length });
    BlobRefSchema.parse(ref);
    assert.ok((await store.get(ref)).equals(bytes));
  });

  check('a stream of many chunks is stored like its bytes', async (store) => {
    const bytes = patterned(LARGE_BYTES);
    const ref = await store.put('MODELS', 'large', () => Readable.from(slices(bytes)));
    assert.is(ref.digest, digestOf(bytes));
    assert.is(ref.bytes, LARGE_BYTES);
    assert.ok((await store.get(ref)).equals(bytes));
  });

  check('no bytes are an object too', async (store) => {
    const ref = await store.put('REPORTS', 'empty', new Uint8Array());
    assert.is(ref.bytes, 0);
    assert.is((await store.get(ref)).length, 0);
  });

  check('a download is the whole object and leaves nothing else', async (store) => {
    const bytes = patterned(LARGE_BYTES);
    const ref = await store.put('DATASETS', 'shards/one.tar', bytes);
    await inFolder(async (folder) => {
      await store.download(ref, join(folder, 'one.tar'));
      assert.ok((await readFile(join(folder, 'one.tar'))).equals(bytes));
      assert.equal(await readdir(folder), ['one.tar']);
    });
  });

  check('find answers the latest object under a key, or null', async (store) => {
    assert.is(await store.find('REPORTS', 'r'), null);
    await store.put('REPORTS', 'r', Buffer.from('first'));
    const second = await store.put('REPORTS', 'r', Buffer.from('second'));
    assert.equal(await store.find('REPORTS', 'r'), second);
    assert.is((await store.get(second)).toString(), 'second');
    assert.is(await store.find('MODELS', 'r'), null, 'buckets are separate');
  });

  check('putting the same bytes twice gives the same reference', async (store) => {
    const first = await store.put('DATASETS', 'k', Buffer.from('same'));
    assert.equal(await store.put('DATASETS', 'k', Buffer.from('same')), first);
  });
}

function refusing(name: string, withStore: WithStore): void {
  const check = (what: string, run: (store: BlobStore) => Promise<void>) =>
    test(`${name}: ${what}`, () => withStore(run));
  const absent: BlobRef = { bucket: 'MODELS', key: 'nowhere', digest: digestOf(Buffer.from('x')), bytes: 1 };

  check('an absent object is BLOB_MISSING, by get and by download, and leaves no file', async (store) => {
    await fails(store.get(absent), 'BLOB_MISSING', /nowhere/);
    await inFolder(async (folder) => {
      await fails(store.download(absent, join(folder, 'model')), 'BLOB_MISSING', /nowhere/);
      assert.equal(await readdir(folder), []);
    });
  });

  check('bytes that do not match the digest of the reference are BLOB_CORRUPT', async (store) => {
    const ref = await store.put('MODELS', 'm', Buffer.from('the bytes that were meant'));
    await store.put('MODELS', 'm', Buffer.from('other bytes'));
    await fails(store.get(ref), 'BLOB_CORRUPT', /\bm\b/);
    await inFolder(async (folder) => {
      await fails(store.download(ref, join(folder, 'model')), 'BLOB_CORRUPT', /\bm\b/);
      assert.not(existsSync(join(folder, 'model')));
    });
  });

  check('a stream that fails half-way stores nothing', async (store) => {
    const failing = () => Readable.from(failingHalfWay());
    await store.put('DATASETS', 'half', failing).then(
      () => assert.unreachable('the put must fail'),
      (error: Error) => assert.match(error.message, /the source broke/),
    );
    assert.is(await store.find('DATASETS', 'half'), null);
  });

  check('a removed object is gone, and removing it again is no error', async (store) => {
    const ref = await store.put('DATASETS', 'gone', Buffer.from('soon'));
    await store.remove('DATASETS', 'gone');
    await store.remove('DATASETS', 'gone');
    assert.is(await store.find('DATASETS', 'gone'), null);
    await fails(store.get(ref), 'BLOB_MISSING', /gone/);
  });
}

async function fails(work: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.instance(error, PipelineError, `expected ${code}, got ${String(error)}`);
  assert.is((error as PipelineError).code, code);
  assert.match((error as PipelineError).message, message);
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-blobs-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const patterned = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 8)));

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

function* failingHalfWay(): Generator<Buffer> {
  yield patterned(300_000);
  throw new Error('the source broke');
}
