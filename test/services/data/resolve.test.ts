/** Which samples stay, what they are for and where they lie, over records alone; and the rules over random nights. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  resolveSamples,
  type ResolvedSample,
  type ResolvedSamples,
  type ResolveOptions,
} from '../../../services/data/resolve.ts';
import type { SplitConfig } from '../../../contracts/configuration/data.ts';
import type { Intake, StoredSample } from '../../../services/data/intake.ts';
import { looksWith } from '../../../services/data/learned-looks.ts';
import { NOTHING_LEARNED } from '../../../services/data/learned.ts';
import { failureOf } from '../../support/samples.ts';
import { copyOf, lookOfKey } from '../../support/looks.ts';
import { createRandom } from '../../../services/training/random.ts';

const ONE_TRAINS: ResolveOptions = {
  split: { strategy: 'first-n', train: 1 },
  holdOut: { share: 0, min: 0 },
  learned: NOTHING_LEARNED,
};

const digest = (number: number) => `sha256:${number.toString(16).padStart(4, '0').padEnd(64, '0')}`;

const stored = (id: string, label: string, number: number): StoredSample => ({
  ...{ id, label, digest: digest(number), look: lookOfKey(number), file: digest(number) },
  ...{ tags: [], grey: 0, offset: 0, bytes: 9 },
});
const intake = (name: string, records: StoredSample[]): Intake => ({
  ...{ name, type: 'list', spoolPath: '', records },
  ...{ passedOver: {}, announced: null },
});

test('resolveSamples: the same pixels under two names are nobody\u2019s, and of one name the first in order stays', async () => {
  const people = [
    intake('auth', [stored('a', 'ada', 1), stored('b', 'ben', 2), stored('e', 'cleo', 3)]),
    intake('helper', [stored('c', 'ben', 1), stored('d', 'ada', 1), stored('f', 'cleo', 3)]),
  ];
  const { samples, quarantined, counts, sources, conflicts } = await resolveSamples(
    { people, strangers: [] },
    ONE_TRAINS,
  );
  assert.equal(
    samples.map(({ id, split }) => [id, split]),
    [
      ['b', 'train'],
      ['e', 'train'],
    ],
  );
  assert.equal(
    quarantined.map(({ id, reason }) => [id, reason]),
    [
      ['a', 'contradictory-label'],
      ['c', 'contradictory-label'],
      ['d', 'contradictory-label'],
      ['f', 'duplicate'],
    ],
  );
  assert.equal(conflicts, [{ names: ['ada', 'ben'], keptFor: null }]);
  assert.equal(counts, { train: 2, validation: 0, probe: 0, 'held-out': 0, stranger: 0, total: 2 });
  assert.equal(sources[1], { name: 'helper', type: 'list', samples: 0, quarantined: 3, people: 0 });
});

test('resolveSamples: strangers have labels and a split of their own, and are not learned', async () => {
  const people = [intake('auth', [stored('a', 'ada', 1), stored('b', 'ben', 2)])];
  const records = [stored('a', 'mallory', 3), stored('b', 'eve', 4), stored('c', 'ada', 5)];
  const resolved = await resolveSamples({ people, strangers: [intake('street', records)] }, ONE_TRAINS);
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

test('resolveSamples: what was learned and picked before is kept while it is absent', async () => {
  const learned = {
    people: new Set(['gone']),
    images: new Set([digest(8)]),
    picks: new Set([digest(9), digest(1)]),
    looks: [],
  };
  const people = [intake('auth', [stored('a', 'ada', 1), stored('b', 'ben', 2)])];
  const resolved = await resolveSamples({ people, strangers: [] }, { ...ONE_TRAINS, learned });
  assert.equal(resolved.learned, {
    people: new Set(['gone', 'ada', 'ben']),
    images: new Set([digest(8), digest(1), digest(2)]),
    picks: new Set([digest(9)]),
    looks: looksWith([], [stored('a', 'ada', 1), stored('b', 'ben', 2)]),
  });
});

/** Photographs saved three times, each time as a near copy. */
const thrice = (label: string, numbers: readonly number[], source: string) =>
  numbers.flatMap((number) =>
    [0, 9, 14].map((signs, at) => ({
      ...stored(`${source}${label}${number}.${at}`, label, number * 10 + at),
      digest: hashed(`${label} ${number} ${at}`),
      look: copyOf(lookOfKey(`${label} ${number}`), signs),
    })),
  );
const hashed = (key: string) => `sha256:${createHash('sha256').update(key).digest('hex')}`;

test('resolveSamples: of pictures that are saved three times all copies are on one side, also on later nights', async () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];
  const names = ['ada', 'ben', 'cleo', 'dan'];
  const all = names.flatMap((name) => thrice(name, numbers, 's'));
  for (const split of [
    { strategy: 'content-hash', validation: 0.1, probe: 0.3 },
    { strategy: 'first-n', train: 4 },
  ] as const) {
    const options = { ...ONE_TRAINS, split };
    const first = await resolveSamples({ people: [intake('auth', all)], strangers: [] }, options);
    for (const name of names) {
      for (const number of numbers) {
        const own = first.samples.filter(({ id }) => id.startsWith(`s${name}${number}.`));
        assert.equal([own.length, new Set(own.map((one) => one.split)).size], [3, 1], `${name} ${number}`);
      }
    }
    assert.ok(first.counts.probe >= 4 && first.counts.train >= 4, JSON.stringify(first.counts));
    // The pictures of the first night are gone; new copies of them came, and pictures that nobody has seen.
    const trained = first.samples.filter(isLearned);
    const again = trained.map((one) => ({ ...one, digest: hashed(`again ${one.digest}`), look: copyOf(one.look, 12) }));
    const fresh = names.flatMap((name) => thrice(name, [11, 12, 13, 14, 15], 'f'));
    const night = { people: [intake('auth', [...again, ...fresh])], strangers: [] };
    const second = await resolveSamples(night, { ...options, learned: first.learned });
    const copies = new Set(again.map(({ digest: own }) => own));
    const judging = second.samples.filter((one) => one.split === 'probe');
    assert.ok(judging.length > 0);
    assert.not(
      judging.some((one) => copies.has(one.digest)),
      'a copy of a learned picture judges',
    );
  }
});

test('resolveSamples: whatever the order of sources and samples, the outcome is the same', async () => {
  const random = createRandom(7);
  const shuffled = <T>(all: readonly T[]): T[] =>
    all
      .map((one) => ({ one, at: random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => one);
  const records = [
    ...['ada', 'ben', 'cleo'].flatMap((name) => thrice(name, [1, 2, 3, 4], 's')),
    ...thrice('ada', [5], 'x').map((one) => ({ ...one, id: `${one.id} of dan`, label: 'dan' })),
    ...thrice('ada', [5], 'y'),
    ...thrice('ben', [1], 'again'),
  ];
  const strange = [
    ...thrice('eve', [1, 2], 'e'),
    ...thrice('eve', [1], 'm').map((one) => ({ ...one, label: 'mallory' })),
  ];
  const outcomes = new Set<string>();
  for (let turn = 0; turn < 20; turn++) {
    const sources = shuffled([
      intake('auth', shuffled(records.filter((_, at) => at % 2 === 0))),
      intake('helper', shuffled(records.filter((_, at) => at % 2 === 1))),
    ]);
    const night = { people: sources, strangers: [intake('street', shuffled(strange))] };
    const split = { strategy: 'content-hash', validation: 0.1, probe: 0.2 } as const;
    const { samples, quarantined, conflicts } = await resolveSamples(night, { ...ONE_TRAINS, split });
    const names = [...sources, ...night.strangers].map(({ name }) => name);
    outcomes.add(
      JSON.stringify([
        samples.map((one) => `${names[one.source]} ${one.id} ${one.label} ${one.split} ${one.group}`).sort(),
        quarantined.map((one) => `${one.source} ${one.id} ${one.reason} ${one.message}`).sort(),
        conflicts.map((one) => JSON.stringify(one)).sort(),
      ]),
    );
  }
  assert.is(outcomes.size, 1);
});

test('resolveSamples: strangers do not make a set of one person large enough', async () => {
  const people = [intake('auth', [stored('a', 'ada', 1)])];
  const strangers = [intake('street', [stored('b', 'eve', 2), stored('c', 'mallory', 3)])];
  const failure = await failureOf(resolveSamples({ people, strangers }, ONE_TRAINS));
  assert.match(failure.message, /1 usable samples of 1 people/);
});

test('resolveSamples: over random nights nothing learned is a probe, and nobody learned is held out', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const week = createNights(seed);
    for (let night = 0; night < 12; night++) await checkNight(await week.next(), `seed ${seed}, night ${night}`);
  }
});

interface Night {
  readonly options: ResolveOptions;
  readonly resolved: ResolvedSamples;
  /** What the champion's line of nets was trained on, counted here and not by what is tested. */
  readonly trueImages: ReadonlySet<string>;
  readonly truePeople: ReadonlySet<string>;
  readonly again: () => Promise<ResolvedSamples>;
  readonly tomorrow: () => Promise<ResolvedSamples>;
}

/** People and images come, go and are renamed; shares and strategy change; some candidates are deployed and some are not. */
function createNights(seed: number): { next(): Promise<Night> } {
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
    async next() {
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
      const resolved = await resolve();
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

async function checkNight(
  { options, resolved, trueImages, truePeople, again, tomorrow }: Night,
  when: string,
): Promise<void> {
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
  assert.equal(await again(), resolved, `${when}: another resolution differs`);
  assert.equal((await tomorrow()).samples, samples, `${when}: the same data on the next night is split otherwise`);
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
