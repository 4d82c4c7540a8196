/**
 * Parsed JSON without somebody: entries of lists that speak of the person or show them are left out, and in any other text
 * the name is replaced. Pure. Used for reports, records of runs and manifests' lists.
 */
import { holdsPeople, type Mentions } from './name.ts';

export interface Theirs {
  readonly mentions: Mentions;
  /** Of a picture in base64. */
  isPicture(base64: string): boolean;
}

/** The same object where nothing was found. */
export function jsonWithout<T>(value: T, theirs: Theirs): T {
  // Entries are left out of lists and words replaced in text: the types of all fields stay.
  return without(value, theirs.mentions, (entry) => !isAbout(entry, theirs)) as T;
}

/** Words alone are replaced: for records in which each entry of a list counts. */
export function wordsWithout<T>(value: T, mentions: Mentions): T {
  return without(value, mentions, () => true) as T; // As above.
}

function without(value: unknown, mentions: Mentions, isKept: (entry: unknown) => boolean): unknown {
  if (typeof value === 'string') return mentions.withoutName(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const kept = value.filter(isKept);
    const inner = kept.map((entry) => without(entry, mentions, isKept));
    return kept.length === value.length && inner.every((entry, index) => entry === value[index]) ? value : inner;
  }
  const entries = Object.entries(value);
  // A field that may be spelled like a name keeps its text.
  const inner = entries.map(([key, field]) => (holdsPeople(key) ? without(field, mentions, isKept) : field));
  if (inner.every((field, index) => field === entries[index]![1])) return value;
  return Object.fromEntries(entries.map(([key], index) => [key, inner[index]]));
}

/** An entry of a list: a name, or an object one of whose own fields says or shows it. */
function isAbout(entry: unknown, { mentions, isPicture }: Theirs): boolean {
  if (typeof entry === 'string') return mentions.isIn(entry);
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return false;
  return Object.entries(entry).some(
    ([key, field]) =>
      typeof field === 'string' && (mentions.isInField(key, field) || (key === 'picture' && isPicture(field))),
  );
}
