/**
 * Files of labelled rows without somebody: galleries, and the weights that a training leaves for the next night. Null
 * where the person is not in them. Pure.
 */
import { decodeWeights, writeWeights } from '../training/loop/weights.ts';
import { readGallery, writeGallery } from '../serving/gallery/gallery.ts';

type IsPerson = (name: string) => boolean;

export interface Kept {
  readonly labels: string[];
  /** [labels.length, dimensions] */
  readonly rows: Float32Array;
}

/** `rows`: [labels.length, dimensions]. */
function without(labels: readonly string[], rows: Float32Array, isPerson: IsPerson): Kept | null {
  const kept = labels.flatMap((label, row) => (isPerson(label) ? [] : [row]));
  if (kept.length === labels.length) return null;
  const dimensions = rows.length / labels.length;
  const left = new Float32Array(kept.length * dimensions);
  kept.forEach((row, place) => left.set(rows.subarray(row * dimensions, (row + 1) * dimensions), place * dimensions));
  return { labels: kept.map((row) => labels[row]!), rows: left };
}

/** Throws BLOB_CORRUPT, naming `what`. */
export function galleryWithout(bytes: Uint8Array, what: string, isPerson: IsPerson): Buffer | null {
  const { gallery, modelDigest } = readGallery(bytes, what);
  const kept = without(gallery.labels, gallery.embeddings, isPerson);
  if (!kept) return null;
  return writeGallery({ gallery: { ...gallery, labels: kept.labels, embeddings: kept.rows }, modelDigest });
}

/** Throws BLOB_CORRUPT. */
export function weightsWithout(bytes: Uint8Array, isPerson: IsPerson): Uint8Array | null {
  const weights = decodeWeights(bytes);
  const kept = without(weights.labels, weights.classifier, isPerson);
  return kept && writeWeights({ ...weights, labels: kept.labels, classifier: kept.rows });
}
