/**
 * Which people a model takes for most alike, for people to look at: one person under two names, images under a wrong one, or
 * siblings. Called by verify.ts; evidence.ts adds the pictures.
 */
import type { ImageSet } from '../data/strategy.ts';
import { galleryOf, type GalleryRows } from '../serving/gallery/gallery.ts';
import { scoreEach } from './scores.ts';

export interface AlikePair {
  /** Cosine of the two people's rows. */
  readonly score: number;
  /** Of each of the two the image that is most like one of the other, as its index in the set. */
  readonly images: readonly [number, number];
}

const PAIRS_MAX = 12;
/**
 * Pairs of people that are compared: all up to 5,000 people, some seconds of one core at 128 dimensions. Of more people some, drawn
 * evenly, are compared with everybody.
 */
const COMPARED_MAX = 25_000_000;
/** Of one person, the first ones. */
const IMAGES_COMPARED_MAX = 50;

type Enrolled = Pick<ImageSet, 'classes' | 'labels' | 'count'>;

/** `rows`: [images.count, dimensions], of length 1. The most alike first. */
export async function mostAlike(rows: Float32Array, images: Enrolled, signal: AbortSignal): Promise<AlikePair[]> {
  const gallery = galleryOf(rows, images);
  const pairs = await nearestPairs(gallery, signal);
  const wanted = new Set(pairs.flatMap(({ people }) => people.map((row) => gallery.labels[row]!)));
  const imagesOf = imagesByName(images, wanted);
  const dimensions = rows.length / Math.max(1, images.count);
  const rowOf = (image: number) => rows.subarray(image * dimensions, (image + 1) * dimensions);
  return pairs.map(({ score, people: [one, other] }) => {
    const [ones, others] = [imagesOf.get(gallery.labels[one]!)!, imagesOf.get(gallery.labels[other]!)!]; // Each row has images.
    return { score, images: nearestImages(ones, others, rowOf) };
  });
}

interface PairOfRows {
  readonly score: number;
  readonly people: readonly [number, number];
}

async function nearestPairs(gallery: GalleryRows, signal: AbortSignal): Promise<PairOfRows[]> {
  const count = gallery.labels.length;
  if (count < 2) return [];
  const dimensions = gallery.embeddings.length / count;
  const step = Math.max(1, Math.ceil(count ** 2 / COMPARED_MAX));
  const drawn = Array.from({ length: Math.ceil(count / step) }, (_, at) => at * step);
  const rows = new Float32Array(drawn.length * dimensions);
  drawn.forEach((row, at) =>
    rows.set(gallery.embeddings.subarray(row * dimensions, (row + 1) * dimensions), at * dimensions),
  );
  const best: PairOfRows[] = [];
  await scoreEach(gallery, { rows, count: drawn.length }, signal, (at, scores) => {
    const row = drawn[at]!; // One per row of scores.
    scores.forEach((score, other) => {
      // Where both are drawn, the pair is met twice.
      if (other === row || (other < row && other % step === 0)) return;
      if (best.length === PAIRS_MAX && score <= best.at(-1)!.score) return;
      const place = best.findIndex((pair) => pair.score < score);
      best.splice(place === -1 ? best.length : place, 0, { score, people: [row, other] });
      best.length = Math.min(best.length, PAIRS_MAX);
    });
  });
  return best;
}

function imagesByName({ classes, labels }: Enrolled, wanted: ReadonlySet<string>): Map<string, number[]> {
  const images = new Map([...wanted].map((name) => [name, [] as number[]]));
  classes.forEach((classIndex, image) => {
    const theirs = images.get(labels[classIndex]!);
    if (theirs && theirs.length < IMAGES_COMPARED_MAX) theirs.push(image);
  });
  return images;
}

function nearestImages(
  ones: readonly number[],
  others: readonly number[],
  rowOf: (image: number) => Float32Array,
): [number, number] {
  let nearest: [number, number] = [ones[0]!, others[0]!]; // Each has one at least.
  let best = -Infinity;
  for (const one of ones)
    for (const other of others) {
      const score = product(rowOf(one), rowOf(other));
      if (score <= best) continue;
      [best, nearest] = [score, [one, other]];
    }
  return nearest;
}

const product = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
