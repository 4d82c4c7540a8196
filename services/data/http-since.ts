/**
 * Increments of a data service over HTTP: what changed `since` the last whole reading, laid over the pages that were kept of
 * it. Nothing is believed that does not add up: if the service's `total` or digest of ids is another, a page is missing, or it answers
 * with anything else than a delta, the listing is read whole, and so it is every few readings anyway. Called by http-source.ts.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import type { Entry, Page } from './http-page.ts';
import type { SourceCache } from './source-cache.ts';
import { SourceChanged, type SourceFault } from './strategy.ts';

/** A page of the whole listing, or of what changed since a state. */
export interface Place {
  /** Null: of the listing. */
  readonly since: string | null;
  /** Null: the first page. */
  readonly cursor: string | null;
}

export interface PagesOfService {
  /** As it was kept; null if it was not. */
  kept(place: Place): Promise<Page | null>;
  /** The pages of a delta, asked for one after the other, with the total that they tell. Throws as a reading does. */
  asked(since: string): AsyncIterable<{ readonly page: Page; readonly total: number | undefined }>;
}

export interface Increment {
  readonly total: number;
  items(): AsyncGenerator<{ readonly entry: Entry | SourceFault; readonly isUnchanged: boolean }>;
  /** To be stored when all items were read. */
  readonly next: Readings | null;
}

/** `since`: as the first page of the last reading told it, so that what changed while it was read comes again. */
const ReadingsSchema = z.object({
  since: z.string(),
  /** With the whole one that they began with. */
  count: z.number().int().positive(),
  /** States since which changes were asked for, in their order. */
  deltas: z.array(z.string()),
});
export type Readings = z.infer<typeof ReadingsSchema>;

const KEY = 'readings';

/** Null while the listing is read whole, and where the service offers no increments. */
export async function storeReadings(cache: SourceCache, readings: Readings | null): Promise<void> {
  await cache.keep(KEY, { version: JSON.stringify(readings), body: Buffer.alloc(0) }, []);
}

async function storedReadings(cache: SourceCache): Promise<Readings | null> {
  const kept = await cache.find(KEY);
  return kept && (ReadingsSchema.safeParse(JSON.parse(kept.version)).data ?? null);
}

/** Null: the listing has to be read whole. Throws what `asked` throws, unless the service refuses the question. */
export async function incrementOf(
  cache: SourceCache,
  pages: PagesOfService,
  fullEvery: number,
): Promise<Increment | null> {
  const readings = await storedReadings(cache);
  if (readings === null || readings.count >= fullEvery) return null;
  const { since, deltas } = readings;
  const [before, live]: [readonly (string | null)[], Live] = [[null, ...deltas], new Map()];
  for (const [layer, state] of before.entries()) if (!(await isLaid(state, layer, live, pages))) return null;
  const delta = await deltaOf(since, pages);
  // Of the changes, too, counts what was kept: that is what is read.
  if (delta === null || !(await isLaid(since, before.length, live, pages)) || delta.total !== live.size) return null;
  if (delta.ids !== undefined && delta.ids !== digestOfIds(live.keys())) return null;
  return {
    total: live.size,
    items: () => itemsOf([...before, since], live, pages),
    next: nextOf(readings, delta.since ?? since),
  };
}

/** Null if the next reading is to be a whole one: pages of a state that comes back would lie where those of the former lie. */
function nextOf({ since, count, deltas }: Readings, now: string): Readings | null {
  if (deltas.includes(now)) return null;
  // What changed since the same state is asked for again, and comes again.
  return { since: now, count: count + 1, deltas: now === since ? deltas : [...deltas, since] };
}

/** Of each id, in which of the layers its entry lies: the listing is the first, each delta the next one. */
type Live = Map<string, number>;

/** Whether all pages of a layer were kept, and lie over the others now; one that gives an id twice does not add up. */
async function isLaid(since: string | null, layer: number, live: Live, pages: PagesOfService): Promise<boolean> {
  for await (const page of keptPages(since, pages)) {
    if (page === null) return false;
    for (const id of page.removed ?? []) live.delete(id);
    for (const { id } of page.entries) {
      if (live.get(id) === layer) return false;
      live.set(id, layer);
    }
  }
  return true;
}

/** To the last page, or to one that is not there, or was there already: null. */
async function* keptPages(since: string | null, pages: PagesOfService): AsyncGenerator<Page | null> {
  const seen = new Set<string | null>();
  for (let cursor: string | null = null; ;) {
    seen.add(cursor);
    const page = await pages.kept({ since, cursor });
    yield page;
    if (page === null || page.nextCursor === null) return;
    cursor = page.nextCursor;
    // Pages of two readings may lie there.
    if (seen.has(cursor)) return yield null;
  }
}

/** As a service tells it: two mistakes in a delta may leave the total as it was. In the order of their bytes, a line for each. */
export function digestOfIds(ids: Iterable<string>): string {
  const hash = createHash('sha256');
  for (const id of [...ids].map((one) => Buffer.from(one)).sort(Buffer.compare)) hash.update(id).update('\n');
  return hash.digest('hex');
}

interface Delta {
  readonly total: number | undefined;
  /** SHA-256 of all ids, lower case; undefined if the service does not tell it. */
  readonly ids: string | undefined;
  /** Of its first page. */
  readonly since: string | undefined;
}

/**
 * All its pages were asked for. Null if the service answers with something else, as one that does not know the question, or with
 * pages that a reading refuses: the same question would be asked each night, and get the same answer.
 */
async function deltaOf(since: string, pages: PagesOfService): Promise<Delta | null> {
  let delta: Delta | null = null;
  let ids: string | undefined;
  try {
    for await (const { page, total } of pages.asked(since)) {
      if (page.removed === undefined) return null;
      ids = page.idsSha256?.toLowerCase() ?? ids;
      delta = { total, ids, since: delta ? delta.since : page.since };
    }
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'SOURCE_INVALID') return null;
    throw error;
  }
  return delta;
}

async function* itemsOf(
  layers: readonly (string | null)[],
  live: Live,
  pages: PagesOfService,
): ReturnType<Increment['items']> {
  for (const [layer, since] of layers.entries())
    for await (const page of keptPages(since, pages)) {
      for (const entry of page?.entries ?? []) {
        if (live.get(entry.id) !== layer) continue;
        live.delete(entry.id);
        yield { entry, isUnchanged: layer < layers.length - 1 };
      }
    }
  if (live.size > 0)
    throw new SourceChanged(`${live.size} kept samples are gone: they were removed while they were read`);
}
