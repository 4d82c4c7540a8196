/** Split rules: shares, stability from night to night, nobody without a training sample, few without a probe. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assignSplits, type Assigned, type Splittable, type SplitPlan } from '../../../services/data/split.ts';

const BY_HASH = { strategy: 'content-hash', validation: 0.1, probe: 0.2 } as const;
const NONE: ReadonlySet<string> = new Set();
const planOf = (plan: Partial<SplitPlan> = {}): SplitPlan => ({
  config: BY_HASH,
  heldOut: NONE,
  learned: NONE,
  picks: NONE,
  ...plan,
});
const alone = (label: string, digest: string): Splittable => ({ label, digest, group: digest });
const sample = (label: string, shot: number): Splittable =>
  alone(label, `sha256:${createHash('sha256').update(`${label}/${shot}`).digest('hex')}`);
/** An image of `ada` whose hash is the given share. */
const at = (share: number): Splittable => {
  const hex = Math.round(share * 2 ** 48).toString(16);
  return alone('ada', `sha256:${hex.padStart(12, '0')}${'0'.repeat(52)}`);
};
/** A near copy of an image of `ada`, with a higher hash. */
const copyOf = ({ label, group }: Splittable, share: number): Splittable => ({
  label,
  group,
  digest: at(share).digest,
});
const people = (count: number, shots: number) =>
  Array.from({ length: count * shots }, (_, index) => sample(`p${Math.floor(index / shots)}`, index % shots));
const splitsOf = (samples: readonly Splittable[], plan: Partial<SplitPlan> = {}) =>
  assignSplits(samples, planOf(plan)).splits;
const digestsOf = (samples: readonly Splittable[]) => new Set(samples.map(({ digest }) => digest));
const learnedOf = (samples: readonly Splittable[], { splits }: Assigned) =>
  digestsOf(samples.filter((_, index) => splits[index] === 'train' || splits[index] === 'validation'));

test('content-hash: the shares are met over many samples', () => {
  const splits = splitsOf(people(50, 200));
  const share = (split: string) => splits.filter((one) => one === split).length / splits.length;
  assert.ok(Math.abs(share('probe') - 0.2) < 0.015, `probe ${share('probe')}`);
  assert.ok(Math.abs(share('validation') - 0.1) < 0.015, `validation ${share('validation')}`);
});

test('content-hash: samples keep their split when others come in between', () => {
  const before = people(10, 20);
  const after = people(14, 30);
  const splitsAfter = new Map(splitsOf(after).map((split, index) => [after[index]?.digest, split]));
  splitsOf(before).forEach((split, index) => assert.is(splitsAfter.get(before[index]?.digest ?? ''), split));
});

test('content-hash: a person whose samples would all judge gets exactly one for training, whatever the order', () => {
  const judging = [at(0.1), at(0.15), at(0.12), at(0.01)];
  assert.equal(splitsOf(judging), ['probe', 'train', 'probe', 'probe']);
  assert.equal(splitsOf([...judging].reverse()), ['probe', 'probe', 'train', 'probe']);
  assert.equal(splitsOf([at(0.1), at(0.15)]), ['probe', 'train']);
  assert.equal(splitsOf([at(0.1)]), ['train']);
});

test('content-hash: what is watched trains before a probe does', () =>
  assert.equal(splitsOf([at(0.1), at(0.21), at(0.25)]), ['probe', 'validation', 'train']));

test('content-hash: with everything held back each person still trains on one sample', () => {
  const samples = people(8, 6);
  const splits = splitsOf(samples, { config: { strategy: 'content-hash', validation: 0.5, probe: 0.5 } });
  for (let person = 0; person < 8; person++)
    assert.is(samples.filter(({ label }, index) => label === `p${person}` && splits[index] === 'train').length, 1);
});

test('content-hash: of three images one is a probe, the one with the lowest hash; two are too few', () => {
  assert.equal(splitsOf([at(0.9), at(0.4), at(0.6)]), ['train', 'probe', 'train']);
  assert.equal(splitsOf([at(0.9), at(0.25), at(0.6)]), ['train', 'probe', 'train']);
  assert.equal(splitsOf([at(0.9), at(0.4)]), ['train', 'train']);
});

test('content-hash: a probe that was picked stays when another comes, and is picked no more once it is learned', () => {
  const samples = [at(0.9), at(0.4), at(0.6)];
  const first = assignSplits(samples, planOf());
  assert.equal(first.picks, [samples[1]!.digest]);
  const learned = learnedOf(samples, first);
  const more = [...samples, at(0.1), at(0.3)];
  const second = assignSplits(more, planOf({ learned, picks: new Set(first.picks) }));
  assert.equal(second.splits, ['train', 'probe', 'train', 'probe', 'train']);
  assert.equal(second.picks, first.picks);
  const third = assignSplits(more, planOf({ learned: digestsOf(more), picks: new Set(first.picks) }));
  assert.equal([third.splits.includes('probe'), third.picks], [false, []]);
});

test('content-hash: a learned image is no probe, whatever the hash says; the next best is picked', () => {
  const samples = [at(0.1), at(0.5), at(0.9)];
  assert.equal(splitsOf(samples, { learned: digestsOf([at(0.1)]) }), ['train', 'probe', 'train']);
  assert.equal(splitsOf(samples, { learned: digestsOf(samples) }), ['train', 'train', 'train']);
});

test('content-hash: if the only image that may judge is the only one that trains, a watched one trains', () => {
  const samples = [at(0.25), at(0.9), at(0.22)];
  const learned = digestsOf([samples[0]!, samples[2]!]);
  assert.equal(splitsOf(samples, { learned }), ['train', 'probe', 'validation']);
});

test('content-hash: a picked probe trains only if its person has nothing else', () => {
  const picks = digestsOf([at(0.4)]);
  assert.equal(splitsOf([at(0.4), at(0.15), at(0.1)], { picks }), ['probe', 'train', 'probe']);
  assert.equal(splitsOf([at(0.4)], { picks }), ['train']);
});

test('content-hash: with a share of 0 there are no probes', () => {
  const config = { ...BY_HASH, probe: 0 };
  assert.equal(splitsOf([at(0.9), at(0.4), at(0.6)], { config }), ['train', 'train', 'train']);
  assert.equal(splitsOf([at(0.9), at(0.4)], { config, heldOut: new Set(['ada']) }), ['held-out', 'held-out']);
});

test('content-hash: somebody held out is a probe by the same share, and enrolled with the rest', () => {
  const heldOut = new Set(['ada']);
  assert.equal(splitsOf([at(0.1), at(0.25), at(0.9)], { heldOut }), ['probe', 'held-out', 'held-out']);
  assert.equal(splitsOf([at(0.9), at(0.4)], { heldOut }), ['held-out', 'probe']);
  assert.equal(splitsOf([at(0.1), at(0.15)], { heldOut }), ['probe', 'held-out']);
  assert.equal(splitsOf([at(0.1)], { heldOut }), ['held-out']);
});

test('first-n: the first n of each person train, the rest are probes, also where people are interleaved', () => {
  const config = { strategy: 'first-n', train: 2 } as const;
  const samples = [sample('a', 1), sample('b', 1), sample('a', 2), sample('a', 3), sample('b', 2), sample('b', 3)];
  assert.equal(splitsOf(samples, { config }), ['train', 'train', 'train', 'probe', 'train', 'probe']);
  const plan = { config, heldOut: new Set(['b']), learned: digestsOf([sample('a', 3)]) };
  assert.equal(splitsOf(samples, plan), ['train', 'held-out', 'train', 'train', 'held-out', 'probe']);
});

test('content-hash: near copies have one split, by the lowest of their hashes, and count as one image', () => {
  const [low, high] = [at(0.1), at(0.9)];
  assert.equal(splitsOf([low, copyOf(low, 0.95), high]), ['probe', 'probe', 'train']);
  assert.equal(splitsOf([high, copyOf(high, 0.96), at(0.5)]), ['train', 'train', 'train'], 'two images are too few');
  assert.equal(splitsOf([at(0.6), copyOf(at(0.6), 0.7), at(0.8), at(0.9)]), ['probe', 'probe', 'train', 'train']);
});

test('content-hash: near copies of a learned image are no probes, and those of a pick stay picks', () => {
  const low = at(0.1);
  const copy = copyOf(low, 0.95);
  assert.equal(splitsOf([low, copy, at(0.5), at(0.9)], { learned: new Set([copy.digest]) }).slice(0, 2), [
    'train',
    'train',
  ]);
  const pick = at(0.6);
  const assigned = assignSplits([pick, copyOf(pick, 0.7), at(0.1), at(0.9)], planOf({ picks: digestsOf([at(0.7)]) }));
  assert.equal(assigned.splits, ['probe', 'probe', 'probe', 'train']);
  assert.equal(assigned.picks, [pick.digest, at(0.7).digest]);
});

test('first-n: a near copy of a training image is no probe', () => {
  const config = { strategy: 'first-n', train: 1 } as const;
  assert.equal(splitsOf([at(0.1), at(0.2), copyOf(at(0.1), 0.3)], { config }), ['train', 'probe', 'train']);
});

test.run();
