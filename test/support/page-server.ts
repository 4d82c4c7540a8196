/**
 * A data service on a loopback port for tests of the http source: `withPages` serves samples in the page format,
 * `withHttp` lets a test answer as badly as it likes. Both end the server and its connections afterwards.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SourceSample } from '../../services/data/strategy.ts';
import type { SamplePage } from '../../services/data/http-page.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export async function withHttp(handler: Handler, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    // A server that listens on TCP has an AddressInfo.
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/samples`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** `onSent` hears how many samples a page had that was sent, and not only confirmed by its ETag. */
export function withPages(
  samples: readonly SourceSample[],
  use: (url: string) => Promise<void>,
  onSent: (count: number) => void = () => undefined,
): Promise<void> {
  return withHttp((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
    const page = pageOf(samples, Number(query.get('cursor') ?? 0), Number(query.get('limit')));
    endWithETag(JSON.stringify(page), request, response, () => onSent(page.samples.length));
  }, use);
}

function endWithETag(body: string, request: IncomingMessage, response: ServerResponse, sends: () => void): void {
  const etag = `"${createHash('sha256').update(body).digest('hex')}"`;
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304).end();
  sends();
  response.writeHead(200, { etag }).end(body);
}

/** A service that offers increments; a test changes what it has. */
export interface ChangingService {
  readonly url: string;
  /** From now on it has these. */
  change(samples: readonly SourceSample[]): void;
  /** Samples that were sent so far, in listings and in deltas. */
  sent(): number;
  /** The queries of all requests so far. */
  readonly asked: readonly URLSearchParams[];
  /** In place of its own answer to a question for changes; undefined: its own. */
  distort: (page: SamplePage, response: ServerResponse) => SamplePage | undefined;
}

/** Each change makes a state with a number. */
export function withIncrements(
  samples: readonly SourceSample[],
  use: (service: ChangingService) => Promise<void>,
  { hasETags = false } = {},
): Promise<void> {
  const states = [samples];
  const asked: URLSearchParams[] = [];
  let sent = 0;
  let service: ChangingService | undefined;
  return withHttp(
    (request, response) => {
      const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
      asked.push(query);
      const [now, since] = [states.at(-1)!, query.get('since')]; // The first is always there.
      const delta = since === null ? null : deltaOf(states[Number(since)] ?? [], now);
      const page = pageOf(delta?.changed ?? now, Number(query.get('cursor') ?? 0), Number(query.get('limit')));
      const state = { total: now.length, since: String(states.length - 1) };
      const whole = { ...page, ...state, ...(delta && { removed: delta.removed }) };
      const answer = delta && service ? service.distort(whole, response) : whole;
      if (!answer) return;
      if (hasETags) return endWithETag(JSON.stringify(answer), request, response, () => (sent += page.samples.length));
      sent += page.samples.length;
      response.end(JSON.stringify(answer));
    },
    (url) => {
      service = { url, change: (next) => void states.push(next), sent: () => sent, asked, distort: (page) => page };
      return use(service);
    },
  );
}

function deltaOf(before: readonly SourceSample[], now: readonly SourceSample[]) {
  const former = new Map(before.map((sample) => [sample.id, sample]));
  const isSame = (a: SourceSample | undefined, b: SourceSample) => a?.label === b.label && a.bytes.equals(b.bytes);
  const ids = new Set(now.map(({ id }) => id));
  return {
    changed: now.filter((sample) => !isSame(former.get(sample.id), sample)),
    removed: before.map(({ id }) => id).filter((id) => !ids.has(id)),
  };
}

function pageOf(samples: readonly SourceSample[], from: number, limit: number): SamplePage {
  const to = from + limit;
  return {
    samples: samples
      .slice(from, to)
      .map(({ id, label, bytes, tags }) => ({ id, label, image: bytes.toString('base64'), tags: tags && [...tags] })),
    nextCursor: to < samples.length ? String(to) : null,
    total: samples.length,
  };
}
