/**
 * Takes the features of some images out of the files that are kept from night to night (features.ts). Called by the
 * trainer and the verifier when a person is forgotten: each has its own folders.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PipelineError } from '../../../contracts/errors.ts';
import {
  NoFeatures,
  openFeatureFile,
  removeLeftOver,
  rowsIn,
  writeFeatureFile,
  type FeatureFile,
} from './feature-file.ts';

export interface Swept {
  /** Files that were looked at. */
  readonly files: number;
  readonly changed: number;
  /** Features of images. */
  readonly removed: number;
}

/** `pixels`: hex SHA-256 of decoded images. A folder that is not there holds nothing. */
export async function forgetFeatures(
  folders: readonly string[],
  pixels: ReadonlySet<string>,
  { isDry }: { readonly isDry: boolean },
): Promise<Swept> {
  let [files, changed, removed] = [0, 0, 0];
  for (const folder of new Set(folders)) {
    for (const path of await filesIn(folder)) {
      files += 1;
      const theirs = await forgetIn(path, pixels, isDry);
      changed += theirs === 'all' || theirs > 0 ? 1 : 0;
      removed += theirs === 'all' ? 0 : theirs;
    }
    if (!isDry) await removeLeftOver(folder, Date.now());
  }
  return { files, changed, removed };
}

/** How many of them are in the file; `all`: nobody knows whose rows it holds, and it goes whole. Another kind is left alone. */
async function forgetIn(path: string, pixels: ReadonlySet<string>, isDry: boolean): Promise<number | 'all'> {
  const file = opened(path);
  if (file === 'damaged') {
    if (!isDry) await rm(path, { force: true });
    return 'all';
  }
  if (file === null) return 0;
  try {
    // Of a row that is damaged nobody knows whose it is.
    const going = file.damaged(file.digests());
    for (const [digest, row] of file.digests()) if (pixels.has(digest)) going.add(row);
    if (going.size === 0 || isDry) return going.size;
    if (going.size === file.count) await rm(path, { force: true });
    else await rewrite(path, file, going);
    return going.size;
  } finally {
    file.close();
  }
}

async function rewrite(path: string, file: FeatureFile, going: ReadonlySet<number>): Promise<void> {
  const digests = function* () {
    for (const [digest, row] of file.digests()) if (!going.has(row)) yield digest;
  };
  const rows = function* () {
    for (let row = 0; row < file.count; row++) if (!going.has(row)) yield row;
  };
  const count = file.count - going.size;
  const written = await writeFeatureFile(path, { size: file.size, count, digests, rows: rowsIn(file, rows()) });
  written.close();
}

/** Null for a file of another kind, or one that is gone meanwhile. */
function opened(path: string): FeatureFile | 'damaged' | null {
  try {
    return openFeatureFile(path);
  } catch (error) {
    if (error instanceof NoFeatures || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof PipelineError && error.code === 'BLOB_CORRUPT') return 'damaged';
    throw error;
  }
}

/** The same for the folders of a worker, whoever is asked for. */
export const cleanFeatures =
  (folders: readonly string[]) =>
  ({ pixels, isDry }: { readonly pixels: ReadonlySet<string>; readonly isDry: boolean }): Promise<Swept> =>
    forgetFeatures(folders, pixels, { isDry });

async function filesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names.filter((name) => name.endsWith('.safetensors')).map((name) => join(folder, name));
}
