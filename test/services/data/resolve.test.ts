/** Which samples stay and where they lie, over records alone: shards are bounded, and hold samples of one source. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { planShards, resolveSamples, SHARD_SAMPLES_MAX, type ResolvedSample } from '../../../services/data/resolve.ts';
import type { Intake } from '../../../services/data/intake.ts';
import { createSplitRule } from '../../../services/data/split.ts';

const rule = createSplitRule({ strategy: 'first-n', train: 1 });

const sample = (number: number, source = 0, bytes = 4000): ResolvedSample => ({
  ...{
    id: `${source}/${number}`,
    label: 'ada',
    digest: digest(number),
    tags: [],
    offset: 0,
    bytes,
    source,
    split: 'train',
  },
});
const digest = (number: number) => `sha256:${number.toString(16).padStart(64, '0')}`;

test('shards: no more samples in one than allowed, in order, none lost', () => {
  const samples = Array.from({ length: 2 * SHARD_SAMPLES_MAX + 5 }, (_, number) => sample(number));
  const shards = planShards(samples);
  assert.equal(
    shards.map(({ length }) => length),
    [SHARD_SAMPLES_MAX, SHARD_SAMPLES_MAX, 5],
  );
  assert.equal(shards.flat(), samples);
});

test('shards: large pictures make shards of fewer samples', () => {
  const shards = planShards(Array.from({ length: 300 }, (_, number) => sample(number, 0, 3_000_000)));
  assert.ok(shards.length > 1);
  assert.ok(shards.every((shard) => shard.reduce((sum, { bytes }) => sum + bytes, 0) <= 256 * 1024 * 1024));
});

test('shards: a shard holds samples of one source', () => {
  const shards = planShards([sample(1, 0), sample(2, 0), sample(3, 1)]);
  assert.equal(
    shards.map((shard) => shard.map(({ source }) => source)),
    [[0, 0], [1]],
  );
});

test('resolveSamples: of three claims to the same bytes the first stays, and each other one is judged against it', () => {
  const stored = (id: string, label: string, number: number) => ({
    id,
    label,
    digest: digest(number),
    tags: [],
    offset: 0,
    bytes: 9,
  });
  const intakes: Intake[] = [
    { name: 'auth', type: 'list', spoolPath: '', records: [stored('a', 'ada', 1), stored('b', 'ben', 2)] },
    { name: 'helper', type: 'list', spoolPath: '', records: [stored('c', 'ben', 1), stored('d', 'ada', 1)] },
  ];
  const { samples, quarantined, counts, sources } = resolveSamples(intakes, rule);
  assert.equal(
    samples.map(({ id, split }) => [id, split]),
    [
      ['a', 'train'],
      ['b', 'train'],
    ],
  );
  assert.equal(
    quarantined.map(({ id, reason }) => [id, reason]),
    [
      ['c', 'contradictory-label'],
      ['d', 'duplicate'],
    ],
  );
  assert.equal(counts, { train: 2, validation: 0, probe: 0, 'held-out': 0, stranger: 0, total: 2 });
  assert.equal(sources[1], { name: 'helper', type: 'list', samples: 0, quarantined: 2 });
});

test.run();
