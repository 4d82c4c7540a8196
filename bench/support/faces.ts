/**
 * A face set for benchmarks, one folder per person, and the two ways in which it is divided: closed set (the people
 * are known, the images are not) and open set (the people are not known either). Called by accuracy.ts.
 */
import { readFile } from 'node:fs/promises';
import { PipelineError } from '../../contracts/errors.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { listPeople } from '../../services/data/people-folder.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';
import { decodeImage } from '../../services/data/images.ts';

export interface Faces {
  readonly spec: ImageSpec;
  /** In natural order of their folders' names, each with the pixels of their images in the same order. */
  readonly people: readonly { readonly label: string; readonly images: readonly Uint8Array[] }[];
}

const SPEC = { width: 64, height: 64, channels: 1 } as const;
/** Images of each person that train and enrol; the rest are probes. */
const ENROLLED_PER_PERSON = 5;
/** The last people are those whom the net of the open set never saw. */
const UNSEEN_PEOPLE = 10;

/** Throws DATASET_TOO_SMALL where the folder has too few people or images for the two divisions. */
export async function loadFaces(folder: string): Promise<Faces> {
  const people = await Promise.all(
    (await listPeople(folder)).map(async ({ label, files }) => ({
      label,
      images: await Promise.all(files.map(async (file) => decodeImage(await readFile(file), SPEC, file))),
    })),
  );
  if (people.length > UNSEEN_PEOPLE + 1 && people.every(({ images }) => images.length > ENROLLED_PER_PERSON))
    return { spec: SPEC, people };
  throw new PipelineError(
    'DATASET_TOO_SMALL',
    `bench: ${folder} has ${people.length} people; at least ${UNSEEN_PEOPLE + 2} are needed, ` +
      `each with at least ${ENROLLED_PER_PERSON + 1} images`,
  );
}

/** The first images of everybody to learn, the others to recognise. */
export function closedSet(faces: Faces): { readonly train: LabelledImages; readonly probes: LabelledImages } {
  return {
    train: select(faces, (_, image) => image < ENROLLED_PER_PERSON),
    probes: select(faces, (_, image) => image >= ENROLLED_PER_PERSON),
  };
}

/** All images of the first people to learn, all of the last to compare among each other. */
export function openSet(faces: Faces): { readonly train: LabelledImages; readonly unseen: LabelledImages } {
  const first = faces.people.length - UNSEEN_PEOPLE;
  return { train: select(faces, (person) => person < first), unseen: select(faces, (person) => person >= first) };
}

/** Classes are numbered anew: only people of whom an image was taken count. */
function select({ spec, people }: Faces, taken: (person: number, image: number) => boolean): LabelledImages {
  const chosen = people
    .map(({ label, images }, person) => ({ label, images: images.filter((_, image) => taken(person, image)) }))
    .filter(({ images }) => images.length > 0);
  const samples = chosen.flatMap(({ images }, person) => images.map((pixels) => ({ pixels, person })));
  return {
    spec,
    pixels: Uint8Array.from(Buffer.concat(samples.map(({ pixels }) => pixels))),
    classes: Int32Array.from(samples, ({ person }) => person),
    labels: chosen.map(({ label }) => label),
    count: samples.length,
  };
}
