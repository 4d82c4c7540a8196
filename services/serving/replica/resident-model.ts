/**
 * A release in a replica's memory: a warm, checked model host and the gallery of that very model. Loading one touches
 * nothing that serves. Called by the inference actor.
 */
import type { BlobReader } from '../../../contracts/blobs.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import type { ImageSpec } from '../../../contracts/dataset.ts';
import type { ModelPair } from '../../../contracts/release.ts';
import { openFaces, type Faces } from '../../data/faces/face-threads.ts';
import { readGallery, type Gallery } from '../gallery/gallery.ts';
import { loadPeople, type People } from '../gallery/people.ts';
import { checkGolden, readGolden, type Golden } from '../host/golden.ts';
import type { HostProcesses } from '../host/host-spares.ts';
import { createModelHost } from '../host/model-host.ts';
import type { ModelHost, ModelHostOptions } from '../strategy.ts';

export interface ResidentModel {
  readonly pair: ModelPair;
  readonly modelDigest: string;
  readonly galleryDigest: string;
  /** The images that it takes. */
  readonly image: ImageSpec;
  readonly host: ModelHost;
  /** Finds the face in a photograph; null if the model sees whole pictures. */
  readonly faces: Faces | null;
  /** The gallery of that model, and who was enrolled and removed since. */
  readonly people: People;
  /** The last change of the gallery that is in `people`. */
  readonly enrolments: { readonly applied: number };
  /** Ends the host after what is in flight has been answered. */
  close(): Promise<void>;
}

export interface LoadOptions {
  readonly pair: ModelPair;
  readonly blobs: BlobReader;
  readonly options: Omit<ModelHostOptions, 'model' | 'image' | 'prepare'>;
  readonly processes?: HostProcesses;
}

/** A session is slower until its memory is planned; after three runs of each size it no longer changes. */
const WARM_UP_RUNS = 3;

/**
 * Throws BLOB_MISSING, BLOB_CORRUPT (the store checks digests), DISK_FULL, MODEL_INVALID, HOST_FAILED, or
 * MODEL_MISMATCH when golden samples or gallery do not belong to the model. A host that was started by then is ended
 * again.
 */
export async function loadResident({ pair, blobs, options, processes }: LoadOptions): Promise<ResidentModel> {
  const [model, galleryBytes, goldenBytes, facesBytes] = await Promise.all([
    blobs.get(pair.model),
    blobs.get(pair.gallery),
    blobs.get(pair.golden),
    pair.faces ? blobs.get(pair.faces) : null,
  ]);
  const { gallery, modelDigest } = readGallery(galleryBytes, `gallery ${pair.gallery.key}`);
  const golden = readGolden(goldenBytes, `golden samples ${pair.golden.key}`);
  checkPair(pair, modelDigest);
  const prepare = async (host: ModelHost) => {
    checkGallery(gallery, host, pair);
    await warmUp(host, golden);
    await checkGolden(host, golden);
  };
  const host = await createModelHost({ model, image: golden.spec, ...options, prepare }, processes);
  let faces: Faces | null = null;
  try {
    faces = facesBytes && (await openFaces(facesBytes));
    // At the priority at which it serves: from this run on it knows what a run takes.
    await embedOne(host, golden);
    const people = await loadPeople(gallery, host.dimensions);
    return {
      faces,
      ...{ pair, modelDigest: pair.model.digest, galleryDigest: pair.gallery.digest, image: golden.spec, host },
      people,
      enrolments: { applied: 0 },
      close: async () => {
        await host.close();
        await people.close();
        await faces?.close();
      },
    };
  } catch (error) {
    await faces?.close();
    await host.close();
    throw error;
  }
}

function checkPair(pair: ModelPair, galleryOfDigest: string): void {
  if (galleryOfDigest === pair.model.digest) return;
  const why = `was computed with model ${galleryOfDigest}, not with ${pair.model.digest}`;
  throw new PipelineError('MODEL_MISMATCH', `gallery ${pair.gallery.key} of run ${pair.runId} ${why}`);
}

function checkGallery({ labels, embeddings }: Gallery, host: ModelHost, pair: ModelPair): void {
  if (embeddings.length === labels.length * host.dimensions) return;
  const why = `has rows of ${embeddings.length / labels.length} values; the model yields ${host.dimensions}`;
  throw new PipelineError('MODEL_MISMATCH', `gallery ${pair.gallery.key} of run ${pair.runId} ${why}`);
}

/** Single images, as most requests are; the golden check is the first larger batch. */
async function warmUp(host: ModelHost, golden: Golden): Promise<void> {
  for (let i = 0; i < WARM_UP_RUNS; i++) await embedOne(host, golden);
}

const embedOne = (host: ModelHost, { pixels, count }: Golden) =>
  host.embed({ pixels: pixels.subarray(0, pixels.length / count), count: 1 });
