/** A temporary folder in a bracket, and small data sources in it: one folder per person. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePng } from '../../services/data/images.ts';
import { drawnAlbums } from '../../demo/photographs.ts';
import { tinySplit } from './tiny-data.ts';
import { TINY_IMAGE } from './tiny-model.ts';

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-e2e-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The people `p0`.. of the tiny model, `shots` images of 16 x 16 pixels each. */
export async function writeTinyPeople(folder: string, people: number, shots: number): Promise<void> {
  const { pixels, classes, labels, count } = tinySplit(people * shots, people);
  const area = TINY_IMAGE.width * TINY_IMAGE.height;
  for (let index = 0; index < count; index++) {
    const png = await encodePng(pixels.slice(index * area, (index + 1) * area), TINY_IMAGE);
    await writeImage(folder, labels[classes[index]!]!, `${index}.png`, png);
  }
}

/** Synthetic people of the demo, `shots` photographs each. */
export async function writeDrawnPeople(folder: string, people: number, shots: number): Promise<void> {
  for (const { label, served } of drawnAlbums({ people, served: shots, heldBack: 0 }, 1)) {
    for (const [shot, photograph] of served.entries()) {
      await writeImage(folder, label, `${shot + 1}.png`, await photograph());
    }
  }
}

export async function writeImage(folder: string, person: string, file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(folder, person), { recursive: true });
  await writeFile(join(folder, person, file), bytes);
}
