/**
 * The sheet of a night's data (contracts/data-sheet.ts): written by the collector beside the run's report, before anything
 * is trained, so that a held run can be looked into. Called by snapshot.ts.
 */
import type { BlobStore } from '../../contracts/blobs.ts';
import { DataSheetSchema, type DataSheet, type Picture } from '../../contracts/data-sheet.ts';
import type { DataFinding, DatasetManifest } from '../../contracts/dataset.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { SHEET_FILE } from '../report/files.ts';
import { personName } from '../../contracts/person-name.ts';
import type { WorkContext } from '../work.ts';
import { isGone } from './learned.ts';
import { samplesOf } from './load.ts';

/** A page of each kind. */
const PICTURES_MAX = 24;
/** Of the snapshot before, so many samples are looked through for those that are gone. */
const LOOKED_THROUGH_MAX = 20_000;

export const sheetKey = (model: string, runId: string): string => `${model}/${runId}/${SHEET_FILE}`;

export interface SheetMeans extends Pick<WorkContext, 'signal' | 'log'> {
  readonly blobs: BlobStore;
}

export interface SheetOf {
  readonly model: string;
  readonly runId: string;
  /** The run that made the model in service, whose sheet lies beside its report; null if there is none. */
  readonly championRun: string | null;
}

/** A sample of tonight, with the way to its picture. */
export interface Shown {
  readonly label: string;
  readonly source: string;
  readonly id: string;
  readonly digest: string;
  /** PNG. */
  picture(): Promise<Buffer>;
}

export interface Night {
  readonly dataset: BlobRef;
  readonly manifest: DatasetManifest;
  readonly findings: readonly DataFinding[];
  /** Of everybody enrolled. */
  readonly samples: readonly Shown[];
  /** The picture of a sample that was set aside, if it could be decoded. */
  quarantinedPicture(source: string, id: string): Promise<Buffer | null>;
  /** The snapshot of the model in service; null: none, or gone. */
  readonly before: { readonly ref: BlobRef; readonly manifest: DatasetManifest } | null;
  /** The sheet of the night that it comes from; null: none, or it cannot be read. */
  readonly sheetBefore: DataSheet | null;
}

/**
 * Stores it and answers it. What of the night before cannot be read is left out, with a warning: no night fails for its
 * sheet. Throws the blob store's errors while it stores, or the signal's reason.
 */
export async function storeSheet(of: SheetOf, night: Night, means: SheetMeans): Promise<DataSheet> {
  const { blobs } = means;
  const sheet = await sheetOf(of, night, means);
  await blobs.put(BUCKETS.reports, sheetKey(of.model, of.runId), Buffer.from(JSON.stringify(sheet)));
  return sheet;
}

/** Null where there is none, as of a release that was made before 0.6.0. */
export async function sheetBefore(
  { model, championRun }: SheetOf,
  { blobs, log }: SheetMeans,
): Promise<DataSheet | null> {
  const ref = championRun === null ? null : await blobs.find(BUCKETS.reports, sheetKey(model, championRun));
  if (!ref) return null;
  try {
    return DataSheetSchema.parse(JSON.parse((await blobs.get(ref)).toString()));
  } catch (err) {
    if (err instanceof PipelineError && !isGone(err)) throw err;
    log.warn(
      { err, key: ref.key },
      'collector: the sheet of the night before cannot be read; tonight has none beside it',
    );
    return null;
  }
}

async function sheetOf(
  { model, runId }: SheetOf,
  { dataset, manifest, findings, samples, quarantinedPicture, before, sheetBefore }: Night,
  means: SheetMeans,
): Promise<DataSheet> {
  const { image, counts, heldOut, strangers, sources, content, labels, quarantined, quarantinedTotal } = manifest;
  const { nearCopies } = manifest;
  const people = peopleOf(samples);
  const now = marksOf(people);
  return {
    format: 'nightshift.data/1',
    ...{ runId, model, dataset, image, counts, sources, quarantinedTotal },
    ...(nearCopies !== undefined && { nearCopies }),
    content: content ?? null,
    comparedWith: before?.ref.digest ?? null,
    heldOut: heldOut.length,
    strangers: strangers.length,
    findings: [...findings],
    people,
    came: before ? missingIn(before.manifest.labels, labels) : [],
    left: before ? missingIn(labels, before.manifest.labels) : [],
    added: sheetBefore && (await added(freshOf(sheetBefore, samples))),
    gone: sheetBefore && before && (await goneFrom(sheetBefore, now, before.manifest, means)),
    quarantined: await withPictures(quarantined, quarantinedPicture),
  };
}

const marksOf = (people: DataSheet['people']): Marks =>
  new Map(people.map(({ label, images }) => [personName(label), new Set(images)]));
const markOf = (digest: string): string => digest.slice('sha256:'.length).slice(0, 12);

function peopleOf(samples: readonly Shown[]): DataSheet['people'] {
  const marks = new Map<string, string[]>();
  for (const { label, digest } of samples) {
    const theirs = marks.get(label) ?? [];
    theirs.push(markOf(digest));
    marks.set(label, theirs);
  }
  return [...marks]
    .map(([label, images]) => ({ label, images: images.sort() }))
    .sort((a, b) => (a.label < b.label ? -1 : 1));
}

/** Names of `tonight` that `before` lacks in every spelling. */
export function missingIn(before: readonly string[], tonight: readonly string[]): string[] {
  const known = new Set(before.map(personName));
  return tonight.filter((label) => !known.has(personName(label)));
}

/** By the form of a name. */
type Marks = ReadonlyMap<string, ReadonlySet<string>>;

/** Those that the sheet lacks under the same name. */
export function freshOf({ people }: Pick<DataSheet, 'people'>, samples: readonly Shown[]): readonly Shown[] {
  const former = marksOf(people);
  return samples.filter(({ label, digest }) => !former.get(personName(label))?.has(markOf(digest)));
}

async function added(fresh: readonly Shown[]): Promise<DataSheet['added']> {
  const pictures: Picture[] = [];
  for (const sample of mixed(fresh).slice(0, PICTURES_MAX)) {
    const { label, source, id } = sample;
    pictures.push({ label, source, id, picture: (await sample.picture()).toString('base64') });
  }
  return { total: fresh.length, pictures };
}

/** One of each person before two of anybody, and the same whatever the order of the source. */
export function mixed(samples: readonly Shown[]): readonly Shown[] {
  const seen = new Map<string, number>();
  return [...samples]
    .sort((a, b) => (a.digest < b.digest ? -1 : 1))
    .map((sample) => {
      const turn = seen.get(sample.label) ?? 0;
      seen.set(sample.label, turn + 1);
      return { sample, turn };
    })
    .sort((a, b) => a.turn - b.turn)
    .map(({ sample }) => sample);
}

async function goneFrom(
  { people }: DataSheet,
  now: Marks,
  before: DatasetManifest,
  means: SheetMeans,
): Promise<DataSheet['gone']> {
  const gone = new Set<string>();
  for (const { label, images } of people) {
    const left = now.get(personName(label));
    for (const mark of images) if (!left?.has(mark)) gone.add(`${mark} ${label}`);
  }
  if (gone.size === 0) return { total: 0, pictures: [] };
  return { total: gone.size, pictures: await picturesOf(gone, before, means) };
}

/** As many as can be read. */
function picturesOf(gone: ReadonlySet<string>, before: DatasetManifest, { blobs, signal, log }: SheetMeans) {
  const pictures: Picture[] = [];
  const looking = withScratch(async (folder) => {
    let looked = 0;
    for await (const { record, png } of samplesOf(before, ENROLLED, folder, blobs, signal)) {
      looked += 1;
      const { label, source, id, digest } = record;
      if (gone.has(`${markOf(digest)} ${label}`)) pictures.push({ label, source, id, picture: png.toString('base64') });
      if (pictures.length === PICTURES_MAX || looked === LOOKED_THROUGH_MAX) break;
    }
  });
  return looking.then(
    () => pictures,
    (err: unknown) => {
      if (!isGone(err)) throw err;
      log.warn({ err }, 'collector: pictures of the night before cannot be read, and so not be shown');
      return pictures;
    },
  );
}

const ENROLLED = ['train', 'validation', 'probe', 'held-out'] as const;

async function withPictures(
  quarantined: DatasetManifest['quarantined'],
  pictureOf: Night['quarantinedPicture'],
): Promise<DataSheet['quarantined']> {
  const listed: DataSheet['quarantined'] = [];
  let pictures = 0;
  for (const one of quarantined) {
    const png = pictures < PICTURES_MAX ? await pictureOf(one.source, one.id) : null;
    if (png) pictures += 1;
    listed.push(png ? { ...one, picture: png.toString('base64') } : one);
  }
  return listed;
}
