/**
 * Tags of a picture, such as `light: left`: verification gives figures for each. What a source delivers is checked
 * here; a sample with other tags is quarantined, because its figures would be missing without a word.
 */

export const TAGS_MAX = 20;
export const TAG_LENGTH_MAX = 64;
/** The source is a tag that each sample has. */
const RESERVED = /^source:/;

/** What is wrong with the tags; null if nothing is. They come from outside, modules of one's own included. */
export function wrongTags(tags: readonly unknown[]): string | null {
  if (!Array.isArray(tags)) return 'its tags are no list';
  if (tags.length > TAGS_MAX) return `it has ${tags.length} tags; at most ${TAGS_MAX}`;
  for (const tag of tags) {
    const wrong = wrongTag(tag);
    if (wrong) return wrong;
  }
  return null;
}

function wrongTag(tag: unknown): string | null {
  if (typeof tag !== 'string') return 'a tag is no text';
  if (tag.trim() === '') return 'a tag is empty';
  if (tag.length > TAG_LENGTH_MAX) return `a tag has ${tag.length} characters; at most ${TAG_LENGTH_MAX}`;
  if (/\p{Cc}/u.test(tag)) return 'a tag holds control characters';
  return RESERVED.test(tag) ? `the tag "${tag}" begins as the name of a source` : null;
}
