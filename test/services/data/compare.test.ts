/** Tonight beside the model in service: each check on both sides of its limit, with the sentence that it says. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import { PEOPLE } from '../../../contracts/configuration/noun.ts';
import { findingsOf, type Tonight } from '../../../services/data/compare.ts';
import type { IntakeRecord } from '../../../services/data/intake.ts';

const DEFAULTS = ChecksConfigSchema.parse({});
const NAMES = Array.from({ length: 40 }, (_, at) => `p${at}`);

const source = (name: string, samples: number, people: number, grey = 100) => ({
  ...{ name, type: 'http', samples, quarantined: 0, people, grey },
});
const BEFORE = {
  labels: NAMES,
  sources: [source('auth', 100, 20), source('helper', 100, 20), source('street', 50, 50)],
};

interface Case {
  readonly labels?: readonly string[];
  readonly sources?: Tonight['sources'];
  readonly intakes?: Tonight['intakes'];
}
const found = ({ labels = NAMES, sources = BEFORE.sources, intakes = [] }: Case, checks = DEFAULTS, before = BEFORE) =>
  findingsOf(before, { labels, sources, intakes }, checks, PEOPLE).map(
    (it) => `${it.action} ${it.check}: ${it.message}`,
  );

const withSource = (changed: Tonight['sources'][number]) =>
  BEFORE.sources.map((it) => (it.name === changed.name ? changed : it));

test('compare: the same data gives no finding', () => assert.equal(found({}), []));

test('compare: a source that answers with an empty page holds the night, and so do its people', () => {
  const labels = NAMES.slice(20);
  assert.equal(found({ labels, sources: withSource(source('auth', 0, 0)) }), [
    'hold sourceShrank: source "auth" has 0 images and had 100: 100 % fewer',
    'hold sourceShrank: source "auth" has 0 people and had 20: 100 % fewer',
    `hold peopleLeft: 20 of 40 people left: ${NAMES.slice(0, 20).join(', ')}`,
  ]);
});

test('compare: a source may lose a fifth, that of strangers too; one that is gone is told', () => {
  assert.equal(found({ sources: withSource(source('auth', 80, 16)) }), []);
  assert.equal(found({ sources: withSource(source('street', 39, 50)) }), [
    'hold sourceShrank: source "street" has 39 images and had 50: 22 % fewer',
  ]);
  assert.match(found({ sources: BEFORE.sources.slice(1) })[0]!, /"auth" is no longer configured; it had 100 images/);
});

test('compare: one person may always leave, and a twentieth at once; another spelling is nobody who left', () => {
  assert.equal(found({ labels: NAMES.slice(2) }), []);
  assert.match(found({ labels: NAMES.slice(3) })[0]!, /^hold peopleLeft: 3 of 40 people left: p0, p1, p2$/);
  const few = { labels: ['ada', 'ben', 'Zoé'.normalize('NFD')], sources: [] };
  const spelled = ['ben', 'Zoé'.normalize('NFC')];
  assert.equal(findingsOf(few, { labels: spelled, sources: [], intakes: [] }, DEFAULTS, PEOPLE), []);
});

test('compare: many who come, and brighter pictures, are notes', () => {
  const labels = [...NAMES, ...Array.from({ length: 41 }, (_, at) => `n${at}`)];
  assert.match(found({ labels })[0]!, /^note peopleCame: 41 people came to 40: n0, .*n19 and 21 more$/);
  assert.equal(found({ sources: withSource(source('auth', 100, 20, 131)) }), [
    'note brightness: images of source "auth" have a mean grey value of 131 and had 100',
  ]);
});

const stored = (id: string): IntakeRecord => ({
  ...{ id, label: 'ada', digest: `sha256:${id}`, tags: [], grey: 1, offset: 0, bytes: 1 },
});
const broken = (id: string, reason: 'unreadable' | 'duplicate' = 'unreadable'): IntakeRecord => ({
  ...{ id, label: 'ada', reason, message: `auth/${id}: no image` },
});
const intake = (good: number, bad: number, announced: number | null = null, reason?: 'duplicate') => ({
  name: 'auth',
  records: [
    ...Array.from({ length: good }, (_, at) => stored(`g${at}`)),
    ...Array.from({ length: bad }, (_, at) => broken(`b${at}`, reason)),
  ],
  announced,
});

test('compare: a source that gives 20 of the 48 that it announces holds the night, also the first', () => {
  assert.equal(found({ intakes: [intake(20, 0, 48)] }), [
    'hold announced: source "auth" announced 48 samples and gave 20',
  ]);
  assert.equal(found({ intakes: [intake(43, 5, 48), intake(60, 0, 48)] }), []);
  const first = findingsOf(null, { labels: [], sources: [], intakes: [intake(20, 0, 48)] }, DEFAULTS, PEOPLE);
  assert.is(first.length, 1);
});

test('compare: five broken items are always let pass, a tenth of a source, and a thousand; copies are not broken', () => {
  assert.equal(found({ intakes: [intake(1, 5), intake(90, 10), intake(1, 50, null, 'duplicate')] }), []);
  assert.equal(found({ intakes: [intake(89, 11)] }), [
    'hold brokenItems: source "auth": 11 of 100 items are broken; the first: auth/b0: no image',
  ]);
  assert.match(found({ intakes: [intake(20_000, 1001)] })[0]!, /1001 of 21001 items are broken/);
});

test('compare: what follows is configured', () => {
  const checks = ChecksConfigSchema.parse({
    sourceShrank: { action: 'off' },
    peopleLeft: { share: 0, action: 'stop' },
  });
  assert.match(found({ labels: NAMES.slice(2), sources: [] }, checks)[0]!, /^stop peopleLeft: 2 of 40/);
  assert.is(found({ labels: NAMES.slice(2), sources: [] }, checks).length, 1);
});

test.run();
