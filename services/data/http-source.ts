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
 */
import { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { linkAbort } from '../../runtime/linked-abort.ts';
import { accessOf, shownUrl, type HttpAccess } from './http-request.ts';
import type { DataSource, SourceSample } from './strategy.ts';

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
/** Ids stand in the manifest and in messages. */
const ID_LENGTH_MAX = 256;

const TextSchema = z.union([z.string(), z.number()]).transform(String);
export const SamplePageSchema = z.object({
  samples: z.array(
    z.object({
      id: TextSchema.pipe(z.string().max(ID_LENGTH_MAX)),
      label: TextSchema,
      image: z.string(),
      tags: z.array(z.string()).optional(),
    }),
  ),
  nextCursor: z.string().min(1).nullable(),
  total: z.number().int().nonnegative().optional(),
});
/** The page that a data service sends. */
export type SamplePage = z.input<typeof SamplePageSchema>;

/** Throws SOURCE_UNREACHABLE (retryable) or SOURCE_INVALID while its samples are read. */
export function createHttpSource(options: HttpSourceOptions): DataSource {
  return { name: options.name, type: 'http', samples: (signal) => readPages(options, signal) };
}

async function* readPages(options: HttpSourceOptions, signal: AbortSignal): AsyncGenerator<SourceSample> {
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page++) {
    signal.throwIfAborted();
    const { samples, nextCursor, total } = await fetchPage(options, cursor, signal);
    for (const { id, label, image, tags } of samples) {
      signal.throwIfAborted();
      yield { id, label, bytes: Buffer.from(image, 'base64'), tags, total };
    }
    if (nextCursor === null) return;
    if (nextCursor === cursor) throw invalid(options, `the page after cursor ${cursor} names that cursor again`);
    cursor = nextCursor;
  }
  throw invalid(options, `more than ${PAGES_MAX} pages; do its cursors run in a circle?`);
}

async function fetchPage(options: HttpSourceOptions, cursor: string | null, signal: AbortSignal) {
  const bytes = await request(options, cursor, signal);
  const parsed = SamplePageSchema.safeParse(parseJson(bytes, options));
  if (parsed.success) return parsed.data;
  throw invalid(options, `the page does not have the form {samples, nextCursor}: ${describeIssues(parsed.error)}`);
}

async function request(options: HttpSourceOptions, cursor: string | null, signal: AbortSignal): Promise<Buffer> {
  const { fetch = globalThis.fetch, timeoutMs } = options;
  const access = accessOf(options);
  const limited = linkAbort(signal);
  const late = new Error(`no whole page within ${timeoutMs} ms`);
  const timer = setTimeout(() => limited.abort(late), timeoutMs);
  try {
    const headers = { accept: 'application/json', ...access.headers };
    const response = await fetch(pageUrl(access.url, options, cursor), { signal: limited.signal, headers });
    await refuseStatus(response, options);
    return await readLimited(response, options);
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

async function refuseStatus(response: Response, options: HttpSourceOptions): Promise<void> {
  const { status } = response;
  if (status === 200) return;
  await response.body?.cancel();
  if (status >= 500 || status === 429)
    throw unreachable(options, `answered ${status}; look into the service's own log`);
  throw invalid(options, `answered ${status} instead of a page; check path and access rights`);
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

function parseJson(bytes: Buffer, options: HttpSourceOptions): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw invalid(options, `the page is not JSON (${(cause as Error).message})`, cause);
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
const invalid = (options: HttpSourceOptions, why: string, cause?: unknown) =>
  new PipelineError('SOURCE_INVALID', `${who(options)}: ${why}`, { cause });
