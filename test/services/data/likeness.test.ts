/** New images under the model in service: when a source is told, when a person is, and what the sentences say. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ChecksConfigSchema } from '../../../contracts/configuration/checks.ts';
import { PEOPLE } from '../../../contracts/configuration/noun.ts';
import { describeDoubts, doubtsOf, lessAlike, type Likeness, type Seen } from '../../../services/data/likeness.ts';

const { likeness: FALL, likeAnother: OTHER } = ChecksConfigSchema.parse({ likeness: { fall: 0.15 } });

const seen = (label: string, own: number, other: Seen['other'] = null, source = 'auth'): Seen => ({
  ...{ source, id: `${label}-${own}`, label, own, other },
});
/** `each` images of each of `people`, with cosines around `own`. */
const crowd = (people: number, each: number, own: number, source = 'auth') =>
  Array.from({ length: people * each }, (_, at) =>
    seen(`p${Math.floor(at / each)}`, own + (at % 2 === 0 ? 0.02 : -0.02), null, source),
  );
const FORMER = [
  { source: 'auth', probes: 100, likeness: 0.8 },
  { source: 'door', probes: 4, likeness: 0.2 },
];
const told = (images: readonly Seen[], former: Likeness['former'] = FORMER) =>
  lessAlike({ seen: images, former, lost: null }, FALL, PEOPLE);

test('likeness: a source whose new images are less like their people is told with figures and with the least alike', () => {
  assert.equal(told([...crowd(4, 3, 0.6), seen('zoe', 0.1)]), [
    'source "auth": 13 new images are like their people by 0.56 (mean cosine under the model in service), the probes of its ' +
      'night were by 0.80; the least: zoe 0.10, p1 0.59, p3 0.59, p0 0.61, p2 0.61',
  ]);
  assert.equal(told(crowd(4, 3, 0.66)), []);
});

test('likeness: few images, images of few people, and a fall that may be chance say nothing', () => {
  assert.equal(told(crowd(3, 3, 0.1)), []);
  assert.equal(told(crowd(2, 10, 0.1)), []);
  const scattered = Array.from({ length: 12 }, (_, at) => seen(`p${at % 3}`, at % 3 === 0 ? 0 : 0.9));
  assert.equal(told(scattered), []);
});

test('likeness: a source that had few probes is compared with those of all; without any nothing is said', () => {
  assert.is(told(crowd(4, 3, 0.5, 'door')).length, 1);
  assert.is(told(crowd(4, 3, 0.7, 'door')).length, 0);
  assert.equal(told(crowd(4, 3, 0.1), []), []);
});

const likeBen = (label: string, own: number, score: number) => seen(label, own, { label: 'ben', score });
const doubts = (images: readonly Seen[]) => doubtsOf({ seen: images, former: [], lost: null }, OTHER);

test('likeness: most new images of a person are more like another: the sentence names both, the sources and how many', () => {
  const found = doubts([
    ...[likeBen('ada', 0.1, 0.8), likeBen('ada', 0.2, 0.9), likeBen('ada', 0.7, 0.3)],
    ...[likeBen('cleo', 0.7, 0.1), likeBen('cleo', 0.6, 0.65), likeBen('cleo', 0.1, 0.9)],
  ]);
  assert.equal(
    found.map(({ label, images, doubtful }) => [label, images, doubtful.map(({ id }) => id)]),
    [['ada', 3, ['ada-0.1', 'ada-0.2']]],
  );
  assert.is(
    describeDoubts(found, PEOPLE),
    'to the model in service, new images of 1 person are more like somebody else: "ada" 2 of 3 from "auth", most like "ben"',
  );
});

test('likeness: one image, half of the images, and a gallery of one person are no doubt', () => {
  assert.equal(doubts([likeBen('ada', 0.1, 0.8)]), []);
  assert.equal(doubts([...[0.1, 0.2].map((own) => likeBen('ada', own, 0.8)), seen('ada', 0.9), seen('ada', 0.8)]), []);
  assert.equal(doubts([seen('ada', 0.1), seen('ada', 0)]), []);
  assert.is(describeDoubts([], PEOPLE), null);
});

test.run();
