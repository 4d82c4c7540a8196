/** The action `quarantine`: what each check sets aside, whom it never does, and what the finding says of it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import type { DataFinding } from '../../../contracts/dataset.ts';
import type { IntakeRecord } from '../../../services/data/intake.ts';
import type { Seen } from '../../../services/data/likeness.ts';
import { asideOf, saidOf, withoutAside } from '../../../services/data/set-aside.ts';
import { lookOfKey } from '../../support/looks.ts';

const record = (id: string, label: string): IntakeRecord => ({
  ...{ id, label, digest: `sha256:${'0'.repeat(64)}`, file: `sha256:${'0'.repeat(64)}`, look: lookOfKey(id) },
  ...{ tags: [], grey: 100, offset: 5, bytes: 7 },
});
const checksWith = (...names: readonly string[]) =>
  ChecksConfigSchema.parse(Object.fromEntries(names.map((name) => [name, { action: 'quarantine' }])));
const BEFORE = { labels: ['ada', 'Maria Silva'] };

function setAside(labels: readonly string[], checks: ReturnType<typeof checksWith>, seen: readonly Seen[] = []) {
  const aside = asideOf(BEFORE, { labels, likeness: { seen, former: [], lost: null } }, checks);
  const counts = new Map();
  const records = labels.flatMap((label) => [record(`${label}/1`, label), record(`${label}/2`, label)]);
  const after = aside ? withoutAside('auth', records, aside, counts) : records;
  return {
    counts: Object.fromEntries(counts),
    messages: after.flatMap((it) => ('reason' in it ? [it.message] : [])),
    after,
  };
}

test('set aside: everybody who came, if they are too many; those who were there stay', () => {
  const { counts, messages, after } = setAside(['ada', 'ben', 'cleo', 'dara'], checksWith('peopleCame'));
  assert.equal(counts, { peopleCame: 6 });
  assert.is(messages[0], 'auth/ben/1: "ben" came with 2 others (checks.peopleCame)');
  assert.equal(after[2], { id: 'ben/1', label: 'ben', reason: 'set-aside', message: messages[0], offset: 5, bytes: 7 });
  assert.equal(setAside(['ada', 'ben'], checksWith('peopleCame')).messages, []);
});

test('set aside: of names that look alike those that the model in service does not know', () => {
  const { messages } = setAside(['ada', 'Maria Silva', 'maria silva'], checksWith('similarNames'));
  assert.equal(messages, [
    'auth/maria silva/1: "maria silva" is spelled much like "Maria Silva" (checks.similarNames)',
    'auth/maria silva/2: "maria silva" is spelled much like "Maria Silva" (checks.similarNames)',
  ]);
});

test('set aside: of a person whose new images are like another these images, and no other', () => {
  const like = (id: string, own: number): Seen => ({
    ...{ source: 'auth', id, label: 'ada', own },
    other: { label: 'ben', score: 0.8 },
  });
  const seen = [like('ada/1', 0.1), like('elsewhere', 0.2), like('ada/3', 0.9)];
  const { messages, counts } = setAside(['ada', 'ben'], checksWith('likeAnother'), seen);
  assert.equal(messages, ['auth/ada/1: to the model in service it is more like "ben" (checks.likeAnother)']);
  assert.equal(counts, { likeAnother: 1 });
});

test('set aside: nothing unless it is asked for, and nobody came to a first night', () => {
  const checks = ChecksConfigSchema.parse({});
  assert.is(asideOf(BEFORE, { labels: ['ada', 'ben', 'cleo', 'dara', 'ADA'] }, checks), null);
  assert.is(asideOf(null, { labels: ['ada', 'ben'] }, checksWith('peopleCame', 'likeAnother')), null);
});

test('set aside: the finding says how many images; where there was nothing it is a note', () => {
  const finding = (check: string): DataFinding => ({ check, action: 'quarantine', message: 'some came' });
  const counts = new Map([['peopleCame', 1]]);
  assert.is(saidOf(finding('peopleCame'), counts).message, 'some came; set aside for tonight: 1 image');
  assert.equal(saidOf(finding('similarNames'), counts), { ...finding('similarNames'), action: 'note' });
  assert.equal(saidOf(finding('conflictingNames'), counts), finding('conflictingNames'));
});

test('set aside: a check that names nothing to set aside refuses the setting, and says why', () => {
  for (const [check, why] of [
    ['sourceShrank', /what this one names is not there; choose note, hold or stop/],
    ['brightness', /names a source, and no image of it more than another/],
    ['imagesLeft', /these people would be known nowhere/],
  ] as const)
    assert.match(ChecksConfigSchema.safeParse({ [check]: { action: 'quarantine' } }).error!.message, why);
  assert.match(ChecksConfigSchema.safeParse({ likeAnother: { action: 'no' } }).error!.message, /"quarantine"/);
});

test.run();
