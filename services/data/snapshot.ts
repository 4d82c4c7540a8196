/**
 * The collector's work: all sources at once -> one immutable, content-addressed snapshot in the blob store. The same
 * samples give the same digests, whichever source is faster and however often it runs. The set never sits in memory:
 * pictures go through spool files in a temporary folder, memory holds a record of each. Called by actors/collector.
 */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { ChecksConfig } from '../../contracts/configuration/checks.ts';
import type { SplitConfig } from '../../contracts/configuration/data.ts';
import type { FacesConfig } from '../../contracts/configuration/faces.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { DataFinding, DatasetManifest, ImageSpec, SampleRecord } from '../../contracts/dataset.ts';
import type { WorkContext } from '../work.ts';
import { allOrAbort } from '../../runtime/bounded.ts';
import { createMeter } from './collection-meter.ts';
import { withFaces } from './faces/collect.ts';
import type { Faces } from './faces/face-threads.ts';
import { isPlaced, type Intake } from './intake.ts';
import type { HoldOut } from '../decision/held-out.ts';
import { isGone, NOTHING_LEARNED, readLearned, storeLearned, type Learned } from './learned.ts';
import { readManifest } from './load.ts';
import { allShards, keepShards, type Tonight } from './kept-shards.ts';
import type { Likeness } from './likeness.ts';
import { lookAtNew, type InService, type NewNight } from './look-at-new.ts';
import { contentOf, describeSnapshot, storeManifest } from './manifest.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { resolveSamples, type ResolvedSample } from './resolve.ts';
import { planShards } from './shard-plan.ts';
import { sheetBefore, storeSheet, type Night, type SheetOf, type Shown } from './sheet.ts';
import { writeShard, type ShardSample } from './shards.ts';
import { refuseTooFew, takeInByPolicy, type IntakeByPolicy } from './source-policy.ts';
import type { DataSource } from './strategy.ts';
import { judgeTonight, refuseStopped } from './tonight.ts';

export interface SnapshotJob extends Pick<WorkContext, 'signal' | 'progress' | 'log'> {
  /** In the order of the configuration. */
  readonly sources: readonly DataSource[];
  /** Sources of people who are never enrolled. */
  readonly strangers?: readonly DataSource[];
  readonly image: ImageSpec;
  /** Absent: pictures are taken whole. */
  readonly faces?: FacesConfig | undefined;
  readonly split: SplitConfig;
  /** Absent: tonight is compared with nothing. */
  readonly checks?: ChecksConfig | undefined;
  /** The share of people whom no training sees. */
  readonly holdOut: Pick<HoldOut, 'share' | 'min'>;
  /** The snapshot of the champion, whose lineage says what was learned; null if there is none. */
  readonly champion?: BlobRef | null;
  /** The champion, to which new images are shown; null or absent: they are not. */
  readonly inService?: InService | null;
  /** Since when a person is forgotten; null if they are not. */
  readonly forgottenSince?: ((label: string) => string | null) | undefined;
  /** For errors. */
  readonly noun?: Noun | undefined;
  /** Absent: no sheet for people is stored. */
  readonly sheet?: SheetOf | undefined;
  readonly blobs: BlobStore;
}

export interface Snapshot {
  /** The manifest in the store; its digest names the snapshot. */
  readonly dataset: BlobRef;
  readonly manifest: DatasetManifest;
  readonly findings: DataFinding[];
}

/**
 * Throws SOURCE_UNREACHABLE or SOURCE_INVALID of the first source that fails, DATASET_TOO_SMALL, CONFIG_INVALID or
 * MODEL_INVALID for a detector that cannot be used, the blob store's errors, or the signal's reason. Shards already stored
 * by an interrupted attempt are not stored again.
 */
export function collectSnapshot(job: SnapshotJob): Promise<Snapshot> {
  return withScratch(async (folder) => {
    const { image, split, holdOut, noun, blobs, log } = job;
    const learned = await learnedBefore(job);
    const sources = [...job.sources, ...(job.strangers ?? [])];
    const meter = createMeter(sources.length, job.progress);
    const { intakes, facesFile } = await withFaces(job.faces, blobs, async ({ faces, file }) => ({
      intakes: await takeInAll(job, sources, folder, meter, faces),
      facesFile: file,
    }));
    refuseTooFew(intakes.slice(0, job.sources.length), job.checks);
    const byKind = { people: intakes.slice(0, job.sources.length), strangers: intakes.slice(job.sources.length) };
    const acrossNames = job.checks?.conflictingNames.action !== 'off';
    const options = { split, holdOut, learned, noun, acrossNames };
    const given = await resolveSamples(byKind, options);
    const form = { image, faces: facesFile };
    const before = await snapshotBefore(job);
    const former = {
      before: before?.manifest ?? null,
      sheetBefore: job.sheet ? await sheetBefore(job.sheet, job) : null,
    };
    const likeness = await likenessOf(job, () => ({ ...former, form, samples: spooled(intakes, given.samples) }));
    const { findings, people } = judgeTonight(
      job,
      { ...former, intakes, resolved: given, likeness },
      job.sources.length,
    );
    const resolved = people ? await resolveSamples({ ...byKind, people }, options) : given;
    const contents = { content: contentOf(form, resolved), intakes, samples: resolved.samples };
    const shards = await storeShards(job, former.before, contents, folder, meter);
    const manifest = describeSnapshot(form, resolved, shards, await storeLearned(resolved.learned, blobs));
    const dataset = await storeManifest(manifest, blobs);
    if (job.sheet) {
      const { sheetBefore } = former;
      const samples = spooled(intakes, resolved.samples);
      const quarantinedPicture = quarantinedIn(intakes, manifest.quarantined);
      const night = { dataset, manifest, findings, before, sheetBefore, samples, quarantinedPicture };
      await storeSheet(job.sheet, night, job);
    }
    refuseStopped(findings);
    const { counts, nearCopies, quarantinedTotal, labels, heldOut, content } = manifest;
    const figures = { ...counts, people: labels.length, heldOutPeople: heldOut.length, nearCopies, quarantinedTotal };
    log.info({ dataset: dataset.digest, content, ...figures }, 'snapshot stored');
    return { dataset, manifest, findings };
  });
}

async function snapshotBefore({ champion, blobs }: SnapshotJob) {
  if (!champion) return null;
  const manifest = await unlessGone(readManifest(champion, blobs));
  return manifest && { ref: champion, manifest };
}

/** Null without a model in service, and where nobody asks. */
async function likenessOf(
  { inService = null, sheet, checks, ...job }: SnapshotJob,
  night: () => NewNight,
): Promise<Likeness | null> {
  return inService && sheet && checks ? lookAtNew({ ...job, ...sheet, inService, checks }, night()) : null;
}

/** The pictures of everybody enrolled, for the sheet. */
const spooled = (intakes: readonly Intake[], samples: readonly ResolvedSample[]): SpooledSample[] =>
  samples
    .filter(({ split }) => split !== 'stranger')
    .map((sample) => new SpooledSample(sample, intakes[sample.source]!)); // A sample's source is one of them.

/** A class, because there is one for each image of the night. */
class SpooledSample implements Shown {
  readonly #sample: ResolvedSample;
  readonly #intake: Intake;

  constructor(sample: ResolvedSample, intake: Intake) {
    this.#sample = sample;
    this.#intake = intake;
  }

  get label() {
    return this.#sample.label;
  }

  get id() {
    return this.#sample.id;
  }

  get digest() {
    return this.#sample.digest;
  }

  get source() {
    return this.#intake.name;
  }

  picture(): Promise<Buffer> {
    return readPart(this.#intake.spoolPath, this.#sample.offset, this.#sample.bytes);
  }
}

/** Of these quarantined ones the pictures that could be decoded. */
function quarantinedIn(
  intakes: readonly Intake[],
  quarantined: DatasetManifest['quarantined'],
): Night['quarantinedPicture'] {
  const asked = new Set(quarantined.map(({ source, id }) => JSON.stringify([source, id])));
  const places = new Map<string, () => Promise<Buffer>>();
  // Backwards, so that a source of people comes before one of strangers that has its name.
  for (const { name, records, spoolPath } of intakes.toReversed()) {
    for (const record of records) {
      const key = JSON.stringify([name, record.id]);
      if (asked.has(key) && isPlaced(record)) places.set(key, () => readPart(spoolPath, record.offset, record.bytes));
    }
  }
  return async (source, id) => (await places.get(JSON.stringify([source, id]))?.()) ?? null;
}

async function readPart(path: string, offset: number, bytes: number): Promise<Buffer> {
  const file = await open(path);
  try {
    return (await file.read(Buffer.alloc(bytes), 0, bytes, offset)).buffer;
  } finally {
    await file.close();
  }
}

async function unlessGone<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** Without a champion, and where its snapshot no longer says it, nothing counts as learned: everybody may be held out. */
async function learnedBefore({ champion, blobs, log }: SnapshotJob): Promise<Learned> {
  if (!champion) return NOTHING_LEARNED;
  const learned = await readLearned(champion, blobs);
  if (typeof learned !== 'string') return learned;
  log.warn({ snapshot: champion.digest }, `people and images are assigned anew: of the champion, ${learned}`);
  return NOTHING_LEARNED;
}

type Meter = ReturnType<typeof createMeter>;

function takeInAll(
  job: SnapshotJob,
  sources: readonly DataSource[],
  folder: string,
  meter: Meter,
  faces: Faces | null,
): Promise<IntakeByPolicy[]> {
  const tasks = sources.map((source, index) => async (signal: AbortSignal) => {
    const spoolPath = join(folder, `${index}.spool`);
    const { taken, ended } = meter.source(index);
    const { image, forgottenSince } = job;
    const options = { image, faces, spoolPath, signal, forgottenSince, taken };
    const intake = await takeInByPolicy(source, options, job.log);
    ended();
    warnOfForgotten(intake, job.log);
    if (intake.failure === null)
      job.log.info({ source: source.name, samples: intake.records.length }, 'source read to its end');
    return intake;
  });
  return allOrAbort(job.signal, tasks);
}

/** They are left out each night; the source itself is somebody else's to clean. */
function warnOfForgotten({ name, records }: Intake, log: SnapshotJob['log']): void {
  const images = records.filter((record) => 'reason' in record && record.reason === 'forgotten').length;
  if (images > 0) log.warn({ source: name, images }, 'collector: the source still lists people who were forgotten');
}

/** Those of the champion's snapshot as far as they hold; the rest is written. */
async function storeShards(
  job: SnapshotJob,
  before: DatasetManifest | null,
  { content, intakes, samples }: Contents,
  folder: string,
  meter: Meter,
): Promise<DatasetManifest['shards']> {
  const { blobs, signal } = job;
  const same = before && (await allShards(before, content, samples.length, blobs));
  if (same) return [...same];
  const spools = await Promise.all(intakes.map(({ spoolPath }) => open(spoolPath)));
  const path = join(folder, 'shard.tar');
  const nameOf = ({ source }: ResolvedSample) => intakes[source]!.name;
  const tonight: Tonight = {
    samples,
    recordOf: (sample) => recordOf(sample, nameOf(sample)),
    readPng: (sample) => readPng(spools[sample.source]!, sample, nameOf(sample)),
  };
  try {
    const kept = before && (await keepShards(before, tonight, { blobs, path, signal }));
    const shards = [...(kept?.shards ?? [])];
    const fresh = kept?.fresh ?? samples;
    let stored = samples.length - fresh.length;
    for (const plan of planShards(fresh)) {
      signal.throwIfAborted();
      shards.push({ blob: await storeShard(job, tonight, plan, path), samples: plan.length });
      stored += plan.length;
      meter.stored(stored, samples.length);
    }
    return shards;
  } finally {
    await Promise.all(spools.map((spool) => spool.close()));
  }
}

interface Contents {
  readonly content: string;
  readonly intakes: readonly Intake[];
  readonly samples: readonly ResolvedSample[];
}

async function storeShard(
  { blobs, signal }: SnapshotJob,
  tonight: Tonight,
  plan: readonly ResolvedSample[],
  path: string,
): Promise<BlobRef> {
  async function* samples(): AsyncGenerator<ShardSample> {
    for (const sample of plan) {
      signal.throwIfAborted();
      // By its digest, unique in the snapshot, so that a sample is the same in every shard.
      yield { key: hexOf(sample.digest), record: tonight.recordOf(sample), png: await tonight.readPng(sample) };
    }
  }
  const { digest } = await writeShard(path, samples());
  const key = `shards/${hexOf(digest)}.tar`;
  const stored = await blobs.reuse(BUCKETS.datasets, key, digest);
  return stored ?? (await blobs.put(BUCKETS.datasets, key, () => createReadStream(path)));
}

const recordOf = ({ id, label, digest, file, split, tags }: ResolvedSample, source: string): SampleRecord => ({
  ...{ id, label, source, digest, file, split, tags: [...tags] },
});

async function readPng(spool: FileHandle, { id, offset, bytes }: ResolvedSample, source: string): Promise<Buffer> {
  const png = Buffer.alloc(bytes);
  const { bytesRead } = await spool.read(png, 0, bytes, offset);
  if (bytesRead !== bytes) throw new Error(`the spool of source ${source} ends within sample ${id}`);
  return png;
}

const hexOf = (digest: string) => digest.slice('sha256:'.length);
