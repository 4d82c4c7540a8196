/**
 * A question to a data service with the version that the last answer had (`If-None-Match`, `If-Modified-Since`), so that an
 * answer that is still true is not sent again but taken from the cache. Called by http-source.ts and http-image.ts.
 */
import { z } from 'zod';
import type { Answer } from './http-get.ts';
import { mediaTypeOf, type Ask, type Question } from './http-ask.ts';
import type { SourceCache } from './source-cache.ts';

export interface KeptAnswer {
  readonly body: Buffer;
  readonly mediaType: string;
  /** It was not sent anew. */
  readonly isKept: boolean;
}

interface Means {
  readonly ask: Ask;
  readonly cache: SourceCache | undefined;
  readonly signal: AbortSignal;
}

/** What of the headers is kept beside the body. */
const VersionSchema = z.object({ mediaType: z.string(), conditions: z.record(z.string(), z.string()) });
type Version = z.infer<typeof VersionSchema>;

type Sent = Pick<KeptAnswer, 'body' | 'mediaType'>;

/** What the cache has, without a question; null if it has nothing. */
export async function findKept(cache: SourceCache | undefined, key: string): Promise<Sent | null> {
  const kept = (await cache?.find(key)) ?? null;
  return kept && { body: kept.body, mediaType: VersionSchema.parse(JSON.parse(kept.version)).mediaType };
}

/**
 * `key` names the question without its secrets; `peopleOf`: whose images or names are in a body; `isWanted`: whether it is kept
 * even where the service could not confirm it.
 */
export async function fetchKept(
  { ask, cache, signal }: Means,
  question: Question,
  key: string,
  peopleOf: (answer: Sent) => readonly string[],
  isWanted: (answer: Sent) => boolean = () => false,
): Promise<KeptAnswer> {
  const kept = (await cache?.find(key)) ?? null;
  const version = kept && VersionSchema.parse(JSON.parse(kept.version));
  const answer = await ask({ ...question, headers: { ...question.headers, ...version?.conditions } }, signal);
  if (answer.status === 304 && kept && version) return { body: kept.body, mediaType: version.mediaType, isKept: true };
  const { body } = answer;
  const mediaType = mediaTypeOf(answer);
  const conditions = mayBeKept(answer) ? (conditionsOf(answer) ?? (isWanted({ body, mediaType }) ? {} : null)) : null;
  if (cache && conditions) {
    const next: Version = { mediaType, conditions };
    await cache.keep(key, { version: JSON.stringify(next), body }, peopleOf({ body, mediaType }));
  }
  return { body, mediaType, isKept: false };
}

const mayBeKept = ({ headers }: Answer) => !/\bno-store\b/i.test(headers['cache-control'] ?? '');

/** Null if the answer cannot be known again. */
function conditionsOf({ headers }: Answer): Record<string, string> | null {
  if (headers.etag !== undefined) return { 'if-none-match': headers.etag };
  const modified = headers['last-modified'];
  return modified === undefined ? null : { 'if-modified-since': modified };
}
