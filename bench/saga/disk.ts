/** How often this disk can be made to keep what was written: what bounds a server that syncs always. Called by saga.ts. */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** About what one message of a run takes in a stream. */
const WRITE_BYTES = 2048;
const MEASURED_MS = 1_000;

/** Appends and fsyncs per second, over `files` files side by side: streams do not wait for each other. */
export async function fsyncsPerSecond(files: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-disk-'));
  try {
    const began = performance.now();
    let count = 0;
    const one = async (index: number) => {
      const file = await open(join(folder, String(index)), 'w');
      for (; performance.now() - began < MEASURED_MS; count++) {
        await file.write(Buffer.alloc(WRITE_BYTES));
        await file.sync();
      }
      await file.close();
    };
    await Promise.all(Array.from({ length: files }, (_, index) => one(index)));
    return (1000 * count) / (performance.now() - began);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
