/**
 * Shows the images that are new tonight to the model in service, before anything learns from them, and compares each with
 * the gallery that serves (likeness.ts says what follows). The model runs in a process of its own, as in service. Called by
 * snapshot.ts; docs/decisions/0027 says why the collector does it.
 */
import { z } from 'zod';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { ChecksConfig } from '../../contracts/configuration/checks.ts';
import type { DataSheet } from '../../contracts/data-sheet.ts';
import type { DatasetManifest, ImageSpec } from '../../contracts/dataset.ts';
import { toFailure } from '../../contracts/errors.ts';
import { personName } from '../../contracts/person-name.ts';
import type { ModelPair } from '../../contracts/release.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { AccuracySchema } from '../../contracts/verification.ts';
import { readGallery, type GalleryRows } from '../serving/gallery/gallery.ts';
import { embedAll } from '../serving/host/embed-all.ts';
import { createModelHost } from '../serving/host/model-host.ts';
import { REPORT_FILE } from '../report/files.ts';
import { scoreEach } from '../verification/scores.ts';
import type { WorkContext } from '../work.ts';
import { imageBytesOf } from './image-reader.ts';
import { decodeImage } from './images.ts';
import type { FormerLikeness, Likeness, Seen } from './likeness.ts';
import { freshOf, mixed, type Shown } from './sheet.ts';
import type { ReadableImages } from './strategy.ts';

/**
 * One of each person before two of anybody. On one core so many take a net of 64 x 64 pixels some seconds, and a large
 * backbone some minutes.
 */
const IMAGES_MAX = 5_000;
const HOST_OPTIONS = { queueMax: 8, batchMax: 32, threads: 1 } as const;

/** Of the model in service: its files, and the run that made it. */
export type InService = Pick<ModelPair, 'model' | 'gallery' | 'runId'>;

export interface LookAtNewJob extends Pick<WorkContext, 'signal' | 'log'> {
  readonly model: string;
  readonly inService: InService;
  readonly checks: ChecksConfig;
  readonly blobs: BlobStore;
}

export interface NewNight {
  /** Of everybody enrolled. */
  readonly samples: readonly Shown[];
  readonly form: Pick<DatasetManifest, 'image' | 'faces'>;
  /** The snapshot and the sheet of the model in service; null: none, or gone. */
  readonly before: DatasetManifest | null;
  readonly sheetBefore: DataSheet | null;
}

/** Null if neither check is on. Throws what is worth another attempt, and the signal's reason. */
export async function lookAtNew(job: LookAtNewJob, night: NewNight): Promise<Likeness | null> {
  const { checks, signal, log } = job;
  if (checks.likeness.action === 'off' && checks.likeAnother.action === 'off') return null;
  const lost = (why: string): Likeness => ({ seen: [], former: [], lost: why });
  if (night.sheetBefore === null) return lost('of its night no sheet is stored, so nobody knows what is new');
  const other = otherForm(night);
  if (other !== null) return lost(other);
  try {
    const seen = await seenBy(job, freshOf(night.sheetBefore, night.samples), night.form.image);
    return { seen, former: seen.length === 0 ? [] : await formerLikeness(job), lost: null };
  } catch (error) {
    signal.throwIfAborted();
    const failure = toFailure(error);
    if (failure.retryable) throw error;
    log.warn({ failure }, 'collector: new images could not be shown to the model in service');
    return lost(`${failure.code}: ${failure.message}`);
  }
}

/** Why tonight's images are no input for that model. */
function otherForm({ form: { image, faces }, before }: NewNight): string | null {
  if (before === null) return 'its snapshot is gone';
  if (describe(before.image) !== describe(image)) return `it sees ${describe(before.image)}, not ${describe(image)}`;
  return before.faces?.digest === faces?.digest ? null : 'it sees faces that were cut out in another way';
}
const describe = ({ width, height, channels }: ImageSpec) => `${width}x${height}x${channels}`;

async function seenBy(job: LookAtNewJob, fresh: readonly Shown[], image: ImageSpec): Promise<Seen[]> {
  const { blobs, inService, signal, log } = job;
  if (fresh.length === 0) return [];
  const { gallery } = readGallery(await blobs.get(inService.gallery), inService.gallery.key);
  const rowOf = new Map(gallery.labels.map((label, row) => [personName(label), row]));
  const known = mixed(fresh).filter(({ label }) => rowOf.has(personName(label)));
  const chosen = known.slice(0, IMAGES_MAX);
  if (chosen.length === 0) return [];
  log.info({ images: chosen.length, new: fresh.length }, 'new images are shown to the model in service');
  const rows = await embedded(job, chosen, image);
  const seen: Seen[] = [];
  await scoreEach(gallery, { rows, count: chosen.length }, signal, (at, scores) => {
    const { source, id, label } = chosen[at]!; // One score row for each.
    const own = rowOf.get(personName(label))!; // As filtered above.
    seen.push({ source, id, label, own: scores[own]!, other: bestOther(gallery, scores, own) });
  });
  return seen;
}

function bestOther({ labels }: GalleryRows, scores: Float32Array, own: number): Seen['other'] {
  let best = -1;
  scores.forEach((score, row) => {
    if (row !== own && (best === -1 || score > scores[best]!)) best = row;
  });
  return best === -1 ? null : { label: labels[best]!, score: scores[best]! };
}

async function embedded({ blobs, inService, signal }: LookAtNewJob, chosen: readonly Shown[], spec: ImageSpec) {
  const imageBytes = imageBytesOf(spec);
  const images: ReadableImages = {
    ...{ spec, labels: [], classes: new Int32Array(chosen.length), count: chosen.length },
    read: async (indices, target) => {
      for (const [place, index] of indices.entries()) {
        const sample = chosen[index]!; // Indices are those of the set.
        const what = `${sample.source}/${sample.id}`;
        target.set(await decodeImage(await sample.picture(), spec, what), place * imageBytes);
      }
    },
  };
  const host = await createModelHost({ model: await blobs.get(inService.model), image: spec, ...HOST_OPTIONS });
  try {
    return await embedAll(host, images, { signal });
  } finally {
    await host.close();
  }
}

/** Of reports of before 0.6.0 nothing: they do not say it. */
const ReportSchema = z.object({
  candidate: z.object({ accuracy: z.object({ slices: AccuracySchema.shape.slices }) }),
});
const SOURCE_TAG = 'source: ';

async function formerLikeness({ model, inService, blobs }: LookAtNewJob): Promise<FormerLikeness[]> {
  const ref = await blobs.find(BUCKETS.reports, `${model}/${inService.runId}/${REPORT_FILE}`);
  if (!ref) return [];
  const report = ReportSchema.safeParse(JSON.parse((await blobs.get(ref)).toString()));
  const slices = report.data?.candidate.accuracy.slices ?? [];
  return slices.flatMap(({ tag, figures: { probes }, likeness }) =>
    tag.startsWith(SOURCE_TAG) && likeness !== undefined
      ? [{ source: tag.slice(SOURCE_TAG.length), probes, likeness }]
      : [],
  );
}
