/**
 * Auth and Helper as real HTTP servers with a latency, in a process of their own: photographs of patterns, different for
 * each sample and the same for each reading, with an ETag for each page. Counts the bytes of its sockets.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import type { FromServices, ServicesStart, ToServices } from './messages.ts';

const PATTERN_SIDE = 14;
const SIDE = 112;
/** Images of a person. */
const SHOTS = 20;

sharp.cache(false);
const sockets = new Map<Socket, number>();
let ended = 0;

process.on('message', (message: ToServices) => {
  // A rejection ends this process.
  if (message.type === 'start') return void start(message);
  return say({ type: 'counted', bytes: countBytes() });
});

const say = (message: FromServices) => void process.send?.(message);

async function start(options: ServicesStart): Promise<void> {
  say({ type: 'started', urls: [await serve('auth', options), await serve('helper', options)] });
}

async function serve(name: string, options: ServicesStart): Promise<string> {
  const server = createServer((request, response) => void answer(name, options, request, response));
  server.on('connection', (socket) => {
    sockets.set(socket, 0);
    socket.on('close', () => {
      ended += bytesOf(socket) - (sockets.get(socket) ?? 0);
      sockets.delete(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}`; // It listens on TCP.
}

const bytesOf = (socket: Socket) => socket.bytesRead + socket.bytesWritten;

function countBytes(): number {
  let bytes = ended;
  ended = 0;
  for (const [socket, before] of sockets) {
    bytes += bytesOf(socket) - before;
    sockets.set(socket, bytesOf(socket));
  }
  return bytes;
}

async function answer(
  name: string,
  { samples, pageSize, latencyMs }: ServicesStart,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const from = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('cursor') ?? 0);
  const to = Math.min(from + pageSize, samples);
  const etag = `"${name}-${from}-${to}"`;
  if (latencyMs > 0) await delay(latencyMs);
  if (request.headers['if-none-match'] === etag) return void response.writeHead(304).end();
  const indices = Array.from({ length: to - from }, (_, at) => from + at);
  const page = {
    samples: await Promise.all(indices.map((index) => sampleOf(name, index))),
    nextCursor: to < samples ? String(to) : null,
    total: samples,
  };
  return void response.writeHead(200, { etag, 'content-type': 'application/json' }).end(JSON.stringify(page));
}

async function sampleOf(name: string, index: number) {
  const id = `${name}-${index}`;
  const pixels = createHash('shake256', { outputLength: PATTERN_SIDE ** 2 * 3 })
    .update(id)
    .digest();
  const raw = { width: PATTERN_SIDE, height: PATTERN_SIDE, channels: 3 } as const;
  const image = await sharp(pixels, { raw }).resize(SIDE, SIDE).jpeg({ quality: 90 }).toBuffer();
  return { id, label: `${name} ${Math.floor(index / SHOTS)}`, image: image.toString('base64') };
}
