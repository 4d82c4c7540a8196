/**
 * A data source over HTTP, in the page format that a data service (Auth, Helper) implements:
 *
 *   GET <url>?limit=50            the first page; later ones with &cursor=<nextCursor of the page before>
 *   200 { "samples": [{ "id": "auth-17", "label": "ada", "image": "<base64 of a PNG, JPEG or WebP file>",
 *                       "tags": ["light: left"] }],      optional: see tags.ts
 *         "nextCursor": "<opaque>" | null,      null on the last page
 *         "total": 480 }                        optional: samples in all, for progress
 *
 * Ids are unique and stable; ids and labels may also be numbers. The order is the same at each reading. 5xx, 429 and
 * silence are tried again later; any other status than 200 and any other body is a mistake that a retry cannot mend.
 * Redirects are followed to the same origin only. No failure quotes a body, nor the query of an address: failures are
 * told in events.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { linkAbort } from '../../runtime/linked-abort.ts';
import { accessOf, shownUrl, type HttpAccess } from './http-request.ts';
import type { DataSource, SourceFault, SourceItem, SourceSample } from './strategy.ts';

export interface HttpSourceOptions extends HttpAccess {
  /** Samples asked for per page, 1..1000. */
  readonly pageSize: number;
  /** For one page, its body included. */
  readonly timeoutMs: number;
  readonly fetch?: typeof globalThis.fetch;
}

/** A page is held in memory whole. 50 photographs of 500 KB in base64 fit twice; a runaway body does not. */
const PAGE_BYTES_MAX = 64 * 1024 * 1024;
/** Ends the reading of a service whose cursors never come to an end. */
const PAGES_MAX = 1_000_000;
/** Of one page. A service that moved a path needs one, or two with a slash at the end. */
const REDIRECTS_MAX = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** Ids stand in the manifest and in messages. */
const ID_LENGTH_MAX = 256;

const TextSchema = z.union([z.string(), z.number()]).transform(String);
const EntrySchema = z.object({
  id: TextSchema.pipe(z.string().max(ID_LENGTH_MAX)),
  label: TextSchema,
  image: z.string(),
  tags: z.array(z.string()).optional(),
});
export const SamplePageSchema = z.object({
  samples: z.array(EntrySchema),
  nextCursor: z.string().min(1).nullable(),
  total: z.number().int().nonnegative().optional(),
});
/** The page that a data service sends. */
export type SamplePage = z.input<typeof SamplePageSchema>;
/** Its entries are looked at one by one: a broken one is quarantined, and the others stay. */
const ReceivedPageSchema = SamplePageSchema.extend({ samples: z.array(z.unknown()) });

/** Throws SOURCE_UNREACHABLE (retryable) or SOURCE_INVALID while its samples are read. */
export function createHttpSource(options: HttpSourceOptions): DataSource {
  return { name: options.name, type: 'http', samples: (signal) => readPages(options, signal) };
}

async function* readPages(options: HttpSourceOptions, signal: AbortSignal): AsyncGenerator<SourceItem> {
  refuseUserIn(options);
  let cursor: string | null = null;
  const seen = new Set<string>();
  for (let page = 1; page <= PAGES_MAX; page++) {
    signal.throwIfAborted();
    const { samples, nextCursor, total } = await fetchPage(options, cursor, signal);
    for (const [index, entry] of samples.entries()) {
      signal.throwIfAborted();
      yield { ...itemOf(entry, `page ${page}, entry ${index + 1}`), total };
    }
    if (nextCursor === null) return;
    const circle = `page ${page} names a next cursor that led to an earlier page: its cursors run in a circle`;
    // A cursor may be long; its digest is not.
    const digest = createHash('sha1').update(nextCursor).digest('base64');
    if (seen.has(digest)) throw invalid(options, circle);
    seen.add(digest);
    cursor = nextCursor;
  }
  throw invalid(options, `more than ${PAGES_MAX} pages; does it ever end?`);
}

/** `place`: names an entry that has no id of its own. */
function itemOf(entry: unknown, place: string): SourceSample | SourceFault {
  const { success, data, error } = EntrySchema.safeParse(entry);
  if (success) return { id: data.id, label: data.label, bytes: Buffer.from(data.image, 'base64'), tags: data.tags };
  const named = NamedSchema.safeParse(entry).data;
  const id = named?.id ?? place;
  const fault = error.issues.every(({ path }) => path[0] === 'tags') ? 'invalid-tags' : 'incomplete';
  return { id, label: named?.label ?? '', fault, message: `${id} (${place}): ${describeIssues(error)}` };
}

/** As much as a broken entry may still tell. */
const NamedSchema = z.object({
  id: TextSchema.pipe(z.string().max(ID_LENGTH_MAX)).optional().catch(undefined),
  label: TextSchema.optional().catch(undefined),
});

/** `fetch` takes no such address, and repeats it whole in its error. */
function refuseUserIn(options: HttpSourceOptions): void {
  const { username, password } = new URL(options.url);
  if (username === '' && password === '') return;
  throw invalid(options, 'its address has a user or a password in it, which is not supported');
}

async function fetchPage(options: HttpSourceOptions, cursor: string | null, signal: AbortSignal) {
  const { bytes, kind } = await request(options, cursor, signal);
  const parsed = ReceivedPageSchema.safeParse(parseJson(bytes, kind, options));
  if (parsed.success) return parsed.data;
  throw invalid(options, `the page does not have the form {samples, nextCursor}: ${describeIssues(parsed.error)}`);
}

/** The body of an answer, and its media type for people. */
interface Page {
  readonly bytes: Buffer;
  readonly kind: string;
}

async function request(options: HttpSourceOptions, cursor: string | null, signal: AbortSignal): Promise<Page> {
  const { timeoutMs } = options;
  const { url, headers } = accessOf(options);
  const limited = linkAbort(signal);
  const late = new Error(`no whole page within ${timeoutMs} ms`);
  const timer = setTimeout(() => limited.abort(late), timeoutMs);
  try {
    const response = await follow(options, { url: pageUrl(url, options, cursor), headers }, limited.signal);
    await refuseStatus(response, options);
    return { bytes: await readLimited(response, options), kind: mediaTypeOf(response) };
  } catch (cause) {
    // The signal's own reason comes first: an operator's cancel must not look like a source that is down.
    signal.throwIfAborted();
    if (cause instanceof PipelineError) throw cause;
    const why = `${describeNetwork(cause)}; check that the service runs and that the address is right`;
    throw unreachable(options, why, cause);
  } finally {
    clearTimeout(timer);
    limited.unlink();
  }
}

interface Asked {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The answer at the end of the redirects. An answer must not send the collector to an address that nobody configured:
 * the machine may reach more than the service does.
 */
async function follow(options: HttpSourceOptions, first: Asked, signal: AbortSignal): Promise<Response> {
  const { fetch = globalThis.fetch } = options;
  const headers = { accept: 'application/json', ...first.headers };
  let { url } = first;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const response = await fetch(url, { signal, redirect: 'manual', headers });
    if (!REDIRECTS.includes(response.status)) return response;
    await response.body?.cancel();
    url = redirectOf(response, url, options);
  }
  throw invalid(options, `more than ${REDIRECTS_MAX} redirects; do they run in a circle?`);
}

function redirectOf({ status, headers }: Response, from: URL, options: HttpSourceOptions): URL {
  const location = headers.get('location') ?? '';
  if (location === '' || !URL.canParse(location, from.href)) {
    throw invalid(options, `answered ${status} without an address to go on to`);
  }
  const to = new URL(location, from);
  if (to.origin === from.origin && to.username === '' && to.password === '') return to;
  const hint = 'name that address in the configuration if it is meant';
  throw invalid(options, `answered ${status} and redirects to another origin, which is not followed; ${hint}`);
}

async function refuseStatus(response: Response, options: HttpSourceOptions): Promise<void> {
  const { status } = response;
  if (status === 200) return;
  await response.body?.cancel();
  const answered = `answered ${status} (${mediaTypeOf(response)})`;
  if (status >= 500 || status === 429) throw unreachable(options, `${answered}; look into the service's own log`);
  throw invalid(options, `${answered} instead of a page; check path and access rights`);
}

/** The header is the service's own text: anything that does not look like a media type is not repeated. */
function mediaTypeOf({ headers }: Response): string {
  const [type = ''] = (headers.get('content-type') ?? '').split(';');
  return /^[a-z]+\/[a-z0-9.+-]{1,60}$/i.test(type.trim()) ? type.trim().toLowerCase() : 'of no known content type';
}

async function readLimited(response: Response, options: HttpSourceOptions): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // A body that is null (status 200 without one) is read as empty, and refused as no JSON.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > PAGE_BYTES_MAX)
      throw invalid(options, `a page of more than ${PAGE_BYTES_MAX} bytes; set a pageSize below ${options.pageSize}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function pageUrl(url: URL, { pageSize }: HttpSourceOptions, cursor: string | null): URL {
  const page = new URL(url);
  page.searchParams.set('limit', String(pageSize));
  if (cursor !== null) page.searchParams.set('cursor', cursor);
  return page;
}

/** The parser's own message quotes the body, so it is neither repeated nor kept as the cause. */
function parseJson(bytes: Buffer, kind: string, options: HttpSourceOptions): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw invalid(options, `the page is not JSON: status 200, ${kind}, ${bytes.length} bytes`);
  }
}

/** undici says only "fetch failed" and keeps the reason, such as ECONNREFUSED, in the cause. */
function describeNetwork(error: unknown): string {
  const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause ? `${message} (${cause.code ?? cause.message})` : message;
}

const who = ({ name, url }: HttpSourceOptions) => `source "${name}" at ${shownUrl(url)}`;
const unreachable = (options: HttpSourceOptions, why: string, cause?: unknown) =>
  new PipelineError('SOURCE_UNREACHABLE', `${who(options)}: ${why}`, { retryable: true, cause });
const invalid = (options: HttpSourceOptions, why: string) =>
  new PipelineError('SOURCE_INVALID', `${who(options)}: ${why}`);
