/**
 * Divides the people of a training for the choice of its head: those whom a head learns, and those aside by whom it is
 * judged, with what is enrolled and searched of each. Pure. Called by choose-head.ts.
 */
import { heldOutOf, HELD_OUT_MIN, HELD_OUT_SHARE } from '../../decision/held-out.ts';
import { gather, imageSize } from '../input/pixels.ts';
import type { FeatureSet } from '../loop/subject.ts';

/** Others than the people who are held out of the snapshot: those are by no salt. */
const SALT = 'head';
/** Of people with two images: fewer tell nothing about people at large. */
const PEOPLE_MIN = 3;
/** Searched of each person. */
const PROBES_PER_PERSON_MAX = 10;
/** Of each side: bounds the comparisons to twenty million. */
const PEOPLE_MAX = 1000;

export interface Parts {
  /** Whom the head of the comparison learns. */
  readonly learned: { readonly train: FeatureSet; readonly validation: FeatureSet | null };
  readonly enrolled: FeatureSet;
  /** Of people whom it does not learn: every other image of each. */
  readonly probes: FeatureSet;
  readonly people: number;
}

/** Null where there are too few people on one of the sides. */
export function divide(train: FeatureSet, validation: FeatureSet | null): Parts | null {
  const all = validation === null ? train : joined(train, validation);
  const images = imagesOf(all);
  const several = all.labels.filter((_, person) => images[person]!.length > 1);
  const names = heldOutOf(several, { share: HELD_OUT_SHARE, min: HELD_OUT_MIN, salt: SALT });
  const isLearned = (person: number) => !names.has(all.labels[person]!);
  const learned = {
    train: withPeople(train, isLearned),
    validation: validation && withPeople(validation, isLearned),
  };
  if (names.size < PEOPLE_MIN || new Set(learned.train.classes).size < PEOPLE_MIN) return null;
  const people = [...all.labels.keys()].filter((person) => images[person]!.length > 0);
  const known = people.filter(isLearned).slice(0, PEOPLE_MAX);
  const aside = people.filter((person) => !isLearned(person)).slice(0, PEOPLE_MAX);
  // One image is enrolled, the next one searched.
  const everyOther = (person: number, first: number) => images[person]!.filter((_, place) => place % 2 === first);
  const enrolled = [...known.flatMap((person) => images[person]!), ...aside.flatMap((person) => everyOther(person, 0))];
  const probes = aside.flatMap((person) => everyOther(person, 1).slice(0, PROBES_PER_PERSON_MAX));
  return { learned, enrolled: selected(all, enrolled), probes: selected(all, probes), people: aside.length };
}

/** Indices of the images of each person. */
function imagesOf({ classes, labels }: FeatureSet): number[][] {
  const images = labels.map((): number[] => []);
  classes.forEach((person, image) => images[person]!.push(image));
  return images;
}

function joined(a: FeatureSet, b: FeatureSet): FeatureSet {
  const features = new Float32Array(a.features.length + b.features.length);
  features.set(a.features);
  features.set(b.features, a.features.length);
  const classes = new Int32Array(a.count + b.count);
  classes.set(a.classes);
  classes.set(b.classes, a.count);
  return { ...a, features, classes, count: a.count + b.count };
}

const selected = (set: FeatureSet, images: readonly number[]): FeatureSet => ({
  ...set,
  features: gather(set.features, imageSize(set), Int32Array.from(images)),
  classes: Int32Array.from(images, (image) => set.classes[image]!),
  count: images.length,
});

/** Of these people only, counted anew: the classes of a training have no gaps. */
function withPeople(set: FeatureSet, isIn: (person: number) => boolean): FeatureSet {
  const people = set.labels.map((_, person) => person).filter(isIn);
  const numbers = new Map(people.map((person, number) => [person, number]));
  const part = selected(
    set,
    [...set.classes.keys()].filter((image) => numbers.has(set.classes[image]!)),
  );
  return {
    ...part,
    labels: people.map((person) => set.labels[person]!),
    classes: part.classes.map((person) => numbers.get(person)!),
  };
}
