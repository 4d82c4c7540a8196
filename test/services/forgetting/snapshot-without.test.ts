import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { join } from 'node:path';
import type { DatasetManifest, SampleRecord } from '../../../contracts/dataset.ts';
import { mentionsOf } from '../../../services/forgetting/name.ts';
import {
  digestsWithout,
  lookThrough,
  manifestWithout,
  nothingFound,
  shardWithout,
} from '../../../services/forgetting/snapshot-without.ts';
import { readShard, writeShard } from '../../../services/data/shards.ts';
import { withFolder } from '../../support/folder.ts';
import { testPng } from '../../support/samples.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const blob = (letter: string) => ({
  bucket: 'DATASETS' as const,
  key: `x/${letter}`,
  digest: digest(letter),
  bytes: 1,
});
const isAda = (name: string) => name === 'Ada';

async function* samples(labels: readonly string[]) {
  for (const [index, label] of labels.entries()) {
    const record: SampleRecord = {
      ...{ id: `${label}/${index}`, label, source: 'doors', digest: digest(String(index)), split: 'train', tags: [] },
    };
    yield { key: String(index).padStart(8, '0'), record, png: await testPng(label + index) };
  }
}

test('snapshot-without: a shard is written anew without the person, and what is left of nobody is no shard', () =>
  withFolder(async (folder) => {
    const [from, to] = [join(folder, 'from.tar'), join(folder, 'to.tar')];
    await writeShard(from, samples(['Ada', 'Bob', 'Ada']));
    const found = nothingFound();
    const theirs = await lookThrough(from, 'shard', isAda, found);
    assert.equal([theirs.length, [...found.names], [...found.sources]], [2, ['Ada'], ['doors']]);
    assert.equal([found.pngs.size, found.pixels.size, [...found.digests]], [2, 2, [digest('0'), digest('2')]]);
    assert.is((await shardWithout({ from, to, what: 'shard' }, isAda))?.samples, 1);
    const left = [];
    for await (const { record } of readShard(to, 'shard')) left.push(record.label);
    assert.equal(left, ['Bob']);
    assert.is(await shardWithout({ from: to, to: from, what: 'shard' }, (name) => name === 'Bob'), null);
  }));

const manifest: DatasetManifest = {
  format: 'nightshift.dataset/1',
  image: { width: 12, height: 12, channels: 1 },
  faces: null,
  labels: ['Ada', 'Bob'],
  images: [2, 1],
  heldOut: ['Ada'],
  strangers: ['Ada'],
  counts: { train: 3, validation: 0, probe: 0, 'held-out': 0, stranger: 0, total: 3 },
  learned: { people: ['Ada', 'Bob'], images: blob('b'), looks: [blob('1'), blob('2')] },
  content: digest('c'),
  shards: [
    { blob: blob('d'), samples: 3 },
    { blob: blob('e'), samples: 1 },
  ],
  sources: [{ name: 'doors', type: 'directory', samples: 3, quarantined: 2 }],
  quarantined: [
    { source: 'doors', id: 'Ada/9', label: 'Ada', reason: 'blank', message: 'doors/Ada/9: even' },
    { source: 'doors', id: 'Bob/9', label: 'Bob', reason: 'duplicate', message: 'the same bytes as doors/Ada/0' },
    { source: 'doors', id: 'Bob/8', label: 'Bob', reason: 'blank', message: 'doors/Bob/8: even' },
  ],
  quarantinedTotal: 3,
};

test('snapshot-without: a manifest loses the person in every list, with counts that fit, and keeps its content digest', () => {
  const theirs = { mentions: mentionsOf(['Ada']), isPicture: () => false };
  const removed = [{ id: '', label: 'Ada', source: 'doors', digest: digest('0'), split: 'train' as const, tags: [] }];
  const shards = new Map([
    [digest('d'), { removed, now: { blob: blob('f'), samples: 2 } }],
    [digest('e'), { removed: [], now: null }],
  ]);
  const change = {
    isPerson: isAda,
    theirs,
    shards,
    lists: new Map([
      [digest('b'), blob('a')],
      [digest('2'), blob('3')],
    ]),
  };
  const next = manifestWithout(manifest, change);
  assert.equal([next.labels, next.heldOut, next.strangers, next.learned?.people], [['Bob'], [], [], ['Bob']]);
  assert.equal([manifest.images, next.images], [[2, 1], [1]]);
  assert.equal([next.counts.train, next.counts.total, next.sources[0]?.samples], [2, 2, 2]);
  assert.equal(next.shards, [{ blob: blob('f'), samples: 2 }]);
  assert.is(next.learned?.images.digest, digest('a'));
  assert.equal(next.learned?.looks, [blob('1'), blob('3')]);
  assert.is(next.content, manifest.content);
  assert.equal(
    next.quarantined.map(({ id }) => id),
    ['Bob/8'],
  );
  assert.not.ok(JSON.stringify(next).includes('Ada'));
  assert.is(manifestWithout(next, change), next, 'a second time changes nothing');
});

test('snapshot-without: a list of digests loses those of the person', () => {
  const [mine, hers] = [randomBytes(32), randomBytes(32)];
  const digests = new Set([`sha256:${hers.toString('hex')}`]);
  assert.equal(digestsWithout(Buffer.concat([mine, hers]), digests), mine);
  assert.is(digestsWithout(mine, digests), null);
});

test.run();
