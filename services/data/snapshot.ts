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
import { PEOPLE, type Noun } from '../../contracts/configuration/noun.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { DataFinding, DatasetManifest, ImageSpec } from '../../contracts/dataset.ts';
import type { WorkContext } from '../work.ts';
import { allOrAbort } from '../../runtime/bounded.ts';
import { createMeter } from './collection-meter.ts';
import { findingsOf, type Tonight } from './compare.ts';
import { withFaces } from './faces/collect.ts';
import type { Faces } from './faces/face-threads.ts';
import { takeIn, type Intake } from './intake.ts';
import type { HoldOut } from '../decision/held-out.ts';
import { isGone, NOTHING_LEARNED, readLearned, storeLearned, type Learned } from './learned.ts';
import { readManifest } from './load.ts';
import { describeSnapshot, storeManifest } from './manifest.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { planShards, resolveSamples, type ResolvedSamples, type ResolvedSample } from './resolve.ts';
import { writeShard, type ShardSample } from './shards.ts';
import type { DataSource } from './strategy.ts';

export interface SnapshotJob extends Pick<WorkContext, 'signal' | 'progress' | 'log'> {
  /** In the order of the configuration: of two equal samples, that of the earlier source stays. */
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
  /** Since when a person is forgotten; null if they are not. */
  readonly forgottenSince?: ((label: string) => string | null) | undefined;
  /** For errors. */
  readonly noun?: Noun | undefined;
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
    const byKind = { people: intakes.slice(0, job.sources.length), strangers: intakes.slice(job.sources.length) };
    const resolved = resolveSamples(byKind, { split, holdOut, learned, noun });
    const shards = await storeShards(job, intakes, resolved, folder, meter);
    const form = { image, faces: facesFile };
    const manifest = describeSnapshot(form, resolved, shards, await storeLearned(resolved.learned, blobs));
    const dataset = await storeManifest(manifest, blobs);
    const findings = await compared(job, { ...resolved, intakes });
    const { counts, quarantinedTotal, labels, heldOut, content } = manifest;
    const figures = { ...counts, people: labels.length, heldOutPeople: heldOut.length, quarantinedTotal };
    log.info({ dataset: dataset.digest, content, ...figures }, 'snapshot stored');
    return { dataset, manifest, findings };
  });
}

/** Tonight beside the champion's night, each finding in the log. Throws SOURCE_INVALID for one that stops the night. */
async function compared({ champion, checks, noun = PEOPLE, blobs, log }: SnapshotJob, tonight: Tonight) {
  if (!checks) return [];
  const before = champion ? await unlessGone(readManifest(champion, blobs)) : null;
  const findings = findingsOf(before, tonight, checks, noun);
  for (const { message, ...about } of findings) log.warn(about, `collector: ${message}`);
  for (const { name, passedOver = {} } of tonight.sources) {
    const kinds = Object.entries(passedOver).map(([kind, count]) => `${count} x ${kind}`);
    if (kinds.length > 0) log.info({ source: name, passedOver }, `collector: passed over: ${kinds.join(', ')}`);
  }
  const stop = findings.find(({ action }) => action === 'stop');
  if (stop) throw new PipelineError('SOURCE_INVALID', `collector: ${stop.message} (checks.${stop.check})`);
  return findings;
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
): Promise<Intake[]> {
  const tasks = sources.map((source, index) => async (signal: AbortSignal) => {
    const spoolPath = join(folder, `${index}.spool`);
    const { taken, ended } = meter.source(index);
    const { image, forgottenSince } = job;
    const intake = await takeIn(source, { image, faces, spoolPath, signal, forgottenSince, taken });
    ended();
    warnOfForgotten(intake, job.log);
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

async function storeShards(
  job: SnapshotJob,
  intakes: readonly Intake[],
  { samples }: ResolvedSamples,
  folder: string,
  meter: Meter,
): Promise<DatasetManifest['shards']> {
  const shards: DatasetManifest['shards'] = [];
  let stored = 0;
  for (const plan of planShards(samples)) {
    job.signal.throwIfAborted();
    const blob = await storeShard(job, intakes, plan, stored, join(folder, 'shard.tar'));
    shards.push({ blob, samples: plan.length });
    stored += plan.length;
    meter.stored(stored, samples.length);
  }
  return shards;
}

async function storeShard(
  { blobs, signal }: SnapshotJob,
  intakes: readonly Intake[],
  plan: readonly ResolvedSample[],
  firstNumber: number,
  path: string,
): Promise<BlobRef> {
  // A plan holds samples of one source, and at least one.
  const intake = intakes[plan[0]!.source]!;
  const spool = await open(intake.spoolPath);
  try {
    const written = await writeShard(path, readSpool(spool, intake, plan, firstNumber, signal));
    const key = `shards/${hexOf(written.digest)}.tar`;
    const stored = await blobs.find(BUCKETS.datasets, key);
    if (stored?.digest === written.digest) return stored;
    return await blobs.put(BUCKETS.datasets, key, () => createReadStream(path));
  } finally {
    await spool.close();
  }
}

async function* readSpool(
  spool: FileHandle,
  { name }: Intake,
  plan: readonly ResolvedSample[],
  firstNumber: number,
  signal: AbortSignal,
): AsyncGenerator<ShardSample> {
  for (const [index, { id, label, digest, split, tags, offset, bytes }] of plan.entries()) {
    signal.throwIfAborted();
    const png = Buffer.alloc(bytes);
    const { bytesRead } = await spool.read(png, 0, bytes, offset);
    if (bytesRead !== bytes) throw new Error(`the spool of source ${name} ends within sample ${id}`);
    // Numbered through the snapshot, eight digits, so that names sort like the samples stand.
    const key = String(firstNumber + index).padStart(8, '0');
    yield { key, record: { id, label, source: name, digest, split, tags: [...tags] }, png };
  }
}

const hexOf = (digest: string) => digest.slice('sha256:'.length);
