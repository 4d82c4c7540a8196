/** The figures of the decision bench on embeddings of two dimensions, whose scores are cosines of known angles. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureDecision, type Embedded, type EmbeddedDivision } from '../../../bench/decision/measure.ts';

const near = (actual: number, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** Directions in degrees, by name of the person. */
function embedded(directions: Readonly<Record<string, readonly number[]>>): Embedded {
  const labels = Object.keys(directions);
  const samples = labels.flatMap((label, person) => directions[label]!.map((degrees) => ({ degrees, person })));
  const rows = samples.flatMap(({ degrees }) => [
    Math.cos((degrees * Math.PI) / 180),
    Math.sin((degrees * Math.PI) / 180),
  ]);
  const spec = { width: 1, height: 1, channels: 1 } as const;
  const classes = Int32Array.from(samples, ({ person }) => person);
  const images = { spec, pixels: new Uint8Array(samples.length), classes, labels, count: samples.length };
  return { rows: Float32Array.from(rows), images };
}
const cosine = (degrees: number) => Math.cos((degrees * Math.PI) / 180);

/** Anna at 0, Ben at 90, Cleo (held out) at 180. */
const DIVISION: EmbeddedDivision = {
  seed: 1,
  enrolled: embedded({ Anna: [-5, 5], Ben: [90], Cleo: [180] }),
  // Of Anna's three one is nearer to Ben, one in the middle; Cleo is not far from herself.
  probes: embedded({ Anna: [10, 70, 45], Ben: [95], Cleo: [165, 130] }),
  heldOut: new Set(['Cleo']),
  // Searched among Anna and Ben.
  heldOutImages: embedded({ Cleo: [180, 165, 130, 150] }),
  setting: embedded({ x1: [20, 320], x2: [130, 240], x3: [250, 310], x4: [300], x5: [290] }),
  measuring: embedded({ y1: [15, 75], y2: [200, 270], y3: [330] }),
};

test('decision bench: the threshold is set by some strangers and measured by others', () => {
  // Angles to the nearest: 20 40 40 60 70 50 60 70; of eight one may be accepted, so the threshold is between 20 and 40.
  const figures = measureDecision(DIVISION, 'strangers', { fpir: 0.125, far: 0.125, margin: 0.05 });
  near(figures.threshold, (cosine(20) + cosine(40)) / 2);
  assert.equal([figures.settingPeople, figures.settingSearches], [5, 8]);
  // 15, 15, 20, 90 and 30 degrees: the threshold is at 31.
  near(figures.fpir, 4 / 5);
  assert.ok(figures.fpirUpper95 > 4 / 5);
  // Right: Anna's first, Ben, Cleo's first; Anna's second has Ben's name; the two at the border are unknown.
  near(figures.rank1, 3 / 6);
  near(figures.fnir, 3 / 6);
  near(figures.wrongName, 1 / 6);
  near(figures.newcomersRight, 1 / 2);
  near(figures.newcomersWrong, 0);
});

test('decision bench: people held out set a threshold by searches among the others', () => {
  // Angles of Cleo to Ben: 90, 75, 40, 60. One of four may be accepted.
  const figures = measureDecision(DIVISION, 'held-out people', { fpir: 0.25, far: 0.25, margin: 0 });
  // Among three people instead of two the promise is 1 - .75^(2/3) = .1745: none can be counted, the tail decides.
  const tail = [cosine(75), cosine(60), cosine(40)].map((score) => score - cosine(90));
  const mean = tail.reduce((sum, excess) => sum + excess, 0) / 3;
  const allowed = 4 * (1 - 0.75 ** (2 / 3));
  near(figures.threshold, Math.max(cosine(40), mean * Math.log(3 / allowed)), 1e-5);
  assert.equal([figures.settingPeople, figures.settingSearches], [1, 4]);
});

test('decision bench: verify accepts comparisons one by one', () => {
  // Of 24 comparisons of strangers three may be accepted: cosines of 20, 40 and 40 degrees, and the next are of 50.
  const { far, fnmr } = measureDecision(DIVISION, 'strangers', { fpir: 0.125, far: 0.125 });
  // Measured: 15 and 75 with Anna and Ben, 200 with Cleo, 330 with Anna are within the 45.2 degrees of the threshold.
  near(far, 4 / 15);
  // Anna at 70 degrees from herself, Cleo at 50.
  near(fnmr, 2 / 6);
});

test.run();
