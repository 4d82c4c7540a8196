/** The targets of the load: a replica over NATS, another server over HTTP, or bare onnxruntime-node in threads of the load generator itself. */
import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { headers, type NatsConnection } from 'nats';
import { Pool, type Dispatcher } from 'undici';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import { inferSubject } from '../../contracts/subjects.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import { decodeImage } from '../../services/data/images.ts';
import { identify, type Gallery } from '../../services/serving/gallery/gallery.ts';
import { startThread } from '../../runtime/threads.ts';
import { Refused, type Target } from './load.ts';

export type BenchVerb = 'embed' | 'identify';

/** Longer than any queue of the bench takes to empty. */
const TIMEOUT_MS = 30_000;
const HTTP_SOCKETS_MAX = 256;
/** Too many requests; service unavailable. */
const HTTP_OVERLOADED = new Set([429, 503]);
/** As a replica answers. */
const TOP_K = 5;

/** The payload of a request: an image file, or the pixels in it. */
export interface Face {
  readonly input: 'file' | 'pixels';
  readonly bytes: Uint8Array;
}

export function replicaTarget(nc: NatsConnection, model: string, verb: BenchVerb, { input, bytes }: Face): Target {
  const subject = inferSubject(model, verb);
  return {
    ask: async () => {
      // Fresh ones each time: publishing changes them.
      const meta = headers();
      meta.set(INFER_HEADERS.input, input);
      const message = await nc.request(subject, bytes, { timeout: TIMEOUT_MS, headers: meta });
      if (message.headers?.get(INFER_HEADERS.retryAfterMs)) throw new Refused(message.string());
      if (message.headers?.get(INFER_HEADERS.errorStatus)) throw new Error(message.string());
      message.json();
    },
    close: async () => {},
  };
}

/** Connections to the servers behind HTTP. They stay open from one load to the next, as the one to nats-server does. */
export type Pools = Map<string, Pool>;

/**
 * A server behind HTTP, over at most as many connections as a replica takes requests. By undici's own interface below its
 * promises and streams: a request over NATS is made as plainly, and the client of either is part of what is measured.
 */
export function httpTarget(
  pools: Pools,
  url: string,
  { bytes }: Face,
  headersOfAll: Readonly<Record<string, string>> = {},
): Target {
  const { origin, pathname } = new URL(url);
  const pool = pools.get(origin) ?? new Pool(origin, { connections: HTTP_SOCKETS_MAX });
  pools.set(origin, pool);
  const request = { path: pathname, method: 'POST', headers: { ...headersOfAll }, body: bytes } as const;
  return {
    ask: async () => {
      const { status, body } = await new Promise<Answer>((resolve, reject) => {
        pool.dispatch(request, takerOf(resolve, reject));
      });
      if (HTTP_OVERLOADED.has(status)) throw new Refused(`status ${status}`);
      if (status !== 200) throw new Error(`status ${status}`);
      JSON.parse(body.toString('utf8'));
    },
    close: async () => {},
  };
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function takerOf(resolve: (answer: Answer) => void, reject: (error: Error) => void): Dispatcher.DispatchHandler {
  const parts: Buffer[] = [];
  let status = 0;
  return {
    onRequestStart: () => {},
    onResponseStart: (_, statusCode) => void (status = statusCode),
    onResponseData: (_, part) => void parts.push(part),
    onResponseEnd: () => resolve({ status, body: parts.length === 1 ? parts[0]! : Buffer.concat(parts) }),
    onResponseError: (_, error) => reject(error),
  };
}

export interface BareOptions {
  readonly model: Uint8Array;
  readonly image: ImageSpec;
  readonly gallery: Gallery;
  readonly verb: BenchVerb;
  readonly face: Face;
  readonly threads: number;
}

/** The same work without a server: decode (a file), run, and search, by the functions that the replica calls. */
export async function bareTarget({ gallery, verb, face, ...options }: BareOptions): Promise<Target> {
  const pool = await Promise.all(Array.from({ length: options.threads }, () => openThread(options)));
  return {
    ask: async () => {
      const pixels = face.input === 'file' ? await decodeImage(face.bytes, options.image, 'bench') : face.bytes;
      const thread = pool.reduce((least, other) => (other.waiting.length < least.waiting.length ? other : least));
      const embedding = await new Promise<Float32Array>((resolve) => {
        thread.waiting.push(resolve);
        thread.worker.postMessage(pixels);
      });
      if (verb === 'identify') identify(gallery, embedding, TOP_K);
    },
    close: async () => {
      const ends = pool.map(({ worker }) => once(worker, 'exit'));
      for (const { worker } of pool) worker.postMessage(null);
      await Promise.all(ends);
    },
  };
}

interface BareThread {
  readonly worker: Worker;
  /** In the order of their requests, which is that of the answers. */
  readonly waiting: ((embedding: Float32Array) => void)[];
}

async function openThread({ model, image }: Pick<BareOptions, 'model' | 'image'>): Promise<BareThread> {
  const worker = startThread('bench/serving/bare.thread', { model, image });
  await once(worker, 'message');
  const waiting: BareThread['waiting'] = [];
  worker.on('message', (embedding: Float32Array) => waiting.shift()?.(embedding));
  return { worker, waiting };
}
