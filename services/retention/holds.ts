/**
 * Which stored things stay, and why. A run's folder in MODELS or REPORTS stays or goes as a whole; in DATASETS a snapshot
 * stays with all that its manifest names. Pure: what is stored, who refers to what, and the numbers of the configuration
 * in, reasons out. A thing without a reason may go.
 */
import type { RetentionConfig } from '../../contracts/configuration/retention.ts';
import type { BlobBucket } from '../../contracts/blobs.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { Claim, KnownRun } from './world.ts';

export interface StoredObject {
  readonly ref: BlobRef;
  /** When it was stored, or used again. */
  readonly storedAt: Date;
}

export interface World {
  readonly objects: readonly StoredObject[];
  readonly claims: readonly Claim[];
  readonly runs: readonly KnownRun[];
  /** By the digest of a manifest out of which somebody was taken: what is left of it. */
  readonly forwards: ReadonlyMap<string, BlobRef>;
}

export type Limits = RetentionConfig;

/** By unit. */
export type Holds = ReadonlyMap<string, ReadonlySet<string>>;

export const MANIFESTS = 'manifests/';
const FACES = 'faces/';
/** Of DATASETS, what a manifest names. */
const LISTS = ['learned/', 'looks/'] as const;
const PARTS = ['shards/', ...LISTS] as const;
const MINUTE_MS = 60_000;

const folderOf = (bucket: BlobBucket, model: string, runId: string) => `${bucket}/${model}/${runId}/`;

/** What stays or goes together. */
export function unitOf({ bucket, key }: Pick<BlobRef, 'bucket' | 'key'>): string {
  const [model = '', runId = '', ...rest] = key.split('/');
  return bucket !== 'DATASETS' && rest.length > 0 ? folderOf(bucket, model, runId) : `${bucket}/${key}`;
}

/** `lookedAt`: before the objects and the records were read, in this order. */
export function holdsOf(world: World, limits: Limits, lookedAt: Date): Holds {
  const holds = new Map<string, Set<string>>();
  const hold = (unit: string, reason: string) => holds.set(unit, (holds.get(unit) ?? new Set()).add(reason));
  const resolve = resolver(world);
  const holdRef = (ref: BlobRef, reason: string) => {
    hold(unitOf(resolve(ref)), reason);
    // The report of a model, and the curve of its training, lie under the same name.
    if (ref.bucket === 'MODELS') hold(unitOf({ ...ref, bucket: 'REPORTS' }), reason);
  };
  const holdAll = ({ reason, model, runs, refs }: Claim) => {
    for (const runId of runs) for (const bucket of FOLDERS) hold(folderOf(bucket, model, runId), reason);
    for (const ref of refs) holdRef(ref, reason);
  };
  world.claims.forEach(holdAll);
  for (const { runId, model, isActive, refs } of world.runs)
    if (isActive) holdAll({ reason: `run ${runId} is under way`, model, runs: [runId], refs });
  for (const runs of byModel(world.runs)) {
    holdLatest(runs, world, limits, hold, holdAll);
    for (const dataset of neededForAbsence(runs, limits, lookedAt))
      holdRef(dataset, 'retention.absentDays looks into it');
  }
  holdYoung(world, limits, lookedAt, hold);
  return holds;
}

const FOLDERS = ['MODELS', 'REPORTS'] as const;

/** A manifest is found under its key, or where its forwarding leads to. */
export function resolver({ objects, forwards }: Pick<World, 'objects' | 'forwards'>): (ref: BlobRef) => BlobRef {
  const stored = new Map(objects.map(({ ref }) => [`${ref.bucket}/${ref.key}`, ref.digest]));
  return (ref) => {
    const seen = new Set<string>();
    let now = ref;
    while (stored.get(`${now.bucket}/${now.key}`) !== now.digest && !seen.has(now.digest)) {
      seen.add(now.digest);
      now = forwards.get(now.digest) ?? now;
    }
    return now;
  };
}

/** Newest first. */
function byModel(runs: readonly KnownRun[]): KnownRun[][] {
  const models = new Map<string, KnownRun[]>();
  const order = runs.toSorted((a, b) => b.startedAt.getTime() - a.startedAt.getTime() || (a.runId < b.runId ? 1 : -1));
  for (const run of order) models.set(run.model, [...(models.get(run.model) ?? []), run]);
  return [...models.values()];
}

type Hold = (unit: string, reason: string) => void;

function holdLatest(
  runs: readonly KnownRun[],
  { objects }: World,
  { snapshots, models, reports }: Limits,
  hold: Hold,
  holdAll: (claim: Claim) => void,
): void {
  const units = new Set(objects.map(({ ref }) => unitOf(ref)));
  const having = (bucket: BlobBucket) => runs.filter(({ model, runId }) => units.has(folderOf(bucket, model, runId)));
  for (const { model, runId, results } of having('MODELS').slice(0, models))
    holdAll({ reason: `run ${runId} has one of the last ${models} candidates`, model, runs: [runId], refs: results });
  for (const { model, runId, results } of having('REPORTS').slice(0, reports)) {
    const reason = `one of the last ${reports} reports`;
    hold(folderOf('REPORTS', model, runId), reason);
    // A run that began with the candidate of another shows the curve of that one.
    for (const ref of results) if (ref.bucket === 'MODELS') hold(unitOf({ ...ref, bucket: 'REPORTS' }), reason);
  }
  const datasets = new Map(runs.flatMap(({ dataset }) => (dataset ? [[dataset.digest, dataset] as const] : [])));
  for (const dataset of [...datasets.values()].slice(0, snapshots))
    holdAll({ reason: `one of the last ${snapshots} snapshots`, model: '', runs: [], refs: [dataset] });
}

/** An order to forget somebody may be refused while runs are under way, and is given again. */
const ABSENCE_SLACK_DAYS = 7;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Whether somebody has been away for so long is seen in the snapshots of that time, and in the one before it. */
function neededForAbsence(runs: readonly KnownRun[], { absentDays }: Limits, lookedAt: Date): BlobRef[] {
  if (absentDays === null) return [];
  const from = lookedAt.getTime() - (absentDays + ABSENCE_SLACK_DAYS) * DAY_MS;
  const collected = runs.filter(({ dataset }) => dataset !== null);
  const before = collected.findIndex(({ startedAt }) => startedAt.getTime() < from);
  return collected.slice(0, before === -1 ? undefined : before + 1).flatMap(({ dataset }) => dataset ?? []);
}

/**
 * Of a run that collects nobody knows yet what its snapshot will name: all that was stored or used again since it began. The
 * grace is for what no run can say, and for a run that began since the records were read.
 */
function holdYoung({ objects, runs }: World, { graceMinutes }: Limits, lookedAt: Date, hold: Hold): void {
  const graceFrom = lookedAt.getTime() - graceMinutes * MINUTE_MS;
  const collecting = runs.filter(({ isActive, dataset }) => isActive && dataset === null);
  for (const { ref, storedAt } of objects) {
    const unit = unitOf(ref);
    if (storedAt.getTime() >= graceFrom) hold(unit, `stored or used in the last ${graceMinutes} minutes`);
    if (!isSweepable(ref)) hold(unit, 'the janitor does not know such things');
    if (!isOfSnapshots(ref)) continue;
    for (const { runId, startedAt } of collecting)
      if (storedAt >= startedAt) hold(unit, `run ${runId} is under way and may use it`);
  }
}

const isOfSnapshots = ({ bucket, key }: BlobRef) => bucket === 'DATASETS' || key.startsWith(FACES);

function isSweepable(ref: BlobRef): boolean {
  const { bucket, key } = ref;
  if (bucket === 'DATASETS') return [MANIFESTS, ...PARTS].some((folder) => key.startsWith(folder));
  return unitOf(ref).endsWith('/') || (bucket === 'MODELS' && key.startsWith(FACES));
}

/** The kind of a thing, for people. */
export function kindOf({ bucket, key }: Pick<BlobRef, 'bucket' | 'key'>): string {
  if (bucket === 'REPORTS') return 'reports';
  if (bucket === 'MODELS') return key.startsWith(FACES) ? 'detectors of faces' : 'models';
  if (key.startsWith(MANIFESTS)) return 'manifests';
  if (key.startsWith('shards/')) return 'shards';
  return LISTS.some((list) => key.startsWith(list)) ? 'lists of learned images' : 'others';
}

/** The model whose folder it lies in; null if models may share it. */
export const modelOf = (ref: Pick<BlobRef, 'bucket' | 'key'>): string | null =>
  unitOf(ref).endsWith('/') ? ref.key.slice(0, ref.key.indexOf('/')) : null;
