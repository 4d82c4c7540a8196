/**
 * Decoded pixels in a file, one image after the other, so that a set of any size costs no memory: an image is one read
 * away, and nearly always in the page cache. Its folder is lent by runtime/scratch.ts, which removes it. Called by load.ts.
 */
import { open } from 'node:fs/promises';
import { PipelineError } from '../../contracts/errors.ts';
import type { ReadableImages } from './strategy.ts';

export interface PixelFile extends Pick<ReadableImages, 'read'> {
  /** Throws DISK_FULL, which is retryable: space may return. */
  append(pixels: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const DISK_IS_FULL = new Set(['ENOSPC', 'EDQUOT']);

/** `imageBytes`: of each image. The file must not exist yet. */
export async function createPixelFile(path: string, imageBytes: number): Promise<PixelFile> {
  const file = await open(path, 'wx+');
  return {
    async append(pixels) {
      try {
        await file.appendFile(pixels);
      } catch (cause) {
        if (!DISK_IS_FULL.has((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
        const text = `${path}: no space for the pixels of a dataset; make room, or set TMPDIR to a larger disk`;
        throw new PipelineError('DISK_FULL', text, { retryable: true, cause });
      }
    },
    async read(indices, target) {
      for (const { first, place, count } of runsOf(indices)) {
        const part = target.subarray(place * imageBytes, (place + count) * imageBytes);
        await readFully(path, part, (to, from) => file.read(to, 0, to.length, from), first * imageBytes);
      }
    },
    close: () => file.close(),
  };
}

/** Consecutive images are read at once. */
function* runsOf(indices: Int32Array): Generator<{ first: number; place: number; count: number }> {
  for (let place = 0; place < indices.length;) {
    const first = indices[place]!;
    let count = 1;
    while (indices[place + count] === first + count) count += 1;
    yield { first, place, count };
    place += count;
  }
}

async function readFully(
  path: string,
  target: Uint8Array,
  read: (target: Uint8Array, position: number) => Promise<{ bytesRead: number }>,
  position: number,
): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await read(target.subarray(done), position + done);
    if (bytesRead === 0) throw new Error(`${path} ends before byte ${position + target.length}`);
    done += bytesRead;
  }
}
