/**
 * A person without the name: the salted hash by which an order to forget travels and the record of it is kept; and how
 * one finds the name in what is stored. Pure.
 */
import { createHash } from 'node:crypto';
import { personName } from '../../contracts/person-name.ts';

/** SHA-256 of the salt of the installation and the name; of all spellings of the name the same. */
export const personHash = (name: string, salt: string): string => hashOf(personName(name), salt);

const hashOf = (form: string, salt: string) => createHash('sha256').update(`${salt}\n${form}`).digest('hex');

/** All hashes by which the person may be known: before 0.6.0 spaces within a name counted as they are. */
export function personHashes(name: string, salt: string): readonly string[] {
  const [form, former] = [personName(name), name.normalize('NFC').trim()];
  return former === form ? [hashOf(form, salt)] : [hashOf(form, salt), hashOf(former, salt)];
}

/** Says of a name whether it is the person's. Each name is hashed once. */
export function createMatcher(person: string, salt: string): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const isIt = personHashes(name, salt).includes(person);
    known.set(name, isIt);
    return isIt;
  };
}

/** Put where a name stood. */
export const NO_NAME = '(forgotten)';

/** Fields that hold names of models, runs and places, settings, or words of the program, which may be spelled like a person. */
const NO_PEOPLE: ReadonlySet<string> = new Set([
  ...['model', 'runId', 'key', 'subject', 'source', 'type', 'bucket', 'digest', 'format', 'state', 'strategy'],
  ...['path', 'url', 'pipeline', 'training', 'noun'],
  // A record with another word in these could not be read any more.
  ...['status', 'kind', 'stage', 'undo', 'verdict', 'outcome', 'value', 'fact', 'code', 'event', 'cause'],
  ...['id', 'commandId', 'timerId', 'seen'],
]);

export const holdsPeople = (field: string): boolean => !NO_PEOPLE.has(field);

/** Text that may hold names of a person: known only once one of the stored labels was recognised. */
export interface Mentions {
  /** Whether a value of parsed JSON speaks of the person. */
  isIn(value: unknown): boolean;
  /** Whether a field of an object does. */
  isInField(key: string, value: unknown): boolean;
  /** The same text with another word in place of the name. */
  withoutName(text: string): string;
}

/** A shorter name, or a number, is looked for as a whole text alone: in sentences it stands by chance. */
const TEXT_LENGTH_MIN = 3;

/** `names`: spellings of one person. A name counts where neither a letter nor a digit stands beside it. */
export function mentionsOf(names: Iterable<string>): Mentions {
  const spellings = [...names].flatMap((name) => [name, personName(name), JSON.stringify(name).slice(1, -1)]);
  const parts = [...new Set(spellings)].map((name) => {
    const escaped = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const isTelling = name.length >= TEXT_LENGTH_MIN && /\p{L}/u.test(name);
    return isTelling ? `(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])` : `^${escaped}$`;
  });
  if (parts.length === 0) return { isIn: () => false, isInField: () => false, withoutName: (same) => same };
  const pattern = new RegExp(parts.join('|'), 'gu');
  const isInField = (key: string, value: unknown): boolean => holdsPeople(key) && isIn(value);
  const isIn = (value: unknown): boolean => {
    if (typeof value === 'string') return value.search(pattern) !== -1;
    if (Array.isArray(value)) return value.some(isIn);
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(([key, inner]) => isInField(key, inner));
  };
  return { isIn, isInField, withoutName: (value) => value.replaceAll(pattern, NO_NAME) };
}
