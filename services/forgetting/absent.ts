/**
 * The people who have been gone from all sources for so long that nothing of them may stay. Pure: snapshots of nights in, the
 * names out. A night that could not be collected says nothing about anybody.
 */
import { personName } from '../../contracts/person-name.ts';

export interface CollectedNight {
  readonly model: string;
  readonly at: Date;
  /** Everybody of its snapshot, strangers too. */
  readonly people: readonly string[];
}

const DAY_MS = 24 * 3600_000;

/**
 * Counted from the first night without the person, so that a source which is empty for one night makes nobody forgotten.
 * A person must be gone from the snapshots of every model. One spelling of each.
 */
export function absentPeople(nights: readonly CollectedNight[], now: Date, absentDays: number): string[] {
  const ofModel = new Map<string, CollectedNight[]>();
  for (const night of nights) ofModel.set(night.model, [...(ofModel.get(night.model) ?? []), night]);
  const gone = new Map<string, { readonly name: string; readonly since: number }>();
  for (const own of ofModel.values()) {
    for (const [form, { name, since }] of absencesIn(own)) {
      const before = gone.get(form);
      gone.set(form, { name, since: Math.max(since, before?.since ?? since) });
    }
  }
  const limit = now.getTime() - absentDays * DAY_MS;
  return [...gone.values()].filter(({ since }) => since <= limit).map(({ name }) => name);
}

/** Infinity for those who are still there. */
function absencesIn(nights: readonly CollectedNight[]) {
  const absences = new Map<string, { readonly name: string; readonly since: number }>();
  for (const { at, people } of nights.toSorted((a, b) => a.at.getTime() - b.at.getTime())) {
    const present = new Map(people.map((name) => [personName(name), name]));
    for (const [form, { name, since }] of absences)
      if (!present.has(form) && since === Infinity) absences.set(form, { name, since: at.getTime() });
    for (const [form, name] of present) absences.set(form, { name, since: Infinity });
  }
  return absences;
}
