/**
 * The manifest of a snapshot: what was resolved, where its shards lie, and one digest of all that trains and judges. Called by
 * snapshot.ts; load.ts reads it.
 */
import { createHash } from 'node:crypto';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest } from '../../contracts/dataset.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { programVersion } from '../../runtime/program.ts';
import type { ResolvedSamples } from './resolve.ts';

/** The manifest travels to people; the total beside the list counts all. */
const QUARANTINED_LISTED_MAX = 1000;

/** How pictures were brought to what the model sees. */
export type PictureForm = Pick<DatasetManifest, 'image' | 'faces'>;

export function describeSnapshot(
  form: PictureForm,
  resolved: ResolvedSamples,
  shards: DatasetManifest['shards'],
  learned: DatasetManifest['learned'],
): DatasetManifest {
  const { labels, heldOut, strangers, counts, sources, quarantined } = resolved;
  return {
    format: 'nightshift.dataset/1',
    ...form,
    labels: [...labels],
    images: imagesOf(resolved),
    heldOut: [...heldOut],
    strangers: [...strangers],
    counts,
    nearCopies: resolved.samples.length - new Set(resolved.samples.map(({ group }) => group)).size,
    learned,
    content: contentOf(form, resolved),
    version: programVersion(),
    shards,
    sources,
    quarantined: quarantined.slice(0, QUARANTINED_LISTED_MAX),
    quarantinedTotal: quarantined.length,
  };
}

/** How many images each of the people has, in their order. */
export function imagesOf({ labels, samples }: Pick<ResolvedSamples, 'labels' | 'samples'>): number[] {
  const counts = new Map<string, number>(labels.map((label) => [label, 0]));
  for (const { label, split } of samples) if (split !== 'stranger') counts.set(label, (counts.get(label) ?? 0) + 1);
  return labels.map((label) => counts.get(label) ?? 0);
}

/**
 * SHA-256 over what trains and judges: the image's form, the detector of faces with its settings, the people, and of each
 * sample its label, split, source and tags. In the order of the samples' digests, so that neither the order of a source
 * nor the ids count, and without what was learned before: the same data on another night gives the same.
 */
export function contentOf(
  { image, faces }: PictureForm,
  {
    labels,
    heldOut,
    strangers,
    samples,
    sources,
  }: Omit<ResolvedSamples, 'quarantined' | 'conflicts' | 'counts' | 'learned'>,
): string {
  const hash = createHash('sha256');
  const add = (value: unknown) => hash.update(`${JSON.stringify(value)}\n`);
  add([image.width, image.height, image.channels, faces?.digest ?? null]);
  for (const people of [labels, heldOut, strangers]) add(people);
  // A snapshot has each digest once.
  const inOrder = [...samples].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  for (const { digest, label, split, source, tags } of inOrder)
    add([digest, label, split, sources[source]?.name, [...tags].sort()]);
  return `sha256:${hash.digest('hex')}`;
}

export async function storeManifest(manifest: DatasetManifest, blobs: BlobStore): Promise<BlobRef> {
  const bytes = Buffer.from(JSON.stringify(manifest));
  const hex = createHash('sha256').update(bytes).digest('hex');
  const key = `manifests/${hex}.json`;
  const stored = await blobs.reuse(BUCKETS.datasets, key, `sha256:${hex}`);
  return stored ?? blobs.put(BUCKETS.datasets, key, bytes);
}
