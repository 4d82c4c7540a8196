/** People of a gallery in words: how they are known, and how many are shown. Pure. */
import type { KnownPerson, PeopleReply } from '../../contracts/inference.ts';
import { count } from '../words.ts';

export function knownFrom({ fromNight, images }: Pick<KnownPerson, 'fromNight' | 'images'>): string {
  const ways = [...(fromNight ? ['the night'] : []), ...(images.length > 0 ? ['enrolment'] : [])];
  return ways.length === 0 ? '–' : ways.join(' and ');
}

/** `page`: from 1. */
export function shownOf({ people, found, enrolled }: Pick<PeopleReply, 'people' | 'found' | 'enrolled'>, page: number) {
  const all =
    found === enrolled ? count(enrolled, 'person', 'people') : `${found} of ${count(enrolled, 'person', 'people')}`;
  return people.length === found ? all : `${all}, ${people.length} on page ${page}`;
}
