/**
 * Whether a training may begin with the champion's weights: not if they have seen what tonight is to be unseen. Called by the
 * trainer before it reads them.
 */
import type { BlobStore } from '../../contracts/blobs.ts';
import type { DatasetManifest } from '../../contracts/dataset.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { ModelPair } from '../../contracts/release.ts';
import { personName } from '../../contracts/person-name.ts';
import { readLearned, type Learned } from '../data/learned.ts';

/**
 * Why the champion's weights may not be used; null if they may. They may if tonight's snapshot counts as learned all that
 * they learned, because nobody of these is held out in it, and none of these images is a probe.
 */
export async function lineageBreak(
  champion: Pick<ModelPair, 'runId' | 'dataset'>,
  tonight: { readonly dataset: BlobRef; readonly manifest: DatasetManifest },
  blobs: BlobStore,
): Promise<string | null> {
  const who = `the champion (run ${champion.runId})`;
  if (!champion.dataset) return `${who} names no snapshot, so nobody knows whom it has learned`;
  const before = await readLearned(champion.dataset, blobs);
  if (typeof before === 'string') return `of ${who}, ${before}`;
  const now = await readLearned(tonight.dataset, blobs);
  if (typeof now === 'string') return `of tonight's training, ${now}`;
  const seen = whatIsSeen(before, now, tonight.manifest);
  return seen && `${who} has learned ${seen}`;
}

function whatIsSeen(before: Learned, now: Learned, { heldOut }: DatasetManifest): string | null {
  const learned = new Set([...before.people].map(personName));
  const person = heldOut.find((label) => learned.has(personName(label)));
  if (person !== undefined) return `${person}, who is held out tonight`;
  const unaware = [...before.images].filter((digest) => !now.images.has(digest)).length;
  return unaware > 0
    ? `${unaware} images that tonight's snapshot does not count as learned, so they may be probes`
    : null;
}
