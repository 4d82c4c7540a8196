/**
 * Asks a data service for one thing, a page or an image, until it answers: with the login of the source on its own origin,
 * through redirects to the same origin, again after 429, 5xx and silence, and as late as the service itself wants
 * (`Retry-After`). No failure quotes a body, nor the query of an address. Called by http-source.ts and http-image.ts.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { linkAbort } from '../../runtime/linked-abort.ts';
import { pauseOf, type Pauses } from '../../runtime/retry.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { createHttpClient, TooLarge, type Answer, type HttpClient } from './http-get.ts';
import { accessOf, shownUrl, tlsOf, type HttpAccess } from './http-request.ts';
import type { SourceContext } from './strategy.ts';

export interface AskOptions extends HttpAccess {
  /** For one answer, its body included. */
  readonly timeoutMs: number;
  /** Tries of one thing, the first included. */
  readonly attemptsMax?: number | undefined;
  /** The longest wait that a service may ask for. */
  readonly waitMaxMs?: number | undefined;
  /** In place of PAUSES, for tests. */
  readonly pauses?: Pauses | undefined;
}

export interface Question {
  /** For people: `page 3`, `the image of auth-17`. */
  readonly what: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bytesMax: number;
  /** The way out if the answer is larger. */
  readonly ifTooLarge?: string;
}

/** 200 with a body, or 304 if the question names a version that is still true. */
export type Ask = (question: Question, signal: AbortSignal) => Promise<Answer>;

/** A service that restarts is back within seconds; a longer outage is the business of the stage's next attempt. */
const PAUSES: Pauses = { pauseMs: 500, growth: { factor: 2, pauseMaxMs: 30_000 } };
export const ATTEMPTS_MAX = 5;
export const WAIT_MS_MAX = 10 * 60_000;
/** Of one answer. A service that moved a path needs one, or two with a slash at the end. */
const REDIRECTS_MAX = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** It will not give this thing, whoever asks how often: for an image, a matter of that image alone. */
export class Refused extends PipelineError {
  constructor(message: string) {
    super('SOURCE_INVALID', message);
  }
}

/** Throws SOURCE_UNREACHABLE (retryable), or Refused, or the signal's reason. `close` ends its connections. */
export function createAsk(options: AskOptions, context: SourceContext = {}): { ask: Ask; close: () => void } {
  const client = createHttpClient(tlsOf(options));
  return { ask: (question, signal) => patiently(options, context, client, question, signal), close: client.close };
}

async function patiently(
  options: AskOptions,
  { waits = () => {}, leftMs = () => Infinity }: SourceContext,
  client: HttpClient,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const { attemptsMax = ATTEMPTS_MAX, waitMaxMs = WAIT_MS_MAX, pauses = PAUSES } = options;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await once(options, client, question, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PipelineError) || !error.retryable || attempt >= attemptsMax) throw error;
      const ms = Math.max(error.retryAfterMs ?? 0, pauseOf(pauses, attempt));
      const limitMs = Math.min(waitMaxMs, leftMs());
      if (ms > limitMs) throw tooLong(error, ms, limitMs);
      waits(`${error.message}; asked again in ${secondsOf(ms)} s (${attempt + 1} of ${attemptsMax})`);
      // Rejects only if the signal cut it short, which is asked next.
      await delay(ms, undefined, { signal }).catch(() => {});
      waits(null);
    }
  }
}

const secondsOf = (ms: number) => Math.ceil(ms / 1000);

const tooLong = ({ message }: PipelineError, ms: number, limitMs: number) =>
  new PipelineError(
    'SOURCE_UNREACHABLE',
    `${message}; it wants to be asked again in ${secondsOf(ms)} s, and at most ${secondsOf(limitMs)} s are waited for`,
    { retryable: true },
  );

async function once(options: AskOptions, client: HttpClient, question: Question, signal: AbortSignal): Promise<Answer> {
  const limited = linkAbort(signal);
  const late = new Error(`no whole answer within ${options.timeoutMs} ms`);
  const timer = setTimeout(() => limited.abort(late), options.timeoutMs);
  try {
    const answer = await follow(options, client, question, limited.signal);
    refuseStatus(answer, options, question);
    return answer;
  } catch (cause) {
    // The signal's own reason comes first: an operator's cancel must not look like a source that is down.
    signal.throwIfAborted();
    if (cause instanceof PipelineError) throw cause;
    if (cause instanceof TooLarge)
      throw refused(options, question, [cause.message, question.ifTooLarge ?? 'which is more than is read'].join('; '));
    const why = limited.signal.aborted ? late.message : describeNetwork(cause as NodeJS.ErrnoException);
    throw unready(`${whoOf(options)}, ${question.what}: ${why}; check that it runs at that address`, null, cause);
  } finally {
    clearTimeout(timer);
    limited.unlink();
  }
}

/**
 * The answer at the end of the redirects. An answer must not send the collector to an address that nobody configured:
 * the machine may reach more than the service does.
 */
async function follow(
  options: AskOptions,
  client: HttpClient,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  const { headers: login, query } = accessOf(options);
  const home = new URL(options.url).origin;
  let { url } = question;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const isHome = url.origin === home;
    const asked = isHome && redirects === 0 ? withQuery(url, query) : url;
    const answer = await client.get(asked, { ...(isHome && login), ...question.headers }, question.bytesMax, signal);
    if (!REDIRECTS.includes(answer.status)) return answer;
    url = redirectOf(answer, asked, options, question);
  }
  throw refused(options, question, `more than ${REDIRECTS_MAX} redirects; do they run in a circle?`);
}

function withQuery(url: URL, query: Readonly<Record<string, string>>): URL {
  const whole = new URL(url);
  for (const [name, value] of Object.entries(query)) whole.searchParams.set(name, value);
  return whole;
}

function redirectOf({ status, headers }: Answer, from: URL, options: AskOptions, question: Question): URL {
  const { location = '' } = headers;
  if (location === '' || !URL.canParse(location, from.href)) {
    throw refused(options, question, `answered ${status} without an address to go on to`);
  }
  const to = new URL(location, from);
  if (to.origin === from.origin && to.username === '' && to.password === '') return to;
  const hint = 'name that address in the configuration if it is meant';
  throw refused(
    options,
    question,
    `answered ${status} and redirects to another origin, which is not followed; ${hint}`,
  );
}

function refuseStatus(answer: Answer, options: AskOptions, question: Question): void {
  const { status, headers } = answer;
  if (status === 200) return;
  const isAskedFor = Object.keys(question.headers ?? {}).some((name) => name.startsWith('if-'));
  if (status === 304 && isAskedFor) return;
  const answered = `answered ${status} (${mediaTypeOf(answer)})`;
  if (status >= 500 || status === 429) {
    const why = `${whoOf(options)}, ${question.what}: ${answered}; look into the service's own log`;
    throw unready(why, retryAfterMs(headers['retry-after'], Date.now()));
  }
  throw refused(options, question, `${answered} instead of what was asked for; check path and access rights`);
}

/** Seconds, or a date (RFC 9110, 10.2.3); null if there is neither. */
export function retryAfterMs(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** The header is the service's own text: anything that does not look like a media type is not repeated. */
export function mediaTypeOf({ headers }: Pick<Answer, 'headers'>): string {
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  return /^[a-z]+\/[a-z0-9.+-]{1,60}$/i.test(type.trim()) ? type.trim().toLowerCase() : 'of no known content type';
}

/** The code is enough; the message may have an address in it. */
const describeNetwork = ({ code, message }: NodeJS.ErrnoException) =>
  code === undefined ? message : `no connection, or not to the end (${code})`;

export const whoOf = ({ name, url }: HttpAccess) => `source "${name}" at ${shownUrl(url)}`;
/** `afterMs`: as the service asked for it; null if it did not. */
const unready = (message: string, afterMs: number | null, cause?: unknown) =>
  new PipelineError('SOURCE_UNREACHABLE', message, {
    retryable: true,
    ...(afterMs !== null && { retryAfterMs: afterMs }),
    cause,
  });
const refused = (options: AskOptions, { what }: Question, why: string) =>
  new Refused(`${whoOf(options)}, ${what}: ${why}`);
