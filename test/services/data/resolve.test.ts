/** Which samples stay, what they are for and where they lie, over records alone; and the rules over random nights. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  planShards,
  resolveSamples,
  SHARD_SAMPLES_MAX,
  type ResolvedSample,
  type ResolvedSamples,
  type ResolveOptions,
} from '../../../services/data/resolve.ts';
import type { SplitConfig } from '../../../contracts/configuration/data.ts';
import type { Intake, StoredSample } from '../../../services/data/intake.ts';
import { NOTHING_LEARNED } from '../../../services/data/learned.ts';
import { createRandom } from '../../../services/training/random.ts';

const ONE_TRAINS: ResolveOptions = {
  split: { strategy: 'first-n', train: 1 },
  holdOut: { share: 0, min: 0 },
  learned: NOTHING_LEARNED,
};

const sample = (number: number, source = 0, bytes = 4000): ResolvedSample => ({
  ...{
    id: `${source}/${number}`,
    label: 'ada',
    digest: digest(number),
    tags: [],
    grey: 0,
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

const stored = (id: string, label: string, number: number): StoredSample => ({
  ...{ id, label, digest: digest(number), tags: [], grey: 0, offset: 0, bytes: 9 },
});
const intake = (name: string, records: StoredSample[]): Intake => ({
  ...{ name, type: 'list', spoolPath: '', records },
  ...{ passedOver: {}, announced: null },
});

test('resolveSamples: of three claims to the same bytes the first stays, and each other one is judged against it', () => {
  const people = [
    intake('auth', [stored('a', 'ada', 1), stored('b', 'ben', 2)]),
    intake('helper', [stored('c', 'ben', 1), stored('d', 'ada', 1)]),
  ];
  const { samples, quarantined, counts, sources } = resolveSamples({ people, strangers: [] }, ONE_TRAINS);
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
  assert.equal(sources[1], { name: 'helper', type: 'list', samples: 0, quarantined: 2, people: 0 });
});

test('resolveSamples: strangers have labels and a split of their own, and are not learned', () => {
  const people = [intake('auth', [stored('a', 'ada', 1), stored('b', 'ben', 2)])];
  const records = [stored('a', 'mallory', 3), stored('b', 'eve', 4), stored('c', 'ada', 5)];
  const resolved = resolveSamples({ people, strangers: [intake('street', records)] }, ONE_TRAINS);
  assert.equal([resolved.labels, resolved.heldOut, resolved.strangers], [['ada', 'ben'], [], ['eve', 'mallory']]);
  assert.equal(resolved.counts, { train: 2, validation: 0, probe: 0, 'held-out': 0, stranger: 2, total: 4 });
  assert.equal(
    resolved.samples.map(({ source, split }) => [source, split]),
    [
      [0, 'train'],
      [0, 'train'],
      [1, 'stranger'],
      [1, 'stranger'],
    ],
  );
  assert.equal(resolved.sources[1], { name: 'street', type: 'list', samples: 2, quarantined: 1, people: 2, grey: 0 });
  assert.equal([...resolved.learned.people, ...resolved.learned.images], ['ada', 'ben', digest(1), digest(2)]);
});

test('resolveSamples: what was learned and picked before is kept while it is absent', () => {
  const learned = { people: new Set(['gone']), images: new Set([digest(8)]), picks: new Set([digest(9), digest(1)]) };
  const people = [intake('auth', [stored('a', 'ada', 1), stored('b', 'ben', 2)])];
  const resolved = resolveSamples({ people, strangers: [] }, { ...ONE_TRAINS, learned });
  assert.equal(resolved.learned, {
    people: new Set(['gone', 'ada', 'ben']),
    images: new Set([digest(8), digest(1), digest(2)]),
    picks: new Set([digest(9)]),
  });
});

test('resolveSamples: strangers do not make a set of one person large enough', () => {
  const people = [intake('auth', [stored('a', 'ada', 1)])];
  const strangers = [intake('street', [stored('b', 'eve', 2), stored('c', 'mallory', 3)])];
  assert.throws(() => resolveSamples({ people, strangers }, ONE_TRAINS), /1 usable samples of 1 people/);
});

test('resolveSamples: over random nights nothing learned is a probe, and nobody learned is held out', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const week = createNights(seed);
    for (let night = 0; night < 12; night++) checkNight(week.next(), `seed ${seed}, night ${night}`);
  }
});

interface Night {
  readonly options: ResolveOptions;
  readonly resolved: ResolvedSamples;
  /** What the champion's line of nets was trained on, counted here and not by what is tested. */
  readonly trueImages: ReadonlySet<string>;
  readonly truePeople: ReadonlySet<string>;
  readonly again: () => ResolvedSamples;
  readonly tomorrow: () => ResolvedSamples;
}

/** People and images come, go and are renamed; shares and strategy change; some candidates are deployed and some are not. */
function createNights(seed: number): { next(): Night } {
  const random = createRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  const oneOf = <T>(...all: T[]): T => all[below(all.length)]!;
  const album: { label: string; image: number }[] = [];
  const trueImages = new Set<string>();
  const truePeople = new Set<string>();
  let learned = NOTHING_LEARNED;
  let images = 0;
  let names = 0;
  const grow = () => {
    for (let newcomers = names === 0 ? 12 : below(5); newcomers > 0; newcomers--) {
      const label = `person ${names++} of ${seed}`;
      for (let shot = oneOf(1, 2, 3, 4, 10); shot > 0; shot--) album.push({ label, image: images++ });
    }
    for (const { label } of album.slice()) if (random() < 0.05) album.push({ label, image: images++ });
  };
  const shrink = () => {
    const gone = random() < 0.3 ? album[below(album.length)]!.label : null;
    const renamed = random() < 0.3 ? album[below(album.length)]!.label : null;
    for (let at = album.length - 1; at >= 0; at--) {
      const one = album[at]!;
      if (one.label === gone || random() < 0.04) album.splice(at, 1);
      else if (one.label === renamed) album[at] = { ...one, label: `${renamed}, renamed` };
    }
  };
  return {
    next() {
      grow();
      if (album.length > 40) shrink();
      const options: ResolveOptions = {
        split: oneOf<SplitConfig>(
          { strategy: 'content-hash', validation: oneOf(0, 0.1), probe: oneOf(0.05, 0.2, 0.5) },
          { strategy: 'content-hash', validation: 0.1, probe: 0.2 },
          { strategy: 'content-hash', validation: 0.5, probe: 0 },
          { strategy: 'first-n', train: oneOf(1, 3) },
        ),
        holdOut: { share: oneOf(0, 0.2, 0.5), min: oneOf(0, 10) },
        learned,
      };
      const hashed = (image: number) => createHash('sha256').update(`${seed} ${image}`).digest('hex');
      const records = album.map(({ label, image }) => ({
        ...stored(`${image}`, label, image),
        digest: `sha256:${hashed(image)}`,
      }));
      const resolve = (from = options) => resolveSamples({ people: [intake('auth', records)], strangers: [] }, from);
      const resolved = resolve();
      const night: Night = {
        options,
        resolved,
        trueImages: new Set(trueImages),
        truePeople: new Set(truePeople),
        again: resolve,
        tomorrow: () => resolve({ ...options, learned: resolved.learned }),
      };
      if (random() < 0.7) {
        learned = resolved.learned;
        for (const { label, digest: image } of resolved.samples.filter(isLearned)) {
          truePeople.add(label);
          trueImages.add(image);
        }
      }
      return night;
    },
  };
}

const isLearned = ({ split }: ResolvedSample) => split === 'train' || split === 'validation';

function checkNight({ options, resolved, trueImages, truePeople, again, tomorrow }: Night, when: string): void {
  const { samples, labels, heldOut, learned } = resolved;
  const splitOf = (one: ReadonlySet<string>) => samples.filter(({ split }) => one.has(split));
  assert.equal(
    splitOf(new Set(['probe', 'held-out'])).filter(({ digest: image }) => trueImages.has(image)),
    [],
    `${when}: learned images judge, or are of people held out`,
  );
  assert.equal(
    heldOut.filter((label) => truePeople.has(label)),
    [],
    `${when}: learned people are held out`,
  );
  assert.ok(labels.length - heldOut.length >= 2, `${when}: two people are learned`);
  const people = new Map<string, ResolvedSample[]>();
  for (const one of samples) people.set(one.label, [...(people.get(one.label) ?? []), one]);
  for (const [label, own] of people) checkPerson(own, heldOut.includes(label), options, `${when}, ${label}`);
  assert.ok(
    [...learned.picks].every((image) => !learned.images.has(image)),
    `${when}: a pick was learned`,
  );
  assert.equal(again(), resolved, `${when}: another resolution differs`);
  assert.equal(tomorrow().samples, samples, `${when}: the same data on the next night is split otherwise`);
}

function checkPerson(own: readonly ResolvedSample[], isHeldOut: boolean, options: ResolveOptions, who: string): void {
  const { split, learned } = options;
  const splits = own.map((one) => one.split);
  const allowed = isHeldOut ? ['held-out', 'probe'] : ['train', 'validation', 'probe'];
  assert.ok(
    splits.every((one) => allowed.includes(one)),
    `${who}: ${splits.join()}`,
  );
  assert.ok(splits.includes(isHeldOut ? 'held-out' : 'train'), `${who} trains, or is enrolled: ${splits.join()}`);
  if (split.strategy === 'first-n' || split.probe === 0) return;
  const free = own.filter((one) => !learned.images.has(one.digest));
  if (free.length > 0 && own.length >= (isHeldOut ? 2 : 3)) assert.ok(splits.includes('probe'), `${who} has a probe`);
  const isPick = ({ digest: image }: ResolvedSample) => learned.picks.has(image);
  if (!own.every(isPick))
    assert.ok(
      own.filter(isPick).every((one) => one.split === 'probe'),
      `${who}: a pick is lost`,
    );
}

test.run();
