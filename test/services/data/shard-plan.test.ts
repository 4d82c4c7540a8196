/** Shards are bounded, and a sample more or less moves no boundary but its own. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ResolvedSample } from '../../../services/data/resolve.ts';
import { planShards, SHARD_SAMPLES_MAX, SHARD_SAMPLES_MIN } from '../../../services/data/shard-plan.ts';
import { lookOfKey } from '../../support/looks.ts';

const sample = (number: number, more: Partial<ResolvedSample> = {}): ResolvedSample => ({
  ...{ id: String(number), label: 'ada', digest: digestOf(number), tags: [], grey: 0, offset: 0, bytes: 4000 },
  ...{ source: 0, split: 'train', look: lookOfKey(number), file: digestOf(number), group: digestOf(number) },
  ...more,
});
const digestOf = (number: number) => `sha256:${createHash('sha256').update(String(number)).digest('hex')}`;
const samples = (count: number, more: Partial<ResolvedSample> = {}) =>
  Array.from({ length: count }, (_, number) => sample(number, more));

test('shards: no more samples in one than allowed, none too small but the last, in order, none lost', () => {
  const all = samples(20_000);
  const shards = planShards(all);
  assert.equal(shards.flat(), all);
  assert.ok(shards.every(({ length }) => length <= SHARD_SAMPLES_MAX));
  assert.ok(shards.slice(0, -1).every(({ length }) => length >= SHARD_SAMPLES_MIN));
  assert.ok(shards.length > 150 && shards.length < 280, `${shards.length} shards`);
});

test('shards: without a digest that cuts, a shard ends when it is full', () => {
  const digest = `sha256:${'1'.repeat(64)}`;
  const shards = planShards(samples(2 * SHARD_SAMPLES_MAX + 5, { digest }));
  assert.equal(
    shards.map(({ length }) => length),
    [SHARD_SAMPLES_MAX, SHARD_SAMPLES_MAX, 5],
  );
});

test('shards: large pictures make shards of fewer samples', () => {
  const shards = planShards(samples(300, { bytes: 3_000_000, digest: `sha256:${'1'.repeat(64)}` }));
  assert.ok(shards.length > 1);
  assert.ok(shards.every((shard) => shard.reduce((sum, { bytes }) => sum + bytes, 0) <= 256 * 1024 * 1024));
});

test('shards: a shard holds samples of one source', () => {
  const shards = planShards([sample(1), sample(2), sample(3, { source: 1 })]);
  assert.equal(
    shards.map((shard) => shard.map(({ source }) => source)),
    [[0, 0], [1]],
  );
});

test('shards: a sample that is put in, or taken out, changes the shard where it lies and few beside it', () => {
  const before = samples(10_000);
  const names = (list: readonly ResolvedSample[]) => planShards(list).map((shard) => shard.map(({ id }) => id).join());
  const known = new Set(names(before));
  for (const after of [before.toSpliced(5_000, 0, sample(-1)), before.toSpliced(5_000, 1)]) {
    const others = names(after).filter((name) => !known.has(name));
    assert.ok(others.length >= 1 && others.length <= 3, `${others.length} of ${known.size} changed`);
  }
});

test.run();
