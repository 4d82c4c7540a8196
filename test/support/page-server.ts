/**
 * A data service on a loopback port for tests of the http source: `withPages` serves samples in the page format,
 * `withHttp` lets a test answer as badly as it likes. Both end the server and its connections afterwards.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SourceSample } from '../../services/data/strategy.ts';
import type { SamplePage } from '../../services/data/http-source.ts';

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

export function withPages(samples: readonly SourceSample[], use: (url: string) => Promise<void>): Promise<void> {
  return withHttp((request, response) => {
    const query = new URL(request.url ?? '/', 'http://localhost').searchParams;
    const from = Number(query.get('cursor') ?? 0);
    response.end(JSON.stringify(pageOf(samples, from, Number(query.get('limit')))));
  }, use);
}

function pageOf(samples: readonly SourceSample[], from: number, limit: number): SamplePage {
  const to = from + limit;
  return {
    samples: samples.slice(from, to).map(({ id, label, bytes }) => ({ id, label, image: bytes.toString('base64') })),
    nextCursor: to < samples.length ? String(to) : null,
    total: samples.length,
  };
}
