/**
 * The collector's work: all sources at once -> one immutable, content-addressed snapshot in the blob store. The same
 * samples give the same digests, whichever source is faster and however often it runs. The set never sits in memory:
 * pictures go through spool files in a temporary folder, memory holds a record of each. Called by actors/collector.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { SplitConfig } from '../../contracts/configuration/data.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { DatasetManifest, ImageSpec } from '../../contracts/dataset.ts';
import type { WorkContext } from '../work.ts';
import { allOrAbort } from '../../runtime/bounded.ts';
import { createMeter } from './collection-meter.ts';
import { takeIn, type Intake } from './intake.ts';
import { withScratch } from '../../runtime/scratch.ts';
import { planShards, resolveSamples, type ResolvedSamples, type ResolvedSample } from './resolve.ts';
import { writeShard, type ShardSample } from './shards.ts';
import { createSplitRule } from './split.ts';
import type { DataSource } from './strategy.ts';

export interface SnapshotJob extends Pick<WorkContext, 'signal' | 'progress' | 'log'> {
  /** In the order of the configuration: of two equal samples, that of the earlier source stays. */
  readonly sources: readonly DataSource[];
  readonly image: ImageSpec;
  readonly split: SplitConfig;
  readonly blobs: BlobStore;
}

export interface Snapshot {
  /** The manifest in the store; its digest names the snapshot. */
  readonly dataset: BlobRef;
  readonly manifest: DatasetManifest;
}

/** The manifest travels to people; the total beside the list counts all. */
const QUARANTINED_LISTED_MAX = 1000;

/**
 * Throws SOURCE_UNREACHABLE or SOURCE_INVALID of the first source that fails, DATASET_TOO_SMALL, the blob store's
 * errors, or the signal's reason. Shards already stored by an interrupted attempt are not stored again.
 */
export function collectSnapshot(job: SnapshotJob): Promise<Snapshot> {
  return withScratch(async (folder) => {
    const meter = createMeter(job.sources.length, job.progress);
    const intakes = await takeInAll(job, folder, meter);
    const resolved = resolveSamples(intakes, createSplitRule(job.split));
    const shards = await storeShards(job, intakes, resolved, folder, meter);
    const manifest = describe(job.image, resolved, shards);
    const dataset = await storeManifest(manifest, job.blobs);
    const { counts, quarantinedTotal, labels } = manifest;
    job.log.info({ dataset: dataset.digest, ...counts, people: labels.length, quarantinedTotal }, 'snapshot stored');
    return { dataset, manifest };
  });
}

type Meter = ReturnType<typeof createMeter>;

function takeInAll(job: SnapshotJob, folder: string, meter: Meter): Promise<Intake[]> {
  const tasks = job.sources.map((source, index) => async (signal: AbortSignal) => {
    const spoolPath = join(folder, `${index}.spool`);
    const { taken, ended } = meter.source(index);
    const intake = await takeIn(source, { image: job.image, spoolPath, signal, taken });
    ended();
    job.log.info({ source: source.name, samples: intake.records.length }, 'source read to its end');
    return intake;
  });
  return allOrAbort(job.signal, tasks);
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

function describe(image: ImageSpec, resolved: ResolvedSamples, shards: DatasetManifest['shards']): DatasetManifest {
  const { labels, counts, sources, quarantined } = resolved;
  return {
    format: 'nightshift.dataset/1',
    image,
    labels: [...labels],
    heldOut: [],
    strangers: [],
    counts,
    learned: null,
    shards,
    sources,
    quarantined: quarantined.slice(0, QUARANTINED_LISTED_MAX),
    quarantinedTotal: quarantined.length,
  };
}

function storeManifest(manifest: DatasetManifest, blobs: BlobStore): Promise<BlobRef> {
  const bytes = Buffer.from(JSON.stringify(manifest));
  const hex = createHash('sha256').update(bytes).digest('hex');
  return blobs.put(BUCKETS.datasets, `manifests/${hex}.json`, bytes);
}

const hexOf = (digest: string) => digest.slice('sha256:'.length);
