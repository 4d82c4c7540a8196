/**
 * A data source over HTTP, in the page format that a data service (Auth, Helper) implements:
 *
 *   GET <url>?limit=50            the first page; later ones with &cursor=<nextCursor of the page before>
 *   200 { "samples": [{ "id": "auth-17", "label": "ada", "image": "<base64 or data URI of an image file>",
 *                       "imageUrl": "faces/17.jpg",       in place of `image`
 *                       "tags": ["light: left"]}],        optional: see tags.ts
 *         "nextCursor": "<opaque>" | null,      null on the last page
 *         "total": 480,                         optional: samples in all
 *         "version": "2026-11-26.3",            optional: of the data; another one means that they changed meanwhile
 *         "since": "<opaque>",                  optional: names the state of the data, see http-since.ts
 *         "idsSha256": "<hex>" }                optional, of changes: of all ids, see http-since.ts
 *
 * As `application/x-ndjson` each sample is a line, and all else of the page is the last one. Ids are unique and stable; ids
 * and labels may also be numbers. The order is the same at each reading. Called by sources.ts.
 */
import { createHash } from 'node:crypto';
import { PipelineError } from '../../contracts/errors.ts';
import { mapInOrder } from '../../runtime/bounded.ts';
import { linkAbort } from '../../runtime/linked-abort.ts';
import { createAsk, whoOf, type Ask, type AskOptions } from './http-ask.ts';
import { sampleOf, type ImageOptions } from './http-image.ts';
import { fetchKept, findKept } from './http-kept.ts';
import { NoPage, pageOf, type Entry, type Page } from './http-page.ts';
import { incrementOf, storeReadings, type PagesOfService, type Place } from './http-since.ts';
import { SourceChanged, type DataSource, type SourceContext, type SourceFault, type SourceItem } from './strategy.ts';

export interface HttpSourceOptions extends AskOptions, Omit<ImageOptions, 'url'> {
  /** Samples asked for per page, 1..1000. */
  readonly pageSize: number;
  /** Of a service that offers increments every so many readings are whole ones; absent or 1: all. */
  readonly fullEvery?: number | undefined;
}

/** A page is held in memory whole. 50 photographs of 500 KB in base64 fit twice; a runaway body does not. */
const PAGE_BYTES_MAX = 64 * 1024 * 1024;
/** Ends the reading of a service whose cursors never come to an end. */
const PAGES_MAX = 1_000_000;
/** The same, long before, of one whose pages have nothing in them. */
const EMPTY_PAGES_MAX = 100;
/** Of one page. */
const IMAGES_AT_ONCE = 6;
/** So many images in a row that the service cannot give end the reading: it is away, and each costs all its tries. */
const AWAY_MAX = 3;

/** Throws SOURCE_UNREACHABLE (retryable), SOURCE_INVALID or SourceChanged while its samples are read. */
export function createHttpSource(options: HttpSourceOptions, context: SourceContext = {}): DataSource {
  return { name: options.name, type: 'http', samples: (signal) => readPages(options, context, signal) };
}

async function* readPages(
  options: HttpSourceOptions,
  context: SourceContext,
  signal: AbortSignal,
): AsyncGenerator<SourceItem> {
  refuseUserIn(options);
  const { ask, close } = createAsk(options, context);
  // A page that is on its way when the reading ends is let go.
  const own = linkAbort(signal);
  try {
    yield* itemsIn({ options, context, ask, signal: own.signal, away: 0 });
    await context.cache?.sweep();
  } finally {
    own.abort(new Error('the reading has ended'));
    own.unlink();
    close();
  }
}

/** Of one source, under way. */
interface Reading {
  readonly options: HttpSourceOptions;
  readonly context: SourceContext;
  readonly ask: Ask;
  readonly signal: AbortSignal;
  /** Images in a row that could not be had. */
  away: number;
}

/** What changed and what was kept, or the whole listing. */
async function* itemsIn(reading: Reading): AsyncGenerator<SourceItem> {
  const { fullEvery = 1 } = reading.options;
  const cache = fullEvery > 1 ? reading.context.cache : undefined;
  const increment = cache && (await incrementOf(cache, pagesOfService(reading), fullEvery));
  if (increment) {
    const { total } = increment;
    for await (const item of mapInOrder(increment.items(), IMAGES_AT_ONCE, ({ entry, isUnchanged }) =>
      itemOf(reading, entry, isUnchanged),
    )) {
      reading.signal.throwIfAborted();
      yield { ...item, total };
    }
    await storeReadings(cache, increment.next);
    return;
  }
  if (cache) await storeReadings(cache, null);
  let since: string | undefined;
  for await (const { page, total, number } of pagesOf(reading, null)) {
    if (number === 1) since = page.since;
    for await (const item of mapInOrder(page.entries, IMAGES_AT_ONCE, (entry) => itemOf(reading, entry, false))) {
      reading.signal.throwIfAborted();
      yield { ...item, total };
    }
  }
  if (cache && since !== undefined) await storeReadings(cache, { since, count: 1, deltas: [] });
}

const pagesOfService = (reading: Reading): PagesOfService => ({
  kept: async (place) => {
    const kept = await findKept(reading.context.cache, pageUrl(reading.options, place).href);
    return kept && readPage(kept, reading.options, 1);
  },
  asked: (since) => pagesOf(reading, since),
});

interface NumberedPage {
  readonly page: FetchedPage;
  readonly total: number | undefined;
  /** From 1 on. */
  readonly number: number;
}

/** `since`: null for the whole listing. */
async function* pagesOf(reading: Reading, since: string | null): AsyncGenerator<NumberedPage> {
  const { options, signal } = reading;
  let empty = 0;
  const [seen, told] = [{ cursors: new Set<string>(), pages: new Set<string>() }, createTold()];
  let next = begun(fetchPage(reading, { since, cursor: null }, 1));
  for (let number = 1; number <= PAGES_MAX; number++) {
    signal.throwIfAborted();
    const page = await next;
    const total = told(page, options, number);
    const cursor = page.nextCursor;
    empty = page.entries.length + (page.removed?.length ?? 0) === 0 ? empty + 1 : 0;
    if (empty === EMPTY_PAGES_MAX) throw invalid(options, `${empty} pages in a row are empty; does it ever end?`);
    refuseRepeated(options, page, seen.pages, number);
    if (cursor !== null) {
      refuseCircle(options, cursor, seen.cursors, number);
      // It is on its way while this one is worked at.
      next = begun(fetchPage(reading, { since, cursor }, number + 1));
    }
    yield { page, total, number };
    if (cursor === null) return;
  }
  throw invalid(options, `more than ${PAGES_MAX} pages; does it ever end?`);
}

/** Work whose failure is thrown where it is awaited; until then it must not count as unhandled. */
function begun<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** A service that passes over the cursor answers with its first page for ever, and may make up a new cursor each time. */
function refuseRepeated(options: HttpSourceOptions, { entries }: Page, seen: Set<string>, number: number): void {
  const digest = shortOf(JSON.stringify(entries.map(({ id }) => id)));
  const has = entries.length > 0 && seen.has(digest);
  if (has)
    throw new SourceChanged(
      `${whoOf(options)}: page ${number} has the very samples of an earlier page; does it pass over the cursor?`,
    );
  seen.add(digest);
}

/** A cursor may be long, and a page has many ids; a digest is short. */
const shortOf = (text: string) => createHash('sha1').update(text).digest('base64');

function refuseCircle(options: HttpSourceOptions, cursor: string, seen: Set<string>, number: number): void {
  const digest = shortOf(cursor);
  const circle = `page ${number} names a next cursor that led to an earlier page: its cursors run in a circle`;
  if (seen.has(digest)) throw invalid(options, circle);
  seen.add(digest);
}

type FetchedPage = Page & { readonly isKept: boolean };

/**
 * What the pages say of the whole: its total, the last that was told. Throws SourceChanged if two pages say different
 * things. A page that was kept says what was true when it was sent, so it is not compared.
 */
function createTold() {
  const first: { total?: number | undefined; version?: string | undefined } = {};
  let total: number | undefined;
  return ({ isKept, ...page }: FetchedPage, options: HttpSourceOptions, number: number): number | undefined => {
    if (isKept) return (total ??= page.total);
    for (const what of ['total', 'version'] as const) {
      const [before, now] = [first[what], page[what]];
      if (before !== undefined && now !== undefined && before !== now)
        throw new SourceChanged(
          `${whoOf(options)}: its ${what} was another on page ${number} than before: it changed while it was read`,
        );
    }
    first.total ??= page.total;
    first.version ??= page.version;
    return (total = page.total ?? total);
  };
}

async function fetchPage(
  { options, context, ask, signal }: Reading,
  place: Place,
  number: number,
): Promise<FetchedPage> {
  const url = pageUrl(options, place);
  const ifTooLarge = `set a pageSize below ${options.pageSize}`;
  const question = { what: `page ${number}`, url, bytesMax: PAGE_BYTES_MAX, headers: ACCEPT, ifTooLarge };
  const read = (sent: Parameters<typeof readPage>[0]) => readPage(sent, options, number);
  const people = (sent: Parameters<typeof readPage>[0]) => read(sent).entries.map(({ label }) => label);
  // What is laid over them is worth nothing without them.
  const isWanted = (sent: Parameters<typeof readPage>[0]) => place.since !== null || read(sent).since !== undefined;
  const answer = await fetchKept({ ask, signal, cache: context.cache }, question, url.href, people, isWanted);
  return { ...read(answer), isKept: answer.isKept };
}

function readPage(
  { body, mediaType }: { readonly body: Buffer; readonly mediaType: string },
  options: HttpSourceOptions,
  number: number,
): Page {
  try {
    return pageOf(body, mediaType, number);
  } catch (error) {
    if (error instanceof NoPage) throw invalid(options, error.message);
    throw error;
  }
}

const ACCEPT = { accept: 'application/json, application/x-ndjson;q=0.9' };

async function itemOf(
  reading: Reading,
  entry: Entry | SourceFault,
  isUnchanged: boolean,
): Promise<Exclude<SourceItem, { passedOver: unknown }>> {
  if ('fault' in entry) return entry;
  const { options, ask, signal, context } = reading;
  try {
    const sample = await sampleOf(entry, options, { ask, signal, cache: context.cache, isUnchanged });
    reading.away = 0;
    return sample;
  } catch (error) {
    if (!(error instanceof PipelineError) || !error.retryable || signal.aborted) throw error;
    reading.away += 1;
    if (reading.away === AWAY_MAX) throw error;
    const { id, label } = entry;
    return { id, label, fault: 'unavailable', message: `${id}: ${error.message}` };
  }
}

/** The client takes no such address, and its login would stand in each error. */
function refuseUserIn(options: HttpSourceOptions): void {
  const { username, password } = new URL(options.url);
  if (username === '' && password === '') return;
  throw invalid(options, 'its address has a user or a password in it, which is not supported');
}

function pageUrl({ url, pageSize }: HttpSourceOptions, { since, cursor }: Place): URL {
  const page = new URL(url);
  page.searchParams.set('limit', String(pageSize));
  if (since !== null) page.searchParams.set('since', since);
  if (cursor !== null) page.searchParams.set('cursor', cursor);
  return page;
}

const invalid = (options: HttpSourceOptions, why: string) =>
  new PipelineError('SOURCE_INVALID', `${whoOf(options)}: ${why}`);
