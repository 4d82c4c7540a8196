/** Loads a face set for benchmarks: one folder per person; the first five images enrol, the next five are probes. */
import { readFile } from 'node:fs/promises';
import { listPeople, type PersonFolder } from '../services/data/directory-source.ts';
import type { LabelledImages } from '../services/data/strategy.ts';
import { decodeImage } from '../services/images.ts';

export interface Faces {
  readonly gallery: LabelledImages;
  readonly probes: LabelledImages;
}

const SPEC = { width: 64, height: 64, channels: 1 } as const;
const PER_SPLIT = 5;

export async function loadFaces(folder: string): Promise<Faces> {
  const people = await listPeople(folder);
  const load = (from: number) =>
    loadSplit(people.map(({ label, files }) => ({ label, files: files.slice(from, from + PER_SPLIT) })));
  return { gallery: await load(0), probes: await load(PER_SPLIT) };
}

async function loadSplit(people: readonly PersonFolder[]): Promise<LabelledImages> {
  const samples = people.flatMap(({ files }, person) => files.map((file) => ({ file, person })));
  const size = SPEC.width * SPEC.height * SPEC.channels;
  const pixels = new Uint8Array(samples.length * size);
  for (const [index, { file }] of samples.entries()) {
    pixels.set(await decodeImage(await readFile(file), SPEC, file), index * size);
  }
  const classes = Int32Array.from(samples, ({ person }) => person);
  return { spec: SPEC, pixels, classes, labels: people.map(({ label }) => label), count: samples.length };
}
