/**
 * Curves and pictures behind a verdict, for people: the DET curve, histograms of best scores, and the images that came
 * out worst. `nightshift report` draws them.
 */
import type { Evidence } from '../../contracts/verification.ts';
import { readImages } from '../data/image-reader.ts';
import { encodePng } from '../data/images.ts';
import type { LoadedImages } from '../data/strategy.ts';
import { fpirAt, isKnown } from '../decision/thresholds.ts';
import type { Measured, ProbeScore } from './accuracy.ts';
import type { AlikePair } from './alike.ts';
import type { StrangerTrial } from './strangers.ts';

type Scored = Pick<Measured, 'probes' | 'strangers'>;

export interface EvidenceOf {
  readonly candidate: Scored;
  readonly champion: Scored | null;
  readonly probes: LoadedImages;
  readonly strangers: LoadedImages;
  readonly enrolled: LoadedImages;
  /** Under the candidate; indices into `enrolled`. */
  readonly alike: readonly AlikePair[];
  readonly heldOut: ReadonlySet<string>;
  /** As the gates have it. */
  readonly margin: number;
}

const POINTS_MAX = 200;
const BINS = 60;
const WORST_MAX = 10;

export async function evidenceOf(of: EvidenceOf): Promise<Evidence> {
  const { candidate, champion, margin } = of;
  return {
    format: 'nightshift.evidence/1',
    det: { candidate: detOf(candidate, margin), champion: champion && detOf(champion, margin) },
    histogram: histogramOf(candidate, of.heldOut),
    alike: await Promise.all(of.alike.map((pair) => alikeOf(pair, of.enrolled))),
    worst: {
      falseAccepts: await Promise.all(worstAccepts(candidate, of.margin).map((trial) => acceptOf(trial, of.strangers))),
      falseRejects: await Promise.all(worstRejects(candidate).map((probe) => rejectOf(probe, of.probes))),
    },
  };
}

/** From strict to lax, at thresholds that probes and strangers reach: elsewhere nothing changes. */
function detOf({ probes, strangers }: Scored, margin: number): Evidence['det']['candidate'] {
  const scores = [...probes, ...strangers.searches].flatMap(({ top }) => top.slice(0, 1)).sort((a, b) => b - a);
  const step = Math.max(1, Math.ceil(scores.length / POINTS_MAX));
  const thresholds = [...new Set(scores.filter((_, index) => index % step === 0))];
  return thresholds.map((threshold) => {
    const rule = { threshold, margin };
    const right = probes.filter(({ top, found, person }) => found === person && isKnown(top, rule)).length;
    return { threshold, fpir: fpirAt(strangers, rule, strangers.people), fnir: 1 - right / probes.length };
  });
}

function histogramOf({ probes, strangers }: Scored, heldOut: ReadonlySet<string>): Evidence['histogram'] {
  const bestOf = (searches: readonly { top: readonly number[] }[]) => searches.flatMap(({ top }) => top.slice(0, 1));
  const staff = bestOf(probes.filter(({ person }) => !heldOut.has(person)));
  const newcomers = bestOf(probes.filter(({ person }) => heldOut.has(person)));
  const others = bestOf(strangers.searches);
  const all = [...staff, ...newcomers, ...others];
  const [low, high] = all.reduce(([min, max], score) => [Math.min(min, score), Math.max(max, score)], [1, -1]);
  const width = (high - low || 1) / BINS;
  const countsOf = (scores: readonly number[]) => {
    const counts = Array.from({ length: BINS }, () => 0);
    for (const score of scores) counts[Math.min(BINS - 1, Math.floor((score - low) / width))]! += 1;
    return counts;
  };
  return {
    edges: Array.from({ length: BINS + 1 }, (_, index) => low + index * width),
    staff: countsOf(staff),
    newcomers: countsOf(newcomers),
    strangers: countsOf(others),
  };
}

/** Strangers who come nearest to a name, or have one. */
const worstAccepts = ({ strangers }: Scored, margin: number): StrangerTrial[] =>
  strangers.searches
    .filter(({ top }) => isKnown(top, { threshold: -Infinity, margin }))
    .sort((a, b) => b.top[0]! - a.top[0]!)
    .slice(0, WORST_MAX);

/** Probes that are furthest from their own name. */
const worstRejects = ({ probes }: Scored): ProbeScore[] =>
  probes
    .filter(({ known, found, person }) => !known || found !== person)
    .sort((a, b) => a.own - a.top[0]! - (b.own - b.top[0]!) || a.own - b.own)
    .slice(0, WORST_MAX);

const acceptOf = async ({ image, found, top }: StrangerTrial, images: LoadedImages) => ({
  image: images.ids[image]!,
  picture: await pictureOf(image, images),
  person: found,
  score: top[0]!,
});

const rejectOf = async ({ image, person, found, own }: ProbeScore, images: LoadedImages) => ({
  ...{ image: images.ids[image]!, picture: await pictureOf(image, images), person, found },
  score: own,
});

const alikeOf = async ({ score, images }: AlikePair, enrolled: LoadedImages) => ({
  score,
  images: await Promise.all(
    images.map(async (image) => ({
      person: enrolled.labels[enrolled.classes[image]!]!,
      image: enrolled.ids[image]!,
      picture: await pictureOf(image, enrolled),
    })),
  ),
});

async function pictureOf(image: number, images: LoadedImages): Promise<string> {
  return (await encodePng(await readImages(images, [image]), images.spec)).toString('base64');
}
