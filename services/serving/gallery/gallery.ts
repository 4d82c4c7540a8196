/**
 * The embeddings of all enrolled people under ONE model, and the search in it. The verifier builds galleries, replicas
 * search them. The search is exact: a million products per thousand people are less work than one run of the model.
 */
import { z } from 'zod';
import { PipelineError } from '../../../contracts/errors.ts';
import { DigestSchema } from '../../../contracts/references.ts';
import type { LabelledImages } from '../../data/strategy.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import { embedAll, type EmbedAllOptions } from '../host/embed-all.ts';
import type { ModelHost } from '../strategy.ts';

export interface Gallery {
  /** One name per row. */
  readonly labels: readonly string[];
  /** [labels.length, dimensions], rows of length 1. */
  readonly embeddings: Float32Array;
  /** Cosine score from which a face counts as the person of a row; below it the person is unknown. */
  readonly threshold: number;
}

export interface Match {
  readonly person: string;
  /** Cosine, -1..1. */
  readonly score: number;
}

/** One row per person: the mean of their embeddings, brought to length 1. People without an image are left out. */
export async function buildGallery(
  host: ModelHost,
  images: LabelledImages,
  threshold: number,
  options: EmbedAllOptions = {},
): Promise<Gallery> {
  return galleryOf(await embedAll(host, images, options), images, threshold);
}

/** The same from embeddings that are there already, [images.count, dimensions]. */
export function galleryOf(
  rows: Float32Array,
  images: Pick<LabelledImages, 'classes' | 'labels' | 'count'>,
  threshold: number,
): Gallery {
  const dimensions = images.count === 0 ? 0 : rows.length / images.count;
  const present = [...new Set(images.classes)].sort((a, b) => a - b);
  const rowOfClass = new Map(present.map((classIndex, row) => [classIndex, row]));
  const embeddings = new Float32Array(present.length * dimensions);
  images.classes.forEach((classIndex, image) => {
    const row = rowOfClass.get(classIndex)!;
    for (let d = 0; d < dimensions; d++) embeddings[row * dimensions + d]! += rows[image * dimensions + d]!;
  });
  for (let row = 0; row < present.length; row++)
    normalise(embeddings.subarray(row * dimensions, (row + 1) * dimensions));
  return { labels: present.map((classIndex) => images.labels[classIndex]!), embeddings, threshold };
}

/** The `topK` best rows for one embedding of length 1, best first. */
export function identify(gallery: Gallery, embedding: Float32Array, topK: number): readonly Match[] {
  const best: Match[] = [];
  gallery.labels.forEach((person, row) => {
    const score = scoreOf(gallery, row, embedding);
    if (best.length === topK && score <= best[topK - 1]!.score) return;
    const place = best.findIndex((match) => match.score < score);
    best.splice(place === -1 ? best.length : place, 0, { person, score });
    if (best.length > topK) best.pop();
  });
  return best;
}

/** Cosine between an embedding and one row of the gallery. */
export function scoreOf({ embeddings, labels }: Gallery, row: number, embedding: Float32Array): number {
  const dimensions = embeddings.length / labels.length;
  const offset = row * dimensions;
  let sum = 0;
  for (let d = 0; d < dimensions; d++) sum += embeddings[offset + d]! * embedding[d]!;
  return sum;
}

export interface StoredGallery {
  readonly gallery: Gallery;
  /** The model with which it was computed; with any other it is meaningless. */
  readonly modelDigest: string;
}

export function writeGallery({ gallery, modelDigest }: StoredGallery): Buffer {
  const { labels, embeddings, threshold } = gallery;
  const shape = [labels.length, labels.length === 0 ? 0 : embeddings.length / labels.length];
  const metadata = { format: FORMAT, labels: JSON.stringify(labels), modelDigest, threshold: String(threshold) };
  return writeSafetensors({ tensors: { embeddings: { shape, data: embeddings } }, metadata });
}

/** The bytes become the gallery's: of a hundred thousand people a copy is 50 MB. Throws BLOB_CORRUPT, naming `what`. */
export function readGallery(bytes: Uint8Array, what: string): StoredGallery {
  const file = readSafetensors(bytes, what, { inPlace: true });
  const { data: embeddings, shape } = floatTensor(file, 'embeddings', 2, what);
  const metadata = MetadataSchema.safeParse(file.metadata);
  if (!metadata.success) throw corrupt(what, z.prettifyError(metadata.error));
  const { labels, modelDigest, threshold } = metadata.data;
  if (labels.length !== shape[0]) throw corrupt(what, `${labels.length} labels for ${shape[0]} rows`);
  return { gallery: { labels, embeddings, threshold }, modelDigest };
}

const FORMAT = 'nightshift.gallery/1';
const MetadataSchema = z.object({
  format: z.literal(FORMAT),
  labels: z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue({ code: 'custom', message: 'not JSON' });
        return z.NEVER;
      }
    })
    .pipe(z.custom<string[]>(isListOfNames, 'no list of names')),
  modelDigest: DigestSchema,
  threshold: z.string().transform(Number).pipe(z.number()),
});

/** Looked at here and not by a schema for each: there may be half a million. */
function isListOfNames(labels: unknown): boolean {
  return Array.isArray(labels) && labels.every((label) => typeof label === 'string');
}

/** To length 1, in place. */
export function normalise(row: Float32Array): void {
  const length = Math.hypot(...row);
  // Opposite embeddings may cancel out; such a row stays zero and matches nobody.
  if (length > 0) for (let d = 0; d < row.length; d++) row[d]! /= length;
}

const corrupt = (what: string, why: string) => new PipelineError('BLOB_CORRUPT', `${what}: not a gallery: ${why}`);
