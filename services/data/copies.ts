/**
 * Which of the taken-in samples show the same picture: by their pixels, or as near copies by their looks. Pictures of people
 * make groups; of a stranger's it is known whether somebody enrolled is in it; and of both whether a net has learned them, and
 * as whom. Nothing depends on the order of samples. Pure; called by sift.ts.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { StoredSample } from './intake.ts';
import type { Learned } from './learned.ts';
import { digestKey, nameKey, rowsOf, type LearnedLook } from './learned-looks.ts';
import { createLookIndex } from './look-index.ts';
import { SIGNS_MAX, SIGNS_MAX_OF_OTHERS } from './look.ts';

/** A sample and the index of its intake, those of people first. */
export type Kept = StoredSample & { readonly source: number };

/** All samples with the same pixels. There is one of each picture, so it holds short lists, no sets. */
export interface Shown {
  readonly digest: string;
  readonly people: Kept[];
  readonly strangers: Kept[];
  /** Names of those in `people`, each once. */
  names: readonly string[];
  /** A net of the lineage has learned this picture or one that it is a copy of. */
  isLearned: boolean;
  /** Of people, see nameKey: as whom it was learned, as far as that is known; each once. */
  readonly learnedAs: string[];
  /** Of strangers: the picture of somebody enrolled that it is a copy of. */
  enrolled: Shown | null;
}

export interface Copies {
  /** Pictures of people, copies together. */
  readonly people: readonly (readonly Shown[])[];
  /** Pictures of strangers, copies together; also those that have an `enrolled` one. */
  readonly strangers: readonly (readonly Shown[])[];
  /** Names whose pictures look too much alike to be told apart by their looks, sorted; strangers are left out. */
  readonly alike: readonly string[];
}

export interface CopyOptions {
  /** Near copies under two names count; the same pixels always do. */
  readonly acrossNames: boolean;
}

type Before = Pick<Learned, 'images' | 'looks'>;

/**
 * A picture that looks like those of other people beyond that, its own name included, is no copy of theirs: its look shows
 * what they all share, such as the wall behind people in front of a camera that does not move (docs/data.md has figures).
 */
const NAMES_OF_ONE_PICTURE = 3;

/** A search takes some 0.1 ms among 100,000 pictures. The heartbeat of the process must not wait for all of them. */
const PER_TURN = 200;

export async function findCopies(
  people: readonly Kept[],
  strangers: readonly Kept[],
  learned: Before,
  { acrossNames }: CopyOptions,
): Promise<Copies> {
  const shown = picturesOf(people, strangers);
  for (const one of shown) recall(one, learned.images);
  // Copies of those that are here tonight are found by these.
  const here = new Map(shown.map((one) => [digestKey(one.digest), one]));
  const known: LearnedLook[] = [];
  for (const row of rowsOf(learned.looks)) {
    const one = here.get(row.digestKey);
    if (one) recallCopy(one, row.nameKey);
    else known.push(row);
  }
  const index = createLookIndex(known.length + shown.length);
  for (const { look } of known) index.add(look);
  const [ofPeople, ofStrangers] = [createGroups(), createGroups()];
  const others = createOthers();
  for (const [at, one] of shown.entries()) {
    // A picture has a sample, and all of them look the same.
    const { look } = (one.people[0] ?? one.strangers[0])!;
    const names = new Set(one.names);
    const namesKeys = new Set(one.names.map(nameKey));
    /** Other names, of pictures that are gone from the sources. */
    const learnedAs = new Set<string>();
    index.near(look, (number, signs) => {
      const row = known[number];
      if (row) {
        const isOwn = namesKeys.has(row.nameKey);
        if (signs > limit(isOwn) || !(isOwn || acrossNames)) return;
        if (isOwn) recallCopy(one, row.nameKey);
        else learnedAs.add(row.nameKey);
        return;
      }
      const other = shown[number - known.length]!;
      const isOneName = other.names.some((name) => names.has(name));
      if (signs > limit(isOneName) || !(isOneName || acrossNames)) return;
      if (isOneName) relate(one, other, ofPeople, ofStrangers);
      else others.link(one, other);
    });
    index.add(look);
    if (learnedAs.size < NAMES_OF_ONE_PICTURE) for (const name of learnedAs) recallCopy(one, name);
    if (at % PER_TURN === PER_TURN - 1) await othersTurn();
  }
  for (const [one, other] of others.copies()) relate(one, other, ofPeople, ofStrangers);
  return {
    alike: others.alike(),
    people: ofPeople.of(shown.filter((one) => one.people.length > 0)),
    strangers: ofStrangers.of(shown.filter((one) => one.strangers.length > 0)),
  };
}

const limit = (isOneName: boolean) => (isOneName ? SIGNS_MAX : SIGNS_MAX_OF_OTHERS);

/** In the order of their digests. */
function picturesOf(people: readonly Kept[], strangers: readonly Kept[]): Shown[] {
  const shown = new Map<string, Shown>();
  // A list that begins with its only member is a third of one that is added to.
  const first = (digest: string, members: Pick<Shown, 'people' | 'strangers' | 'names'>) =>
    shown.set(digest, { digest, ...members, isLearned: false, learnedAs: [], enrolled: null });
  for (const sample of people) {
    const { digest, label } = sample;
    const one = shown.get(digest);
    one?.people.push(sample);
    if (!one) first(digest, { people: [sample], strangers: [], names: [label] });
  }
  for (const sample of strangers) {
    const one = shown.get(sample.digest);
    one?.strangers.push(sample);
    if (!one) first(sample.digest, { people: [], strangers: [sample], names: [] });
  }
  for (const one of shown.values()) {
    if (one.people.length > 0) one.enrolled = one;
    // Not one by one: the picture that stands for all who have none may have a name of each of them.
    if (one.people.length > 1) one.names = [...new Set(one.people.map(({ label }) => label))];
  }
  return [...shown.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** Lists of before 0.6.0 hold the digests of files. */
function recall(one: Shown, images: ReadonlySet<string>): void {
  const isLearned = ({ file }: Kept) => images.has(file);
  one.isLearned = images.has(one.digest) || one.people.some(isLearned) || one.strangers.some(isLearned);
}

function recallCopy(one: Shown, learnedAs: string): void {
  one.isLearned = true;
  if (!one.learnedAs.includes(learnedAs)) one.learnedAs.push(learnedAs);
}

/** Near copies under different names, until it is known how many names each has. */
function createOthers() {
  const names = new Map<Shown, Set<string>>();
  const links: [Shown, Shown][] = [];
  const namesOf = (one: Shown): Set<string> => {
    const known = names.get(one) ?? new Set(namesIn(one));
    names.set(one, known);
    return known;
  };
  const isAlike = (one: Shown) => namesOf(one).size > NAMES_OF_ONE_PICTURE;
  const add = (one: Shown, more: readonly string[]) => {
    // Beyond that it is not counted: a thousand people may stand before one wall.
    for (const name of more) if (!isAlike(one)) namesOf(one).add(name);
  };
  return {
    link(one: Shown, other: Shown): void {
      add(one, namesIn(other));
      add(other, namesIn(one));
      if (!isAlike(one) && !isAlike(other)) links.push([one, other]);
    },
    copies: () => links.filter((link) => !link.some(isAlike)),
    alike: () => [...new Set([...names.keys()].filter(isAlike).flatMap(({ names: own }) => own))].sort(),
  };
}

/** A stranger may be called like somebody enrolled. */
const namesIn = ({ names, strangers }: Shown): string[] => [
  ...names,
  ...strangers.map(({ label }) => `stranger ${label}`),
];

type Groups = ReturnType<typeof createGroups>;

function relate(one: Shown, other: Shown, ofPeople: Groups, ofStrangers: Groups): void {
  if (one.people.length > 0 && other.people.length > 0) ofPeople.join(one, other);
  if (one.strangers.length > 0 && other.strangers.length > 0) ofStrangers.join(one, other);
  claim(one, other);
  claim(other, one);
}

/** The one with the lowest digest, so that the order of the search does not tell. */
function claim(stranger: Shown, other: Shown): void {
  if (stranger.enrolled === stranger || other.people.length === 0) return;
  if (stranger.enrolled === null || other.digest < stranger.enrolled.digest) stranger.enrolled = other;
}

/** Whatever is joined, also by way of others, is one group. */
function createGroups() {
  const parents = new Map<Shown, Shown>();
  const rootOf = (one: Shown): Shown => {
    let root = one;
    for (let next = parents.get(root); next; next = parents.get(root)) root = next;
    if (root !== one) parents.set(one, root);
    return root;
  };
  return {
    join(one: Shown, other: Shown): void {
      const [a, b] = [rootOf(one), rootOf(other)];
      if (a !== b) parents.set(a, b);
    },
    of(shown: readonly Shown[]): Shown[][] {
      const groups = new Map<Shown, Shown[]>();
      for (const one of shown) {
        const group = groups.get(rootOf(one));
        if (group) group.push(one);
        else groups.set(rootOf(one), [one]);
      }
      return [...groups.values()];
    },
  };
}
