/**
 * One GET over HTTP or HTTPS: the answer with its body, unpacked and never larger than allowed. It knows neither pages nor
 * second tries. Node's own client is used in place of `fetch`, which takes no certificates. Called by http-ask.ts.
 */
import { request as requestPlain, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as PlainAgent } from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** PEM texts. */
export interface TlsTexts {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty unless the status is 200. */
  readonly body: Buffer;
}

export interface HttpClient {
  /** Throws TooLarge, BrokenBody, the signal's reason, or the network's own error. */
  get(url: URL, headers: Readonly<Record<string, string>>, bytesMax: number, signal: AbortSignal): Promise<Answer>;
  /** Of all connections. */
  close(): void;
}

/** The body, packed or unpacked, is larger than allowed: a small answer may unpack to gigabytes. */
export class TooLarge extends Error {}

/** Connections to one service at once: a page, or some images of it. */
const CONNECTIONS_MAX = 8;
const ENCODINGS = 'gzip, deflate, br';

export function createHttpClient(tls: TlsTexts): HttpClient {
  const settings = { keepAlive: true, maxSockets: CONNECTIONS_MAX };
  const plain = new PlainAgent(settings);
  const secure = new TlsAgent({ ...settings, ...tls });
  return {
    get: async (url, headers, bytesMax, signal) => {
      const options = { headers: { 'accept-encoding': ENCODINGS, ...headers }, signal };
      const asked =
        url.protocol === 'https:'
          ? requestTls(url, { ...options, agent: secure })
          : requestPlain(url, { ...options, agent: plain });
      return read(await answered(asked), bytesMax);
    },
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}

function answered(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked
      .once('response', resolve)
      .once('error', reject)
      // Without a listener a switch to another protocol ends the connection, and nobody hears of it.
      .once('upgrade', (response, socket) => {
        socket.destroy();
        resolve(response);
      })
      .once('close', () => reject(new Error('the connection ended without an answer')))
      .end();
  });
}

async function read(response: IncomingMessage, bytesMax: number): Promise<Answer> {
  const { statusCode: status = 0, headers } = response;
  if (status === 200) return { status, headers, body: await bodyOf(response, bytesMax) };
  // It is not read; its connection can be used by nobody else.
  response.on('error', () => {}).destroy();
  return { status, headers, body: Buffer.alloc(0) };
}

async function bodyOf(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // A stream that is left early is destroyed.
    for await (const chunk of unpacked(response)) {
      bytes += (chunk as Buffer).length;
      if (bytes > bytesMax) throw new TooLarge(`more than ${bytesMax} bytes`);
      chunks.push(chunk as Buffer);
    }
  } finally {
    response.destroy();
  }
  return Buffer.concat(chunks);
}

function unpacked(response: IncomingMessage): Readable {
  const unpack = unpackerOf(response.headers['content-encoding']);
  if (unpack === null) return response;
  // pipe() hands no error on.
  response.on('error', (error) => unpack.destroy(error));
  return response.pipe(unpack);
}

function unpackerOf(encoding = 'identity') {
  switch (encoding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    default:
      return null;
  }
}
