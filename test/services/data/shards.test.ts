/** Shards: what is written comes back, byte for byte the same each time, and other readers understand it. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readShard, writeShard, type ShardSample } from '../../../services/data/shards.ts';
import { failureOf, testPng } from '../../support/samples.ts';

async function* shardOf(count: number, endWith?: Error): AsyncGenerator<ShardSample> {
  for (let index = 0; index < count; index++) {
    const digest = `sha256:${'0'.repeat(64)}`;
    const record = { id: `ä.${index}`, label: 'ada', source: 'auth', digest, split: 'train' as const, tags: [] };
    yield { key: String(index).padStart(8, '0'), record, png: await testPng(`shard-${index}`) };
  }
  if (endWith) throw endWith;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('shard: samples come back in order as they were written', () =>
  inFolder(async (folder) => {
    await writeShard(join(folder, 'a.tar'), shardOf(30));
    assert.equal(await collect(readShard(join(folder, 'a.tar'), 'a')), await collect(shardOf(30)));
  }));

test('shard: the same samples give the same bytes, whose digest and size are told', () =>
  inFolder(async (folder) => {
    const first = await writeShard(join(folder, 'a.tar'), shardOf(5));
    assert.equal(await writeShard(join(folder, 'b.tar'), shardOf(5)), first);
    const bytes = await readFile(join(folder, 'a.tar'));
    assert.is(bytes.length, first.bytes);
    assert.ok(bytes.equals(await readFile(join(folder, 'b.tar'))));
  }));

test('shard: the tar command lists pairs of .png and .json', () =>
  inFolder(async (folder) => {
    await writeShard(join(folder, 'a.tar'), shardOf(2));
    const listed = execFileSync('tar', ['-tf', join(folder, 'a.tar')], { encoding: 'utf8' });
    assert.equal(listed.trim().split('\n'), ['00000000.png', '00000000.json', '00000001.png', '00000001.json']);
  }));

test('shard: a failure of the samples is the failure of the writing', () =>
  inFolder(async (folder) => {
    const writing = writeShard(join(folder, 'a.tar'), shardOf(2, new Error('the spool is gone')));
    assert.is(await writing.catch((error: Error) => error.message), 'the spool is gone');
  }));

test('shard: a file that ends too early is BLOB_CORRUPT and named', () =>
  inFolder(async (folder) => {
    await writeShard(join(folder, 'a.tar'), shardOf(5));
    await writeFile(join(folder, 'b.tar'), (await readFile(join(folder, 'a.tar'))).subarray(0, 1500));
    const failure = await failureOf(collect(readShard(join(folder, 'b.tar'), 'DATASETS/shards/b.tar')));
    assert.is(failure.code, 'BLOB_CORRUPT');
    assert.match(failure.message, /DATASETS\/shards\/b\.tar/);
  }));

test('shard: other files in a tar are BLOB_CORRUPT', () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, 'notes.txt'), 'x');
    execFileSync('tar', ['-cf', join(folder, 'a.tar'), '-C', folder, 'notes.txt']);
    assert.match((await failureOf(collect(readShard(join(folder, 'a.tar'), 'a')))).message, /notes\.txt/);
  }));

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-shards-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test.run();
