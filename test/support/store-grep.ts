/** Looks for bytes in the files of a store, as somebody does who has its disk: every file, whatever is in it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The files under `folder` that hold the bytes. */
export function filesWith(folder: string, bytes: Uint8Array | string): string[] {
  const wanted = Buffer.from(bytes as Uint8Array);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => contentOf(path).includes(wanted));
}

/** The server's temporary files come and go. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
