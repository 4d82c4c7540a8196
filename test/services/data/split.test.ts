/** Split rules: shares, stability from night to night, and nobody without a training sample. */
import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assignSplits, createSplitRule, type Splittable } from '../../../services/data/split.ts';

const byHash = createSplitRule({ strategy: 'content-hash', validation: 0.1, probe: 0.2 });
const sample = (label: string, shot: number): Splittable => ({
  label,
  digest: `sha256:${createHash('sha256').update(`${label}/${shot}`).digest('hex')}`,
});
const people = (count: number, shots: number) =>
  Array.from({ length: count * shots }, (_, index) => sample(`p${Math.floor(index / shots)}`, index % shots));

test('content-hash: the shares are met over many samples', () => {
  const splits = assignSplits(people(50, 200), byHash);
  const share = (split: string) => splits.filter((one) => one === split).length / splits.length;
  assert.ok(Math.abs(share('probe') - 0.2) < 0.015, `probe ${share('probe')}`);
  assert.ok(Math.abs(share('validation') - 0.1) < 0.015, `validation ${share('validation')}`);
});

test('content-hash: samples keep their split when others come in between', () => {
  const before = people(10, 20);
  const after = people(14, 30);
  const splitsAfter = new Map(assignSplits(after, byHash).map((split, index) => [after[index]?.digest, split]));
  assignSplits(before, byHash).forEach((split, index) => {
    assert.is(splitsAfter.get(before[index]?.digest ?? ''), split);
  });
});

test('content-hash: a person whose samples would all be held back gets exactly one for training, whatever the order', () => {
  const heldBack = Array.from({ length: 200 }, (_, shot) => sample('rare', shot))
    .filter(({ digest }) => byHash({ digest, ordinal: 0 }) !== 'train')
    .slice(0, 5);
  const chosen = (samples: readonly Splittable[]) =>
    samples.filter((_, index) => assignSplits(samples, byHash)[index] === 'train').map(({ digest }) => digest);
  assert.is(chosen(heldBack).length, 1);
  assert.equal(chosen([...heldBack].reverse()), chosen(heldBack));
});

test('content-hash: with everything held back each person still trains on one sample', () => {
  const rule = createSplitRule({ strategy: 'content-hash', validation: 0.5, probe: 0.5 });
  const samples = people(8, 6);
  const splits = assignSplits(samples, rule);
  for (let person = 0; person < 8; person++)
    assert.is(samples.filter(({ label }, index) => label === `p${person}` && splits[index] === 'train').length, 1);
});

test('first-n: the first n of each person train, the rest are probes, also where people are interleaved', () => {
  const rule = createSplitRule({ strategy: 'first-n', train: 2 });
  const samples = [sample('a', 1), sample('b', 1), sample('a', 2), sample('a', 3), sample('b', 2), sample('b', 3)];
  assert.equal(assignSplits(samples, rule), ['train', 'train', 'train', 'probe', 'train', 'probe']);
});

test.run();
