/**
 * The person in DATASETS. `lookThroughSnapshots` reads every shard and list of names; `rewriteSnapshots` comes last of all
 * steps, because what the others look for is known from the shards. New files are stored first, then manifests lead to
 * them, then the old ones are erased: a kill at any point leaves snapshots that can be read, and the same work to do.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { DatasetManifestSchema, type DatasetManifest, type SampleRecord } from '../../contracts/dataset.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { looksWithout } from '../../services/data/learned-looks.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import { withScratch } from '../../runtime/scratch.ts';
import {
  digestsWithout,
  lookThrough,
  manifestWithout,
  shardWithout,
  type ChangedShard,
} from '../../services/forgetting/snapshot-without.ts';
import { digestOf } from '../../services/signing/canonical.ts';
import { theirsOf, type Forgetting } from './context.ts';
import { forward } from './models.ts';

const PLACE = BUCKETS.datasets;
const SHARDS = 'shards/';
const MANIFESTS = 'manifests/';
const LISTS = 'learned/';
const LOOKS = 'looks/';

interface HeldShard {
  readonly blob: BlobRef;
  readonly removed: readonly SampleRecord[];
}

/** Of DATASETS, all that holds the person. */
export interface Held {
  readonly shards: readonly HeldShard[];
  readonly manifests: readonly BlobRef[];
  readonly lists: readonly BlobRef[];
}

export async function lookThroughSnapshots(f: Forgetting): Promise<Held> {
  const objects = await f.eraser.objects(PLACE);
  const under = (folder: string) => objects.filter(({ key }) => key.startsWith(folder));
  const shards: HeldShard[] = [];
  await withScratch(async (folder) => {
    const path = join(folder, 'shard.tar');
    for (const blob of under(SHARDS)) {
      f.tally.add(PLACE, 'shards', 'looked');
      await f.blobs.download(blob, path);
      const removed = await lookThrough(path, blob.key, f.isPerson, f.found);
      if (removed.length > 0) shards.push({ blob, removed });
    }
  });
  for (const ref of under(MANIFESTS)) {
    const { labels, strangers, learned, quarantined } = await manifestAt(f, ref);
    const named = [...labels, ...strangers, ...(learned?.people ?? []), ...quarantined.map(({ label }) => label)];
    for (const name of named) if (f.isPerson(name)) f.found.names.add(name);
  }
  return { shards, manifests: under(MANIFESTS), lists: [...under(LISTS), ...under(LOOKS)] };
}

async function manifestAt({ blobs }: Forgetting, ref: BlobRef): Promise<DatasetManifest> {
  return DatasetManifestSchema.parse(JSON.parse((await blobs.get(ref)).toString()));
}

export async function rewriteSnapshots(f: Forgetting, held: Held): Promise<void> {
  const shards = await newShards(f, held);
  const lists = await newLists(f, held);
  const change = { isPerson: f.isPerson, theirs: theirsOf(f), shards, lists };
  for (const ref of held.manifests) {
    f.tally.add(PLACE, 'manifests', 'looked');
    const manifest = await manifestAt(f, ref);
    const next = manifestWithout(manifest, change);
    if (next === manifest) continue;
    f.tally.add(PLACE, 'manifests', 'changed');
    if (!f.isDry) await moveTo(f, ref, MANIFESTS, '.json', Buffer.from(JSON.stringify(next)));
  }
  if (f.isDry) return;
  for (const digest of lists.keys()) await eraseBy(f, held.lists, digest);
  for (const { blob } of held.shards) {
    faultPoint('janitor.erasing', blob.key);
    await f.eraser.eraseObject(blob);
  }
}

async function eraseBy({ eraser }: Forgetting, refs: readonly BlobRef[], digest: string): Promise<void> {
  for (const ref of refs) if (ref.digest === digest) await eraser.eraseObject(ref);
}

/** The new file lies under its own digest, and who asks for the old one is led there. */
async function moveTo(f: Forgetting, old: BlobRef, folder: string, ending: string, bytes: Buffer): Promise<BlobRef> {
  const now = await f.blobs.put(PLACE, `${folder}${hexOf(digestOf(bytes))}${ending}`, bytes);
  await forward(f, old.digest, now);
  faultPoint('janitor.forwarded', old.key);
  await f.eraser.eraseObject(old);
  return now;
}

async function newShards(f: Forgetting, { shards }: Held): Promise<Map<string, ChangedShard>> {
  const changed = new Map<string, ChangedShard>();
  await withScratch(async (folder) => {
    for (const { blob, removed } of shards) {
      f.tally.add(PLACE, 'samples', 'removed', removed.length);
      f.tally.add(PLACE, 'shards', 'changed');
      const [from, to] = [join(folder, 'old.tar'), join(folder, 'new.tar')];
      await f.blobs.download(blob, from);
      const written = await shardWithout({ from, to, what: blob.key }, f.isPerson);
      changed.set(blob.digest, { removed, now: written && (await stored(f, written, to)) });
    }
  });
  return changed;
}

async function stored(
  { blobs, isDry }: Forgetting,
  written: { digest: string; bytes: number; samples: number },
  path: string,
) {
  const { digest, bytes, samples } = written;
  const key = `${SHARDS}${hexOf(digest)}.tar`;
  const there = await blobs.find(PLACE, key);
  if (there?.digest === digest) return { blob: there, samples };
  const blob = isDry
    ? { bucket: PLACE, key, digest, bytes }
    : await blobs.put(PLACE, key, () => createReadStream(path));
  return { blob, samples };
}

async function newLists(f: Forgetting, { lists }: Held): Promise<Map<string, BlobRef>> {
  const changed = new Map<string, BlobRef>();
  for (const ref of lists) {
    f.tally.add(PLACE, 'lists of learned images', 'looked');
    const folder = ref.key.startsWith(LOOKS) ? LOOKS : LISTS;
    const list = await f.blobs.get(ref);
    const { digests, names } = f.found;
    const bytes = folder === LOOKS ? looksWithout(list, digests, names) : digestsWithout(list, digests);
    if (!bytes) continue;
    f.tally.add(PLACE, 'lists of learned images', 'changed');
    const digest = digestOf(bytes);
    const key = `${folder}${hexOf(digest)}`;
    const now = { bucket: PLACE, key, digest, bytes: bytes.length };
    changed.set(ref.digest, f.isDry ? now : await f.blobs.put(PLACE, key, bytes));
  }
  return changed;
}

const hexOf = (digest: string) => digest.slice('sha256:'.length);
