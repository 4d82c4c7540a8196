/**
 * The embeddings of all enrolled people under ONE model, the search in it, and the decision that it is served with. The
 * verifier builds galleries, replicas search them. The search is exact: a million products per thousand people are less
 * work than one run of the model.
 */
import { z } from 'zod';
import { DecisionSchema, type Decision } from '../../../contracts/decision.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { DigestSchema } from '../../../contracts/references.ts';
import type { EmbeddableImages, ImageSet } from '../../data/strategy.ts';
import { legacyDecision } from '../../decision/in-force.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import { embedAll, type EmbedAllOptions } from '../host/embed-all.ts';
import type { ModelHost } from '../strategy.ts';

/** People whom an embedding can be compared with. */
export interface GalleryRows {
  /** One name per row. */
  readonly labels: readonly string[];
  /** [labels.length, dimensions], rows of length 1. */
  readonly embeddings: Float32Array;
}

/** Of a release: the rows, and by which scores somebody counts as the person of a row. */
export interface Gallery extends GalleryRows {
  readonly decision: Decision;
}

export interface Match {
  readonly person: string;
  /** Cosine, -1..1. */
  readonly score: number;
}

/** One row per person: the mean of their embeddings, brought to length 1. People without an image are left out. */
export async function buildGallery(
  host: ModelHost,
  images: EmbeddableImages,
  options: EmbedAllOptions = {},
): Promise<GalleryRows> {
  return galleryOf(await embedAll(host, images, options), images);
}

/** The same from embeddings that are there already, [images.count, dimensions]. */
export const galleryOf = (rows: Float32Array, images: Pick<ImageSet, 'classes' | 'labels' | 'count'>): GalleryRows =>
  galleryOfParts([{ rows, ...images }], images.labels);

/** The same from several sets of images of the same people, one after the other. */
export function galleryOfParts(
  parts: readonly (Pick<ImageSet, 'classes' | 'count'> & { readonly rows: Float32Array })[],
  labels: readonly string[],
): GalleryRows {
  const some = parts.find(({ count }) => count > 0);
  const dimensions = some ? some.rows.length / some.count : 0;
  const present = [...new Set(parts.flatMap(({ classes }) => [...new Set(classes)]))].sort((a, b) => a - b);
  const rowOfClass = new Map(present.map((classIndex, row) => [classIndex, row]));
  const embeddings = new Float32Array(present.length * dimensions);
  for (const { classes, rows } of parts)
    classes.forEach((classIndex, image) => {
      const row = rowOfClass.get(classIndex)!;
      for (let d = 0; d < dimensions; d++) embeddings[row * dimensions + d]! += rows[image * dimensions + d]!;
    });
  for (let row = 0; row < present.length; row++)
    normalise(embeddings.subarray(row * dimensions, (row + 1) * dimensions));
  return { labels: present.map((classIndex) => labels[classIndex]!), embeddings };
}

/** The `topK` best rows for one embedding of length 1, best first. */
export function identify(gallery: GalleryRows, embedding: Float32Array, topK: number): readonly Match[] {
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
export function scoreOf({ embeddings, labels }: GalleryRows, row: number, embedding: Float32Array): number {
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

/** Throws if the decision is none, such as one with a threshold that is NaN: no replica could read it. */
export function writeGallery({ gallery, modelDigest }: StoredGallery): Buffer {
  const { labels, embeddings } = gallery;
  const shape = [labels.length, labels.length === 0 ? 0 : embeddings.length / labels.length];
  const decision = JSON.stringify(DecisionSchema.parse(gallery.decision));
  const metadata = { format: FORMAT, labels: JSON.stringify(labels), modelDigest, decision };
  return writeSafetensors({ tensors: { embeddings: { shape, data: embeddings } }, metadata });
}

/** The bytes become the gallery's: of a hundred thousand people a copy is 50 MB. Throws BLOB_CORRUPT, naming `what`. */
export function readGallery(bytes: Uint8Array, what: string): StoredGallery {
  const file = readSafetensors(bytes, what, { inPlace: true });
  const { data: embeddings, shape } = floatTensor(file, 'embeddings', 2, what);
  const metadata = MetadataSchema.safeParse(file.metadata);
  if (!metadata.success) throw corrupt(what, z.prettifyError(metadata.error));
  const { labels, modelDigest } = metadata.data;
  if (labels.length !== shape[0]) throw corrupt(what, `${labels.length} labels for ${shape[0]} rows`);
  const decision = metadata.data.format === FORMAT ? metadata.data.decision : legacyDecision(metadata.data.threshold);
  return { gallery: { labels, embeddings, decision }, modelDigest };
}

const FORMAT = 'nightshift.gallery/2';
/** Of releases of before 0.3.0, which may still be rolled back to. */
const FORMAT_BEFORE = 'nightshift.gallery/1';

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});
const NAMES = {
  labels: json.pipe(z.custom<string[]>(isListOfNames, 'no list of names')),
  modelDigest: DigestSchema,
};
const MetadataSchema = z.discriminatedUnion('format', [
  z.object({ format: z.literal(FORMAT), ...NAMES, decision: json.pipe(DecisionSchema) }),
  z.object({ format: z.literal(FORMAT_BEFORE), ...NAMES, threshold: z.string().transform(Number).pipe(z.number()) }),
]);

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
