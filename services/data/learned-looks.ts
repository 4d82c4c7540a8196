/**
 * The looks of the pictures that a lineage has learned: by them a copy is known whose original is gone from the sources.
 * They lie in blobs of rows beside the lists of digests, a blob for each night that learned something new, so that a night
 * stores what is new; many small ones become one. Pure; learned.ts stores them, the janitor takes people out.
 */
import { createHash } from 'node:crypto';
import { personName } from '../../contracts/person-name.ts';
import { LOOK_BYTES } from './look.ts';

/** Of a SHA-256; of a billion pictures two with the same are unlikely. */
const KEY_BYTES = 8;
/** The digest's first bytes, the name's, and the look. */
export const LOOK_ROW_BYTES = 2 * KEY_BYTES + LOOK_BYTES;
/** Then they become one. Each is a question to the store. */
const BLOBS_MAX = 16;

/** Hex of the digest's first bytes. */
export const digestKey = (digest: string): string => {
  const from = 'sha256:'.length;
  return digest.slice(from, from + 2 * KEY_BYTES);
};
/** Stands for a name: hex of the first bytes of its SHA-256. */
export const nameKey = (name: string): string =>
  createHash('sha256')
    .update(personName(name))
    .digest('hex')
    .slice(0, 2 * KEY_BYTES);

export interface LearnedLook {
  readonly digestKey: string;
  readonly nameKey: string;
  readonly look: Uint8Array;
}

export function* rowsOf(blobs: readonly Uint8Array[]): Generator<LearnedLook> {
  for (const blob of blobs) {
    const rows = Buffer.from(blob.buffer, blob.byteOffset, blob.length);
    for (let at = 0; at < rows.length; at += LOOK_ROW_BYTES) {
      yield {
        digestKey: rows.toString('hex', at, at + KEY_BYTES),
        nameKey: rows.toString('hex', at + KEY_BYTES, at + 2 * KEY_BYTES),
        look: rows.subarray(at + 2 * KEY_BYTES, at + LOOK_ROW_BYTES),
      };
    }
  }
}

interface Learnt {
  readonly digest: string;
  readonly label: string;
  readonly look: Uint8Array;
}

/** The blobs with those of `tonight` that are in none of them; the same blobs if there is nothing new. */
export function looksWith(before: readonly Uint8Array[], tonight: readonly Learnt[]): readonly Uint8Array[] {
  const known = new Set<string>();
  for (const row of rowsOf(before)) known.add(row.digestKey);
  const news = tonight.filter(({ digest }) => !known.has(digestKey(digest)));
  if (news.length === 0) return before;
  const added = Buffer.alloc(news.length * LOOK_ROW_BYTES);
  const inOrder = news.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
  for (const [row, { digest, label, look }] of inOrder.entries()) {
    const at = row * LOOK_ROW_BYTES;
    added.write(digestKey(digest) + nameKey(label), at, 'hex');
    added.set(look, at + 2 * KEY_BYTES);
  }
  return before.length < BLOBS_MAX ? [...before, added] : [Buffer.concat([...before, added])];
}

/** Without the rows of these pictures and of these people. Null where none is in it. */
export function looksWithout(
  blob: Uint8Array,
  digests: ReadonlySet<string>,
  names: ReadonlySet<string>,
): Buffer | null {
  const [pictures, people] = [new Set([...digests].map(digestKey)), new Set([...names].map(nameKey))];
  const kept: Uint8Array[] = [];
  let at = 0;
  for (const row of rowsOf([blob])) {
    if (!pictures.has(row.digestKey) && !people.has(row.nameKey)) kept.push(blob.subarray(at, at + LOOK_ROW_BYTES));
    at += LOOK_ROW_BYTES;
  }
  return kept.length * LOOK_ROW_BYTES === blob.length ? null : Buffer.concat(kept);
}
