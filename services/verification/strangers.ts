/**
 * What strangers score in a gallery, and whether the promises about them are kept. Strangers come from a source of their
 * own, or are the people held out of training, each searched among the others. The share that is let in is measured by
 * others than set the threshold: the strangers are divided, and each part is judged by the thresholds of the rest.
 */
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import type { LoadedImages } from '../data/strategy.ts';
import type { PersonCount } from '../decision/bounds.ts';
import { judgePromise, type PromiseVerdict } from '../decision/promise.ts';
import {
  identifyThreshold,
  isKnown,
  topScores,
  verifyThreshold,
  type StrangerSearch,
  type StrangerSearches,
} from '../decision/thresholds.ts';
import type { GalleryRows } from '../serving/gallery/gallery.ts';
import { evenSample, scoreEach } from './scores.ts';

export interface Strangers {
  readonly from: 'source' | 'held-out';
  readonly images: LoadedImages;
  /** Of `images`, [count, dimensions]. */
  readonly rows: Float32Array;
}

export interface StrangerTrial extends StrangerSearch {
  /** Index in the strangers' images. */
  readonly image: number;
  /** The person who scores best. */
  readonly found: string;
  /** Scores with single people, for verify; a sample of them in a large gallery. */
  readonly comparisons: Float32Array;
}

export interface StrangerScores extends StrangerSearches {
  readonly from: Strangers['from'];
  readonly searches: readonly StrangerTrial[];
}

/** Comparisons of verify that are kept: a thousandth of them is then known to a tenth. */
const COMPARISONS_MAX = 400_000;
/** Parts into which the strangers are divided. */
const FOLDS = 5;
/** Of the bootstraps; the same data gives the same bounds. */
const SEED = 1;

export async function scoreStrangers(
  gallery: GalleryRows,
  { from, images, rows }: Strangers,
  signal: AbortSignal,
): Promise<StrangerScores> {
  const people = gallery.labels.length;
  const rowOf = new Map(gallery.labels.map((label, row) => [label, row]));
  const isKept = evenSample(images.count * people, people, COMPARISONS_MAX);
  const searches: StrangerTrial[] = [];
  await scoreEach(gallery, { rows, count: images.count }, signal, (image, scores) => {
    const person = images.labels[images.classes[image]!]!;
    const own = from === 'held-out' ? rowOf.get(person) : undefined;
    const others = own === undefined ? scores : scores.filter((_, row) => row !== own);
    const top = topScores(others);
    const found = gallery.labels[scores.findIndex((score, row) => row !== own && score === top[0])]!;
    searches.push({ person, image, top, found, comparisons: others.filter((_, i) => isKept(image * people + i)) });
  });
  return { from, people: from === 'held-out' ? people - 1 : people, searches };
}

export interface Thresholds {
  readonly identify: number;
  readonly verify: number;
}

/** For a gallery of `people`. */
export const thresholdsOf = (strangers: StrangerScores, config: DecisionConfig, people: number): Thresholds => ({
  identify: identifyThreshold(strangers, config.identify, people),
  verify: verifyThreshold(joined(strangers.searches), config.verify.far),
});

export interface Promises {
  readonly fpir: PromiseVerdict;
  readonly far: PromiseVerdict;
}

export function judgePromises(strangers: StrangerScores, config: DecisionConfig): Promises {
  const { identify, verify } = config;
  const searches = outOfFold(strangers, (others) => {
    const threshold = identifyThreshold(others, identify, strangers.people);
    return ({ top }) => ({ hits: isKnown(top, { threshold, margin: identify.margin }) ? 1 : 0, trials: 1 });
  });
  const comparisons = outOfFold(strangers, (others) => {
    const threshold = verifyThreshold(joined(others.searches), verify.far);
    return (trial) => ({
      hits: trial.comparisons.reduce((sum, score) => sum + (score >= threshold ? 1 : 0), 0),
      trials: trial.comparisons.length,
    });
  });
  return {
    fpir: judgePromise(searches, { target: identify.fpir, trials: 'searches' }, { seed: SEED }),
    far: judgePromise(comparisons, { target: verify.far, trials: 'comparisons' }, { seed: SEED }),
  };
}

type Count = Pick<PersonCount, 'hits' | 'trials'>;

/** Counts of each stranger, by a rule that was made from the strangers of the other parts. */
function outOfFold(
  strangers: StrangerScores,
  ruleOf: (others: StrangerScores) => (trial: StrangerTrial) => Count,
): PersonCount[] {
  const people = [...new Set(strangers.searches.map(({ person }) => person))];
  const foldOf = new Map(people.map((person, index) => [person, index % FOLDS]));
  const counts = new Map(people.map((person) => [person, { person, hits: 0, trials: 0 }]));
  for (let fold = 0; fold < FOLDS; fold++) {
    const inside = strangers.searches.filter(({ person }) => foldOf.get(person) === fold);
    const others = strangers.searches.filter(({ person }) => foldOf.get(person) !== fold);
    if (inside.length === 0 || others.length === 0) continue;
    const rule = ruleOf({ ...strangers, searches: others });
    for (const trial of inside) {
      const count = counts.get(trial.person)!; // Of each person there is one.
      const { hits, trials } = rule(trial);
      count.hits += hits;
      count.trials += trials;
    }
  }
  return [...counts.values()];
}

function joined(trials: readonly StrangerTrial[]): Float32Array {
  const all = new Float32Array(trials.reduce((sum, { comparisons }) => sum + comparisons.length, 0));
  let filled = 0;
  for (const { comparisons } of trials) {
    all.set(comparisons, filled);
    filled += comparisons.length;
  }
  return all;
}
