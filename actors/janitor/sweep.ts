/**
 * Deletes what nothing refers to any more. First it is looked who refers to what, then, batch by batch, that is looked at
 * again, and what is still not needed goes, each object unless it was used since. Nights go on beside it: whoever uses an
 * object again, which nothing refers to at that time, writes its description anew first (`BlobStore.reuse`). A sweep that was
 * killed is done again from the start.
 */
import { DatasetManifestSchema } from '../../contracts/dataset.ts';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { RetentionConfig } from '../../contracts/configuration/retention.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { SweepCommand, SweepReport } from '../../contracts/retention.ts';
import type { Eraser } from '../../infra/stores/eraser.ts';
import { OBJECT_BUCKETS, type Stocked, type Sweeper } from '../../infra/stores/sweeper.ts';
import type { Logger } from '../../runtime/logger.ts';
import { holdsOf, MANIFESTS, unitOf, type Holds } from '../../services/retention/holds.ts';
import { heldOf, rowsOf } from '../../services/retention/usage.ts';
import { refsIn } from '../../services/retention/world.ts';
import type { Known } from './known.ts';

export interface SweepStores {
  readonly sweeper: Sweeper;
  readonly eraser: Eraser;
  readonly blobs: BlobStore;
  readonly known: () => Promise<Known>;
  readonly retention: RetentionConfig;
  readonly log: Logger;
  readonly now: () => Date;
}

/** One sweep deletes no more, so that an order to forget somebody does not wait for hours behind it. */
const SWEPT_MAX = 5_000;
/** Between two looks at who refers to what. */
const BATCH = 50;
/** In a report, which is one message. */
const HELD_MAX = 300;
/** An upload takes minutes. */
const UPLOAD_MS_MAX = 3600_000;

/** Throws RECORD_DAMAGED, BLOB_CORRUPT: if it is not known what is needed, nothing is deleted. */
export async function sweep(stores: SweepStores, { id, mode, isBrief }: SweepCommand): Promise<SweepReport> {
  const { sweeper } = stores;
  const isDry = mode === 'look';
  const remarks: string[] = [];
  const lookedAt = stores.now();
  if (!isDry) await clearRemains(stores, lookedAt, remarks);
  const objects = (await Promise.all(OBJECT_BUCKETS.map((bucket) => sweeper.stock(bucket)))).flatMap(
    (stock) => stock.objects,
  );
  const parts = new Map<string, readonly BlobRef[]>();
  const look = async () =>
    closed(stores, parts, objects, holdsOf({ objects, ...(await stores.known()) }, stores.retention, lookedAt));
  const holds = await look();
  // Manifests first: what has none any more cannot be read by halves.
  const loose = objects.filter(({ ref }) => !holds.has(unitOf(ref))).toSorted(byManifest);
  const chosen = loose.slice(0, SWEPT_MAX);
  const gone = isDry ? chosen : await removeAll(stores, chosen, look);
  const isGone = new Set(gone);
  const kept = objects.filter((it) => !isGone.has(it));
  const held = isBrief ? [] : heldOf(objects, holds, parts);
  return {
    ...{ id, mode, swept: rowsOf(gone), kept: rowsOf(kept), held: held.slice(0, HELD_MAX), heldTotal: held.length },
    ...{ left: loose.length - chosen.length, streams: [...(await sweeper.sizes())], remarks },
  };
}

const byManifest = (a: Stocked, b: Stocked) => Number(isManifest(b.ref)) - Number(isManifest(a.ref));
const isManifest = ({ bucket, key }: BlobRef) => bucket === 'DATASETS' && key.startsWith(MANIFESTS);

/** Of deletions and uploads that were interrupted. */
async function clearRemains({ sweeper, eraser }: SweepStores, lookedAt: Date, remarks: string[]): Promise<void> {
  const before = new Date(lookedAt.getTime() - UPLOAD_MS_MAX);
  for (const bucket of OBJECT_BUCKETS) {
    for (const remains of (await sweeper.stock(bucket)).remains) await sweeper.clear(remains);
    const fragments = await eraser.eraseFragments(bucket, before, { isDry: false });
    if (fragments > 0) remarks.push(`${bucket}: ${fragments} interrupted uploads are deleted`);
  }
}

/** With all that the manifests name which stay. `parts` remembers what each of them names. */
async function closed(
  { blobs }: SweepStores,
  parts: Map<string, readonly BlobRef[]>,
  objects: readonly Stocked[],
  holds: Holds,
): Promise<Holds> {
  const all = new Map(holds);
  for (const { ref } of objects) {
    const reasons = isManifest(ref) ? holds.get(unitOf(ref)) : undefined;
    if (!reasons) continue;
    const named = parts.get(ref.key) ?? (await partsOf(blobs, ref));
    parts.set(ref.key, named);
    for (const part of named) all.set(unitOf(part), new Set([...(all.get(unitOf(part)) ?? []), ...reasons]));
  }
  return all;
}

/** Empty of a manifest that has gone meanwhile. */
async function partsOf(blobs: BlobStore, ref: BlobRef): Promise<readonly BlobRef[]> {
  try {
    return refsIn(DatasetManifestSchema.parse(JSON.parse((await blobs.get(ref)).toString())));
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'BLOB_MISSING') return [];
    throw error;
  }
}

async function removeAll(
  { sweeper, log }: SweepStores,
  chosen: readonly Stocked[],
  look: () => Promise<Holds>,
): Promise<Stocked[]> {
  const gone: Stocked[] = [];
  for (let from = 0; from < chosen.length; from += BATCH) {
    const holds = await look();
    for (const object of chosen.slice(from, from + BATCH)) {
      const { ref } = object;
      if (holds.has(unitOf(ref)) || !(await sweeper.remove(object))) continue;
      log.info(
        { bucket: ref.bucket, key: ref.key, bytes: ref.bytes },
        'janitor: nothing refers to it any more; deleted',
      );
      gone.push(object);
    }
  }
  return gone;
}
