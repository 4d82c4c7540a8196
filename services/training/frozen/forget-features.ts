/**
 * Takes the features of some images out of the files that are kept from night to night (features.ts). Called by the
 * trainer and the verifier when a person is forgotten: each has its own folders.
 */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { floatTensor, readSafetensors, writeSafetensors } from '../../safetensors.ts';
import { FEATURES_FORMAT } from './features.ts';

export interface Swept {
  /** Files that were looked at. */
  readonly files: number;
  readonly changed: number;
  /** Features of images. */
  readonly removed: number;
}

const DIGEST_BYTES = 32;

/** `pixels`: hex SHA-256 of decoded images. A folder that is not there holds nothing. */
export async function forgetFeatures(
  folders: readonly string[],
  pixels: ReadonlySet<string>,
  { isDry }: { readonly isDry: boolean },
): Promise<Swept> {
  let [files, changed, removed] = [0, 0, 0];
  for (const path of (await Promise.all([...new Set(folders)].map(filesIn))).flat()) {
    files += 1;
    const without = featuresWithout(await readFile(path), path, pixels);
    if (!without) continue;
    changed += 1;
    removed += without.removed;
    if (isDry) continue;
    if (without.bytes === null) await rm(path, { force: true });
    else {
      await writeFile(`${path}.${process.pid}`, without.bytes);
      await rename(`${path}.${process.pid}`, path);
    }
  }
  return { files, changed, removed };
}

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.safetensors')).map((name) => join(folder, name));
}

/** Null where none of them is in the file; without `bytes` no other is. A file of another kind is left alone. */
function featuresWithout(bytes: Buffer, path: string, pixels: ReadonlySet<string>) {
  const file = readSafetensors(bytes, path);
  if (file.metadata['format'] !== FEATURES_FORMAT) return null;
  const { data, shape } = floatTensor(file, 'features', 2, path);
  const [count, size] = [shape[0]!, shape[1]!]; // Of rank 2.
  const digests = Buffer.from(file.tensors['digests']!.data);
  const digestAt = (row: number) => digests.subarray(row * DIGEST_BYTES, (row + 1) * DIGEST_BYTES);
  const kept = Array.from({ length: count }, (_, row) => row).filter(
    (row) => !pixels.has(digestAt(row).toString('hex')),
  );
  if (kept.length === count) return null;
  const removed = count - kept.length;
  if (kept.length === 0) return { bytes: null, removed };
  const features = new Float32Array(kept.length * size);
  kept.forEach((row, place) => features.set(data.subarray(row * size, (row + 1) * size), place * size));
  const tensors = {
    digests: { shape: [kept.length, DIGEST_BYTES], data: new Uint8Array(Buffer.concat(kept.map(digestAt))) },
    features: { shape: [kept.length, size], data: features },
  };
  return { bytes: writeSafetensors({ tensors, metadata: file.metadata }), removed };
}
