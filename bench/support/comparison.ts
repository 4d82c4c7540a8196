/**
 * Figures of recognition from rows of length 1, one per image, whatever made them: a net, Fisherfaces, plain pixels.
 * Called by accuracy.ts and floors.ts.
 */
import type { LabelledImages } from '../../services/data/strategy.ts';
import { galleryOf, scoreOf } from '../../services/serving/gallery/gallery.ts';
import { rank1, rocAuc, tarAtFar } from '../../services/verification/metrics.ts';

export interface Embedded {
  /** [images.count, dimensions] */
  readonly rows: Float32Array;
  readonly images: Pick<LabelledImages, 'classes' | 'labels' | 'count'>;
}

export interface VerificationFigures {
  readonly auc: number;
  /** True accept rate at a false accept rate of 1 %. */
  readonly tar1e2: number;
}

/** Share of probes whose most similar enrolled image is of the same person. */
export function rank1ByImage(enrolled: Embedded, probes: Embedded): number {
  return rank1Of(enrolled, probes, (probe) => {
    const best = new Float32Array(enrolled.images.labels.length).fill(-Infinity);
    enrolled.images.classes.forEach((person, image) => {
      best[person] = Math.max(best[person]!, product(probe, row(enrolled, image)));
    });
    return best;
  });
}

/** The same against the mean of each person, which is what replicas do. */
export function rank1ByMean(enrolled: Embedded, probes: Embedded): number {
  const gallery = galleryOf(enrolled.rows, enrolled.images);
  return rank1Of(enrolled, probes, (probe) => gallery.labels.map((_, person) => scoreOf(gallery, person, probe)));
}

/** Of all pairs of images: are they of the same person? */
export function verifyPairs(embedded: Embedded): VerificationFigures {
  const { classes, count } = embedded.images;
  const genuine: number[] = [];
  const impostor: number[] = [];
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      const side = classes[a] === classes[b] ? genuine : impostor;
      side.push(product(row(embedded, a), row(embedded, b)));
    }
  }
  const scores = [Float32Array.from(genuine), Float32Array.from(impostor)] as const;
  return { auc: rocAuc(...scores), tar1e2: tarAtFar(...scores, 1e-2).tar };
}

function rank1Of(
  { images: { labels } }: Embedded,
  probes: Embedded,
  scoresOf: (probe: Float32Array) => ArrayLike<number>,
): number {
  const scores = new Float32Array(probes.images.count * labels.length);
  for (let probe = 0; probe < probes.images.count; probe++)
    scores.set(scoresOf(row(probes, probe)), probe * labels.length);
  return rank1({ scores, people: labels.length, truth: probes.images.classes });
}

function row({ rows, images: { count } }: Embedded, index: number): Float32Array {
  const dimensions = rows.length / count;
  return rows.subarray(index * dimensions, (index + 1) * dimensions);
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
