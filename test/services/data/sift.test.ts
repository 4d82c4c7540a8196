/** Which samples stay: the first with given bytes, and of strangers those who are nobody's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Intake, IntakeRecord } from '../../../services/data/intake.ts';
import { sift } from '../../../services/data/sift.ts';

const digest = (number: number) => `sha256:${number.toString(16).padStart(64, '0')}`;
const stored = (id: string, label: string, number: number): IntakeRecord => ({
  ...{ id, label, digest: digest(number), tags: [], grey: 0, offset: 0, bytes: 9 },
});
const intake = (name: string, records: IntakeRecord[]): Intake => ({
  ...{ name, type: 'list', spoolPath: '', records },
  ...{ passedOver: {}, announced: null },
});
const NOTHING = { people: new Set<string>(), images: new Set<string>() };

test('sift: what the intake refused is quarantined under the name of its source', () => {
  const refused = { id: 'x', label: 'ada', reason: 'blank' as const, message: 'auth/x: even' };
  const sifted = sift({ people: [intake('auth', [refused])], strangers: [intake('street', [refused])] }, NOTHING);
  assert.equal(sifted.quarantined, [
    { source: 'auth', ...refused },
    { source: 'street', ...refused },
  ]);
});

test('sift: strangers are nobody who is enrolled, by name or by image, and nobody who was learned', () => {
  const people = [intake('auth', [stored('a', 'ada', 1), stored('b', 'Ren\u00e9', 2)])];
  const records = [
    stored('a', 'eve', 3),
    stored('b', 'eve', 1),
    stored('c', 'Rene\u0301 ', 4),
    stored('d', 'eve', 5),
    stored('e', 'gone', 6),
    stored('f', 'mallory', 3),
    stored('g', 'eve', 3),
    stored('h', 'mallory', 7),
  ];
  const learned = { people: new Set(['gone']), images: new Set([digest(5)]) };
  const { strangers, quarantined } = sift({ people, strangers: [intake('street', records)] }, learned);
  assert.equal(
    strangers.map(({ id, source }) => [id, source]),
    [
      ['a', 1],
      ['h', 1],
    ],
  );
  assert.equal(
    quarantined.map(({ reason, message }) => [reason, message]),
    [
      ['not-a-stranger', 'street/b: the same bytes as auth/a of "ada", who is enrolled'],
      ['not-a-stranger', 'street/c: "Rene\u0301 " is enrolled, and so no stranger'],
      ['not-a-stranger', 'street/d: the net has learned this image, and so its person is no stranger'],
      ['not-a-stranger', 'street/e: "gone" was learned by the net, and so is no stranger to it'],
      ['contradictory-label', 'street/f: the same bytes as street/a, which is labelled "eve"'],
      ['duplicate', 'street/g: the same bytes as street/a'],
    ],
  );
});

test.run();
