/**
 * What the model in service makes of the images that are new tonight: how much a source's are like their people, and whose
 * are more like somebody else. Pure; look-at-new.ts shows the images to the model, compare.ts calls this for its sentences.
 */
import type { ChecksConfig } from '../../contracts/configuration/checks.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import { listed } from './listed.ts';

/** A new image of somebody whom the model in service knows. */
export interface Seen {
  /** The name of its source, and the source's own id. */
  readonly source: string;
  readonly id: string;
  readonly label: string;
  /** Cosine with the row of the own person in the gallery that serves. */
  readonly own: number;
  /** The other person whose row is most like it; null if there is nobody else. */
  readonly other: { readonly label: string; readonly score: number } | null;
}

/** Of probes, which the model had not learned when it was judged: the mean cosine with their own rows. */
export interface FormerLikeness {
  readonly source: string;
  readonly probes: number;
  readonly likeness: number;
}

export interface Likeness {
  readonly seen: readonly Seen[];
  readonly former: readonly FormerLikeness[];
  /** Why the images could not be shown to the model; null if they were. */
  readonly lost: string | null;
}

/** So few images, or images of so few people, say nothing about a source. */
const IMAGES_MIN = 10;
const PEOPLE_MIN = 3;
/** Standard errors; the images of one person count as one observation. */
const BEYOND_CHANCE = 2;
/** One image may look like somebody else on any day. */
const DOUBTFUL_MIN = 2;
const LEAST_NAMED_MAX = 5;

/** A sentence for each source whose new images are less like their people. */
export function lessAlike({ seen, former }: Likeness, { fall }: ChecksConfig['likeness'], { many }: Noun): string[] {
  return [...grouped(seen, ({ source }) => source)].flatMap(([source, images]) => {
    const was = formerOf(source, former);
    const people = meansOf(images);
    if (was === null || images.length < IMAGES_MIN || people.length < PEOPLE_MIN) return [];
    const now = mean(images.map(({ own }) => own));
    const error = deviation(people.map((it) => it.mean)) / Math.sqrt(people.length);
    if (was - now <= Math.max(fall, BEYOND_CHANCE * error)) return [];
    const least = people.slice(0, LEAST_NAMED_MAX).map((it) => `${it.label} ${hundredths(it.mean)}`);
    return [
      `source "${source}": ${images.length} new images are like their ${many} by ${hundredths(now)} (mean cosine under the ` +
        `model in service), the probes of its night were by ${hundredths(was)}; the least: ${least.join(', ')}`,
    ];
  });
}

/** Without the sign of a number that is shown as none. */
const hundredths = (value: number) => value.toFixed(2).replace(/^-(0\.00)$/, '$1');

export interface Doubt {
  readonly label: string;
  /** New ones that were looked at. */
  readonly images: number;
  /** Of these, those that are more like somebody else. */
  readonly doubtful: readonly Seen[];
}

/** People most of whose new images are more like somebody else, in the order of their names. */
export function doubtsOf({ seen }: Likeness, { margin, share }: ChecksConfig['likeAnother']): Doubt[] {
  return [...grouped(seen, ({ label }) => label)]
    .map(([label, images]) => ({
      ...{ label, images: images.length },
      doubtful: images.filter(({ own, other }) => other !== null && other.score - own > margin),
    }))
    .filter(({ images, doubtful }) => doubtful.length >= DOUBTFUL_MIN && doubtful.length > share * images)
    .sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** One sentence on all of them; null if there are none. */
export function describeDoubts(doubts: readonly Doubt[], { one, many }: Noun): string | null {
  if (doubts.length === 0) return null;
  return `to the model in service, new images of ${doubts.length} ${doubts.length === 1 ? one : many} are more like somebody else: ${listed(doubts.map(describeDoubt), '; ')}`;
}

function describeDoubt({ label, images, doubtful }: Doubt): string {
  const sources = [...new Set(doubtful.map(({ source }) => `"${source}"`))].sort().join(' and ');
  return `"${label}" ${doubtful.length} of ${images} from ${sources}, most like "${mostFrequent(doubtful)}"`;
}

function mostFrequent(doubtful: readonly Seen[]): string {
  const groups = [...grouped(doubtful, ({ other }) => other?.label ?? '')];
  return groups.sort(([a, of], [b, others]) => others.length - of.length || (a < b ? -1 : 1))[0]![0]; // Two at least.
}

/** Of the source itself, or of all if it had too few probes that night. */
function formerOf(source: string, former: readonly FormerLikeness[]): number | null {
  const own = former.find((it) => it.source === source);
  if (own && own.probes >= IMAGES_MIN) return own.likeness;
  const probes = former.reduce((sum, it) => sum + it.probes, 0);
  return probes === 0 ? null : former.reduce((sum, it) => sum + it.likeness * it.probes, 0) / probes;
}

/** Of each person, the least alike first. */
const meansOf = (images: readonly Seen[]) =>
  [...grouped(images, ({ label }) => label)]
    .map(([label, theirs]) => ({ label, mean: mean(theirs.map(({ own }) => own)) }))
    .sort((a, b) => a.mean - b.mean || (a.label < b.label ? -1 : 1));

function grouped<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return groups;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}
