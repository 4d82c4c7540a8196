/**
 * One division measured: thresholds set by one group of strangers, and what they let in and keep out, measured by
 * another. The rule is the product's (services/decision). Called by decision.ts with embeddings of any contender.
 */
import { boundsOverPeople, shareOf, type PersonCount } from '../../services/decision/bounds.ts';
import { recognitionOf, type ProbeOutcome } from '../../services/decision/recognition.ts';
import {
  identifyThreshold,
  isKnown,
  MARGIN,
  topScores,
  verifyThreshold,
  type IdentifyRule,
  type StrangerSearches,
} from '../../services/decision/thresholds.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { galleryOf, scoreOf, type GalleryRows } from '../../services/serving/gallery/gallery.ts';

/** Rows of length 1 beside the images that they are of. */
export interface Embedded {
  readonly rows: Float32Array;
  readonly images: LabelledImages;
}

export interface EmbeddedDivision {
  readonly seed: number;
  /** Of all enrolled people, trained and held out. */
  readonly enrolled: Embedded;
  readonly probes: Embedded;
  readonly heldOut: ReadonlySet<string>;
  /** All images of those held out. */
  readonly heldOutImages: Embedded;
  readonly setting: Embedded;
  readonly measuring: Embedded;
}

/** Who sets the thresholds: strangers of their own folder, or people who are enrolled and were held out of training. */
export type SetBy = 'strangers' | 'held-out people';

export interface Targets {
  readonly fpir: number;
  readonly far: number;
  /** Absent: the product's. */
  readonly margin?: number;
}

export interface DecisionFigures {
  readonly threshold: number;
  readonly settingSearches: number;
  readonly settingPeople: number;
  /** Measured on the other strangers: share of searches answered known, with its bound over people. */
  readonly fpir: number;
  readonly fpirUpper95: number;
  readonly fnir: number;
  readonly wrongName: number;
  readonly rank1: number;
  readonly rank1WorstTenth: number;
  readonly newcomersRight: number;
  readonly newcomersWrong: number;
  /** Verify: share of comparisons of a stranger with one person that are accepted, and of own ones refused. */
  readonly far: number;
  readonly fnmr: number;
}

export function measureDecision(division: EmbeddedDivision, by: SetBy, targets: Targets): DecisionFigures {
  const gallery = galleryOf(division.enrolled.rows, division.enrolled.images);
  const scoresOf = (embedded: Embedded) => scoreAll(gallery, embedded);
  const setters = by === 'strangers' ? scoresOf(division.setting) : others(scoresOf(division.heldOutImages), gallery);
  const strangers = searchesOf(setters);
  const { fpir, far, margin = MARGIN } = targets;
  const threshold = identifyThreshold(strangers, { fpir, margin }, gallery.labels.length);
  const rule = { threshold, margin };
  const forVerify = verifyThreshold(joined(setters), far);
  const measuring = scoresOf(division.measuring);
  const accepted = countsOf(measuring, (scores) => isKnown(topScores(scores), rule));
  const probes = scoresOf(division.probes);
  const outcomes = probes.map((scored, probe) => outcomeOf(scored, probe, gallery, rule));
  const newcomers = recognitionOf(outcomes.filter(({ person }) => division.heldOut.has(person)));
  const { fnir, wrongName, rank1, rank1WorstTenth } = recognitionOf(outcomes);
  return {
    threshold,
    settingSearches: setters.length,
    settingPeople: new Set(setters.map(({ person }) => person)).size,
    fpir: shareOf(accepted),
    fpirUpper95: boundsOverPeople(accepted, { seed: division.seed }).upper,
    fnir,
    wrongName,
    rank1,
    rank1WorstTenth,
    newcomersRight: 1 - newcomers.fnir,
    newcomersWrong: newcomers.wrongName,
    far: share(joined(measuring), (score) => score >= forVerify),
    fnmr: share(
      probes.map(({ person, scores }) => scores[gallery.labels.indexOf(person)]!),
      (score) => score < forVerify,
    ),
  };
}

/** One image's scores with the people of the gallery. */
interface Scored {
  readonly person: string;
  readonly scores: Float32Array;
}

function scoreAll(gallery: GalleryRows, { rows, images }: Embedded): Scored[] {
  const dimensions = images.count === 0 ? 0 : rows.length / images.count;
  return Array.from(images.classes, (person, image) => {
    const embedding = rows.subarray(image * dimensions, (image + 1) * dimensions);
    return {
      person: images.labels[person]!,
      scores: Float32Array.from(gallery.labels, (_, row) => scoreOf(gallery, row, embedding)),
    };
  });
}

/** The gallery without the own row: somebody who is enrolled plays a stranger. */
const others = (scored: readonly Scored[], { labels }: GalleryRows): Scored[] =>
  scored.map(({ person, scores }) => ({ person, scores: scores.filter((_, row) => labels[row] !== person) }));

const searchesOf = (scored: readonly Scored[]): StrangerSearches => ({
  people: scored[0]?.scores.length ?? 0,
  searches: scored.map(({ person, scores }) => ({ person, top: topScores(scores) })),
});

function countsOf(scored: readonly Scored[], isHit: (scores: Float32Array) => boolean): PersonCount[] {
  const counts = new Map<string, PersonCount>();
  for (const { person, scores } of scored) {
    const { hits, trials } = counts.get(person) ?? { hits: 0, trials: 0 };
    counts.set(person, { person, hits: hits + (isHit(scores) ? 1 : 0), trials: trials + 1 });
  }
  return [...counts.values()];
}

function outcomeOf(
  { person, scores }: Scored,
  probe: number,
  { labels }: GalleryRows,
  rule: IdentifyRule,
): ProbeOutcome {
  const top = topScores(scores);
  const found = top[0] === top[1] ? null : labels[scores.indexOf(top[0]!)]!;
  return { person, probe: String(probe), found, known: isKnown(top, rule) };
}

function joined(scored: readonly Scored[]): Float32Array {
  const width = scored[0]?.scores.length ?? 0;
  const all = new Float32Array(scored.length * width);
  scored.forEach(({ scores }, index) => all.set(scores, index * width));
  return all;
}

const share = (scores: ArrayLike<number>, holds: (score: number) => boolean) =>
  Array.from(scores).filter(holds).length / scores.length;
