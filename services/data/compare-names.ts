/**
 * What is said of names before anything is trained: pictures that stand under several of them, and names that people take for
 * one. Pure; called by compare.ts. Each finding names everybody whom it is about, up to a number.
 */
import { similarForm } from '../../contracts/person-name.ts';
import { isStored, type Intake } from './intake.ts';
import { listed, together } from './listed.ts';
import type { Conflict } from './sift.ts';

/** Of conflicts that nobody can decide: one sentence; null if there are none. `labels`: who has pictures left. */
export function contested(conflicts: readonly Conflict[], labels: readonly string[]): string | null {
  const open = conflicts.filter(({ keptFor }) => keptFor === null);
  if (open.length === 0) return null;
  const left = new Set(labels);
  const gone = [...new Set(open.flatMap(({ names }) => names))].filter((name) => !left.has(name)).sort();
  const without = gone.length === 0 ? '' : `; without any other picture: ${listed(gone.map(quoted))}`;
  return `the same pictures stand under several names, so none of them is used: ${counted(open)}${without}`;
}

/** Of those that an older snapshot decides. */
export function decided(conflicts: readonly Conflict[]): string | null {
  const closed = conflicts.filter(({ keptFor }) => keptFor !== null);
  if (closed.length === 0) return null;
  return `the same pictures stand under several names, and stay with whom the net has learned: ${counted(closed)}`;
}

/** `"ada" and "ben" (8)`: how many pictures, near copies counted as one. */
function counted(conflicts: readonly Conflict[]): string {
  const counts = new Map<string, number>();
  for (const { names, keptFor } of conflicts) {
    // One picture may stand for thousands who have none.
    const of = `${together(names.map(quoted))}${keptFor === null ? '' : `, kept for ${quoted(keptFor)}`}`;
    counts.set(of, (counts.get(of) ?? 0) + 1);
  }
  return listed([...counts].map(([of, count]) => `${of} (${count})`).sort());
}

/** Names that differ by case, width, spaces or what cannot be seen, those of one form together. */
export function similarGroups(names: readonly string[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const form = similarForm(name);
    groups.set(form, [...(groups.get(form) ?? []), name]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}

/** The same in a sentence, with spellings that were taken as one name. */
export function similarNames(names: readonly string[], intakes: readonly Pick<Intake, 'records'>[]): string | null {
  const alike = new Map<string, Set<string>>();
  const add = (name: string, shown: string) => {
    const form = similarForm(name);
    alike.set(form, (alike.get(form) ?? new Set()).add(shown));
  };
  for (const name of names) add(name, `${quoted(name)}${unseenIn(name)}`);
  const present = new Set(names);
  for (const record of intakes.flatMap(({ records }) => records)) {
    if (!isStored(record) || record.spelled === undefined || !present.has(record.label)) continue;
    const spaces = codesOf(record.spelled, /\p{Zs}/gu);
    // Two Unicode forms of the same characters are one spelling to everybody.
    if (record.spelled.normalize('NFC') !== record.label)
      add(record.label, `${quoted(record.label)} with the spaces ${spaces}`);
  }
  const several = [...alike.values()].filter((shown) => shown.size > 1).map((shown) => together([...shown].sort()));
  return several.length === 0
    ? null
    : `names that look alike, of one person or of namesakes: ${listed(several.sort())}`;
}

/** Names stand in messages as they are, so that they are found when somebody is forgotten; beside them what cannot be seen. */
const quoted = (name: string) => `"${name}"`;
function unseenIn(name: string): string {
  const codes = codesOf(name, /[\p{C}\p{Default_Ignorable_Code_Point}]/gu);
  return codes === '' ? '' : ` with ${codes}`;
}
const codesOf = (name: string, characters: RegExp) =>
  [...name.matchAll(characters)]
    .map(([one]) => `U+${one.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`)
    .join(' ');
