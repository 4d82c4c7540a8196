/**
 * A page of the people whom a release knows, by name. A gallery may hold half a million, on the thread that serves: so the
 * names are looked at a thousand at a time, and only those of the page are kept. The actor of the replicas answers with it.
 */
import { setImmediate as othersTurn } from 'node:timers/promises';
import type { KnownPerson, PeopleQuestion, PeopleReply } from '../../../contracts/inference.ts';
import { similarForm } from '../../../contracts/person-name.ts';
import type { Known, People } from './people.ts';

export type PeoplePage = Pick<PeopleReply, 'people' | 'next' | 'found' | 'enrolled'>;

/** A millisecond of comparing. */
const NAMES_PER_TURN = 1_000;

/** Somebody who is enrolled or removed meanwhile may be in it, or not. */
export async function listPeople(
  people: People,
  { search, after = '', limit }: PeopleQuestion,
  pause: () => Promise<unknown> = () => othersTurn(),
): Promise<PeoplePage> {
  const part = similarForm(search);
  // One more than the page shows whether there is another.
  const kept: string[] = [];
  let [found, looked] = [0, 0];
  for (const name of people.names) {
    looked += 1;
    if (looked % NAMES_PER_TURN === 0) await pause();
    if (part !== '' && !similarForm(name).includes(part)) continue;
    found += 1;
    if (name > after) keep(kept, name, limit + 1);
  }
  const page = kept.slice(0, limit);
  return {
    people: page.flatMap((name) => toPerson(people.known(name))),
    next: kept.length > limit ? page.at(-1)! : null,
    found,
    enrolled: people.count,
  };
}

/** In its place among the first `max`. */
function keep(kept: string[], name: string, max: number): void {
  if (kept.length === max && name > kept[max - 1]!) return;
  let [low, high] = [0, kept.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (kept[middle]! < name) low = middle + 1;
    else high = middle;
  }
  kept.splice(low, 0, name);
  if (kept.length > max) kept.pop();
}

/** Nobody, if the person was removed while the others were looked at. */
function toPerson(known: Known | null): KnownPerson[] {
  if (known === null) return [];
  const { name: person, fromNight, references, images } = known;
  return [{ person, fromNight, references, images: [...images].map(([digest, sent]) => ({ digest, ...sent })) }];
}
