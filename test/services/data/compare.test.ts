/** Tonight beside the model in service: each check on both sides of its limit, with the sentence that it says. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import { PEOPLE } from '../../../contracts/configuration/noun.ts';
import { findingsOf, type Tonight } from '../../../services/data/compare.ts';
import type { IntakeRecord } from '../../../services/data/intake.ts';
import { lookOfKey } from '../../support/looks.ts';

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
  readonly strangers?: readonly string[];
  readonly conflicts?: Tonight['conflicts'];
  readonly alike?: Tonight['alike'];
  readonly likeness?: Tonight['likeness'];
}
const NOTED = ChecksConfigSchema.parse({ peopleCame: { action: 'off' } });
const NOTHING = { labels: [], images: [], strangers: [], conflicts: [], alike: [], sources: [], intakes: [] };
const found = (tonight: Case, checks = DEFAULTS, before = BEFORE) =>
  findingsOf(before, { ...NOTHING, labels: NAMES, sources: BEFORE.sources, ...tonight }, checks, PEOPLE).map(
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

test('compare: a source that could not be read is told once, and not that it shrank; its people left', () => {
  const failure = new Error('no connection');
  const intakes = [{ name: 'auth', records: [], announced: null, failure }];
  const labels = NAMES.slice(20);
  assert.equal(found({ labels, intakes, sources: withSource(source('auth', 0, 0)) }), [
    'note sourceFailed: source "auth" could not be read: no connection',
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
  assert.equal(findingsOf(few, { ...NOTHING, labels: spelled }, DEFAULTS, PEOPLE), []);
});

test('compare: two people and more than a twentieth who lost most of their images hold the night', () => {
  const before = { ...BEFORE, images: NAMES.map(() => 10) };
  const night = (images: readonly number[]) =>
    findingsOf(before, { ...NOTHING, labels: NAMES, images, sources: BEFORE.sources }, DEFAULTS, PEOPLE).map(
      ({ action, message }) => `${action}: ${message}`,
    );
  const poorer = (count: number, left: number) => NAMES.map((_, at) => (at < count ? left : 10));
  assert.equal(night(poorer(40, 5)), []);
  assert.equal(night(poorer(2, 1)), []);
  assert.equal(night(poorer(3, 4)), [
    'hold: 3 of 40 people lost most of their images: p0 4 of 10, p1 4 of 10, p2 4 of 10',
  ]);
  // Of a snapshot that does not count them nothing can be said; another spelling is the same person.
  assert.equal(
    findingsOf(BEFORE, { ...NOTHING, labels: NAMES, images: poorer(9, 1), sources: BEFORE.sources }, DEFAULTS, PEOPLE),
    [],
  );
});

test('compare: many who come, and brighter pictures, are notes', () => {
  const labels = [...NAMES, ...Array.from({ length: 41 }, (_, at) => `n${at}`)];
  assert.match(found({ labels })[0]!, /^note peopleCame: 41 people came to 40: n0, .*n19 and 21 more$/);
  assert.equal(found({ sources: withSource(source('auth', 100, 20, 131)) }), [
    'note brightness: images of source "auth" have a mean grey value of 131 and had 100',
  ]);
});

const stored = (id: string): IntakeRecord => ({
  ...{ id, label: 'ada', digest: `sha256:${id}`, look: lookOfKey(id), file: `sha256:${id}` },
  ...{ tags: [], grey: 1, offset: 0, bytes: 1 },
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
  const again = intake(20, 0, 48);
  assert.equal(found({ intakes: [{ ...again, records: [...again.records, ...again.records, ...again.records] }] }), [
    'hold announced: source "auth" announced 48 samples and gave 20, and 40 times one of them again',
  ]);
  const first = findingsOf(null, { ...NOTHING, intakes: [intake(20, 0, 48)] }, DEFAULTS, PEOPLE);
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

test('compare: pictures under two names hold, with everybody whom it is about; those that are decided are noted', () => {
  const conflicts = [
    ...Array.from({ length: 8 }, () => ({ names: ['ada', 'ben'], keptFor: null })),
    { names: ['p0', 'p1'], keptFor: 'p1' },
  ];
  assert.equal(found({ conflicts }), [
    'hold conflictingNames: the same pictures stand under several names, so none of them is used: "ada" and "ben" (8); ' +
      'without any other picture: "ada", "ben"',
    'note conflictingNames: the same pictures stand under several names, and stay with whom the net has learned: ' +
      '"p0" and "p1", kept for "p1" (1)',
  ]);
  const off = ChecksConfigSchema.parse({ conflictingNames: { action: 'off' } });
  assert.equal(found({ conflicts }, off), []);
  const aside = ChecksConfigSchema.parse({ conflictingNames: { action: 'quarantine' } });
  const actions = found({ conflicts, alike: ['ada', 'ben', 'cleo', 'dara'] }, aside).map((it) => it.split(' ')[0]);
  // Nobody is asked about pictures that are set aside anyway; of those that look the same nobody knows which to set aside.
  assert.equal(actions, ['quarantine', 'note', 'hold']);
});

test('compare: what the model in service makes of new images is a finding of each check; beside nothing there is none', () => {
  const seen = Array.from({ length: 12 }, (_, at) => ({
    ...{ source: 'auth', id: `${at}`, label: `p${at % 4}`, own: 0.1 },
    other: { label: 'p9', score: 0.9 },
  }));
  const likeness = { seen, former: [{ source: 'auth', probes: 50, likeness: 0.8 }], lost: null };
  assert.equal(
    found({ likeness }).map((it) => it.split(':')[0]),
    ['note likeness', 'note likeAnother'],
  );
  const off = ChecksConfigSchema.parse({ likeness: { action: 'off' }, likeAnother: { action: 'hold' } });
  assert.match(
    found({ likeness }, off).join(),
    /^hold likeAnother: .* of 4 people .*"p0" 3 of 3 from "auth", most like "p9"/,
  );
  const lost = { seen: [], former: [], lost: 'its snapshot is gone' };
  assert.equal(found({ likeness: lost }, off), [
    'note likeAnother: new images could not be shown to the model in service: its snapshot is gone',
  ]);
  assert.equal(findingsOf(null, { ...NOTHING, labels: NAMES, likeness }, DEFAULTS, PEOPLE), []);
});

test('compare: a picture that stands for thousands who have none gives a sentence, no list', () => {
  const names = Array.from({ length: 20_000 }, (_, at) => `person ${at}`);
  const shown = found({ labels: NAMES, conflicts: [{ names, keptFor: null }] }).find((it) =>
    it.includes('conflicting'),
  )!;
  assert.match(
    shown,
    /"person 0" and "person 1" .* and 19995 more \(1\); without any other picture: .* and 19980 more$/,
  );
});

test('compare: names that differ by case, width, spaces or what cannot be seen are noted, strangers too', () => {
  const spelled = { ...stored('x'), label: 'p1', spelled: 'p1 ' } as IntakeRecord;
  const wide = '\uff30\uff12';
  const labels = [...NAMES, 'علی\u200cرضا', 'علیرضا', 'de la Cruz', 'Delacruz'];
  const [finding, ...others] = found(
    { labels, strangers: ['P0', wide], intakes: [{ ...intake(0, 0), records: [spelled] }] },
    NOTED,
  );
  assert.equal(others, []);
  for (const both of [
    '"P0" and "p0"',
    `"p2" and "${wide}"`,
    '"p1" and "p1" with the spaces U+0020',
    '"علیرضا" and "علی\u200cرضا" with U+200C',
    '"Delacruz" and "de la Cruz"',
  ])
    assert.ok(finding!.includes(both), `${both}: ${finding}`);
  assert.match(finding!, /^note similarNames: names that look alike, of one person or of namesakes: /);
  assert.equal(found({ labels: NAMES, strangers: ['eve'] }), []);
});

test.run();
