/**
 * A folder of people for the decision bench, and its division: which people train, who is held out, who are the
 * strangers that set a threshold and those that measure it. Everything follows from a seed. Called by decision.ts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PipelineError } from '../../contracts/errors.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { HELD_OUT_MIN, HELD_OUT_SHARE, heldOutOf } from '../../services/decision/held-out.ts';
import { listPeople } from '../../services/data/people-folder.ts';
import { decodeImage } from '../../services/data/images.ts';
import type { LabelledImages } from '../../services/data/strategy.ts';

export interface Person {
  readonly label: string;
  readonly images: readonly Uint8Array[];
}

export interface Division {
  readonly seed: number;
  /** Learned and enrolled. */
  readonly trained: readonly DividedPerson[];
  /** Enrolled, never learned: the newcomers, and the strangers of a set that has no others. */
  readonly heldOut: readonly DividedPerson[];
  /** Never enrolled: some set the threshold, the others show what it lets in. No person is on both sides. */
  readonly setting: readonly Person[];
  readonly measuring: readonly Person[];
}

export interface DividedPerson {
  readonly label: string;
  readonly enrolled: readonly Uint8Array[];
  readonly probes: readonly Uint8Array[];
}

/** As the pipeline stores pictures where nothing else is configured. */
export const SPEC: ImageSpec = { width: 64, height: 64, channels: 1 };
/** As docs/training.md stores them for a pretrained backbone. */
export const BACKBONE_SPEC: ImageSpec = { width: 112, height: 112, channels: 3 };
/** Of a person's images, those that are learned and enrolled. */
export const ENROLLED_SHARE = 0.7;
/** Of the people, if there are no other strangers, those that are never enrolled. */
export const STRANGERS_SHARE = 0.25;
const PEOPLE_MIN = 8;

export async function loadPeople(folder: string, spec: ImageSpec = SPEC): Promise<Person[]> {
  const people = [];
  for (const { label, files } of await listPeople(folder)) {
    const images = await Promise.all(files.map(async (file) => decodeImage(await readFile(file), spec, file)));
    if (images.length > 0) people.push({ label, images });
  }
  return people;
}

/** Throws DATASET_TOO_SMALL. Without strangers a quarter of the people are the measuring ones, and none set. */
export function divide(people: readonly Person[], strangers: readonly Person[], seed: number): Division {
  const usable = people.filter(({ images }) => images.length > 1);
  if (usable.length < PEOPLE_MIN) {
    throw new PipelineError(
      'DATASET_TOO_SMALL',
      `bench: ${usable.length} people with two images or more; at least ${PEOPLE_MIN} are needed`,
    );
  }
  const apart = strangers.length > 0 ? 0 : Math.round(STRANGERS_SHARE * usable.length);
  const shuffled = byHash(usable, ({ label }) => `${seed}/${label}`);
  const others = byHash(strangers, ({ label }) => `${seed}/${label}`);
  const half = Math.ceil(others.length / 2);
  const enrolled = usable.filter((person) => !shuffled.slice(0, apart).includes(person));
  const names = enrolled.map(({ label }) => label);
  const newcomers = heldOutOf(names, { share: HELD_OUT_SHARE, min: HELD_OUT_MIN, salt: String(seed) });
  const isNew = ({ label }: Person) => newcomers.has(label);
  return {
    seed,
    trained: enrolled.filter((person) => !isNew(person)).map((person) => divided(person, seed)),
    heldOut: enrolled.filter(isNew).map((person) => divided(person, seed)),
    setting: others.slice(0, half),
    measuring: apart > 0 ? shuffled.slice(0, apart) : others.slice(half),
  };
}

function divided({ label, images }: Person, seed: number): DividedPerson {
  const order = byHash([...images.keys()], (image) => `${seed}/${label}/${image}`);
  const enrolled = Math.min(images.length - 1, Math.ceil(ENROLLED_SHARE * images.length));
  const chosen = order.map((image) => images[image]!);
  return { label, enrolled: chosen.slice(0, enrolled), probes: chosen.slice(enrolled) };
}

/** One class for each group of images, in their order. */
export function labelled(
  groups: readonly { readonly label: string; readonly images: readonly Uint8Array[] }[],
  spec: ImageSpec = SPEC,
): LabelledImages {
  const samples = groups.flatMap(({ images }, person) => images.map((pixels) => ({ pixels, person })));
  return {
    spec,
    pixels: Uint8Array.from(Buffer.concat(samples.map(({ pixels }) => pixels))),
    classes: Int32Array.from(samples, ({ person }) => person),
    labels: groups.map(({ label }) => label),
    count: samples.length,
  };
}

/** In an order that depends on the keys alone. */
export function byHash<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const hashed = items.map((item) => ({ item, hash: createHash('sha256').update(keyOf(item)).digest('hex') }));
  return hashed.sort((a, b) => (a.hash < b.hash ? -1 : 1)).map(({ item }) => item);
}
