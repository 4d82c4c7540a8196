/**
 * The rules for a change of the gallery: which name it may carry, whether it is made already, how much fits, and what
 * it does to the people of a model. Pure; change-gallery.ts of the inference actor stores what is allowed here.
 */
import { createHash } from 'node:crypto';
import { PipelineError } from '../../../contracts/errors.ts';
import { AskedPersonSchema, PersonSchema } from '../../../contracts/inference.ts';
import type { GalleryVerb } from '../../../contracts/subjects.ts';
import { IMAGES_PER_PERSON_MAX, PEOPLE_MAX, type People, type Sent } from './people.ts';

export interface GalleryChange {
  readonly person: string;
  /** An image to add, or null: the person is removed. */
  readonly image: Uint8Array | null;
}

/** The form of the name. Throws REQUEST_INVALID. */
export function personOf({ verb, person }: { readonly verb: GalleryVerb; readonly person: string | null }): string {
  const parsed = (verb === 'enroll' ? PersonSchema : AskedPersonSchema).safeParse(person ?? '');
  if (parsed.success) return parsed.data;
  const message = `${verb} request: name the person in the header Nightshift-Person: ${parsed.error.issues[0]?.message}`;
  throw new PipelineError('REQUEST_INVALID', message);
}

/** True if the change has been made before. Throws PERSON_UNKNOWN (removal) or GALLERY_FULL if it must not be made. */
export function isMade(people: People, { person, image }: GalleryChange): boolean {
  if (image === null) {
    if (people.has(person)) return false;
    const several = people.spellingsOf(person);
    if (several.length > 1) throw ambiguous(person, several);
    throw new PipelineError('PERSON_UNKNOWN', `remove request: "${person}" is not enrolled`);
  }
  const images = people.imagesOf(person);
  if (images.has(digestOf(image))) return true;
  if (images.size >= IMAGES_PER_PERSON_MAX) {
    throw full(`"${person}" has ${images.size} enrolled images, at most ${IMAGES_PER_PERSON_MAX} are kept`);
  }
  if (!people.has(person) && people.count >= PEOPLE_MAX) {
    throw full(`${people.count} people are enrolled, at most ${PEOPLE_MAX} fit`);
  }
  return false;
}

/** An image without an embedding, which could not be used, changes nothing. */
export function make(
  people: People,
  { person, image, by = '', at = '' }: GalleryChange & Partial<Sent>,
  embedding: Float32Array | null,
): void {
  if (image === null) people.remove(person);
  else if (embedding) people.add(person, digestOf(image), embedding, { by, at });
}

/** A gallery of a release of before 0.6.0, in which these were several people. */
const ambiguous = (person: string, spellings: readonly string[]) => {
  const names = spellings.map((name) => JSON.stringify(name)).join(' and ');
  const way = 'the next night makes them one, and then it can be removed';
  return new PipelineError(
    'REQUEST_INVALID',
    `remove request: this release knows ${names}, and "${person}" may be any of them; ${way}`,
  );
};

const digestOf = (image: Uint8Array) => createHash('sha256').update(image).digest('hex');
const full = (why: string) => new PipelineError('GALLERY_FULL', `enroll request: ${why}; remove some first`);
