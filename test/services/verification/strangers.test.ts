import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DecisionConfigSchema } from '../../../contracts/configuration/decision.ts';
import { createRandom } from '../../../services/training/random.ts';
import { galleryOf } from '../../../services/serving/gallery/gallery.ts';
import {
  judgePromises,
  scoreStrangers,
  thresholdsOf,
  type StrangerScores,
} from '../../../services/verification/strangers.ts';
import { tinySplit } from '../../support/tiny-data.ts';

const signal = new AbortController().signal;
const CONFIG = DecisionConfigSchema.parse({ identify: { fpir: 0.05, margin: 0 }, verify: { far: 0.01 } });

/** `count` images of `people` people, rows of length 1 in two dimensions at the given angles. */
function atAngles(angles: readonly number[], people: number) {
  const set = tinySplit(angles.length, people);
  const ids = angles.map((_, image) => `door/${image}`);
  const rows = Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
  return { rows, images: { ...set, ids, tags: ids.map(() => []) } };
}

test('strangers: somebody who is enrolled is searched among the others', async () => {
  // Three people a right angle apart; the second image of p0 lies nearest to itself, then to p1.
  const enrolled = atAngles([0, Math.PI / 2, Math.PI], 3);
  const gallery = galleryOf(enrolled.rows, enrolled.images);
  const played = atAngles([0.1], 3);
  const { people, searches } = await scoreStrangers(gallery, { from: 'held-out', ...played }, signal);
  assert.is(people, 2);
  assert.is(searches[0]!.found, 'p1');
  assert.equal(searches[0]!.top.length, 2);
  assert.ok(Math.abs(searches[0]!.top[0]! - Math.sin(0.1)) < 1e-6);
  const street = await scoreStrangers(gallery, { from: 'source', ...played }, signal);
  assert.is(street.people, 3);
  assert.is(street.searches[0]!.found, 'p0');
});

/** Each stranger has a level of their own, as people have, and each image some chance. */
function invented(people: number, images: number, seed: number): StrangerScores {
  const random = createRandom(seed);
  const searches = Array.from({ length: people }, (_, person) => {
    const level = random() * 0.3;
    return Array.from({ length: images }, () => {
      const score = level + random() * 0.3;
      return {
        person: `s${person}`,
        image: 0,
        found: 'x',
        top: [score],
        comparisons: Float32Array.of(score, random() * 0.2),
      };
    });
  }).flat();
  return { from: 'source', people: 1, searches };
}

test('strangers: the share let in is measured by others than set the threshold', () => {
  const few = invented(20, 5, 1);
  const { identify } = thresholdsOf(few, CONFIG, 1);
  const inSample = few.searches.filter(({ top }) => top[0]! >= identify).length / few.searches.length;
  assert.ok(inSample <= 0.05, 'by those who set it the promise is kept whatever they are');
  // Over many such sets the measured share is what other strangers would see.
  const seeds = Array.from({ length: 40 }, (_, seed) => seed + 1);
  const measured = mean(seeds.map((seed) => judgePromises(invented(20, 5, seed), CONFIG).fpir.share));
  const others = invented(2000, 5, 999).searches;
  const truth = mean(
    seeds.map((seed) => {
      const threshold = thresholdsOf(invented(20, 5, seed), CONFIG, 1).identify;
      return others.filter(({ top }) => top[0]! >= threshold).length / others.length;
    }),
  );
  assert.ok(Math.abs(measured - truth) < 0.02, `measured ${measured}, true ${truth}`);
});

test('strangers: many show a promise, few cannot', () => {
  const { fpir, far } = judgePromises(invented(300, 5, 3), CONFIG);
  assert.is(fpir.verdict, 'shown', fpir.sentence);
  assert.is(fpir.trials, 1500);
  assert.is(far.trials, 3000);
  assert.is(judgePromises(invented(6, 3, 3), CONFIG).fpir.verdict, 'inconclusive');
});

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

test.run();
