/**
 * `/api/v1/events`: the events of the system as server-sent events, for pages. A reader that comes back with Last-Event-ID
 * gets what it missed, as far as it is kept; one that reads too slowly is let go, and comes back the same way. No reader
 * has a queue of its own beyond what its socket holds.
 */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Envelope } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';

/** Some minutes of a busy night. */
const KEPT_MAX = 1_000;
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** Not taken by a reader yet. */
const BEHIND_BYTES_MAX = 512 * 1024;
/** Proxies cut a line that is silent for half a minute. */
const BEAT_MS = 15_000;
const RETRY_MS = 2_000;

interface Kept {
  readonly id: string;
  readonly frame: string;
}

export class EventLog {
  readonly #readersMax: number;
  readonly #readers = new Set<ServerResponse>();
  readonly #kept: Kept[] = [];
  #bytes = 0;
  readonly #beat: NodeJS.Timeout;

  constructor(readersMax: number) {
    this.#readersMax = readersMax;
    this.#beat = setInterval(() => this.#tell(': beat\n\n'), BEAT_MS);
    this.#beat.unref();
  }

  hear(subject: string, envelope: Envelope): void {
    const { id } = envelope;
    // A line break in an id would end its line.
    const frame = `id: ${id.replaceAll(/\s/g, ' ')}\nevent: ${subject}\ndata: ${JSON.stringify(envelope)}\n\n`;
    this.#kept.push({ id, frame });
    this.#bytes += frame.length;
    while (this.#kept.length > KEPT_MAX || this.#bytes > KEPT_BYTES_MAX)
      this.#bytes -= this.#kept.shift()!.frame.length;
    this.#tell(frame);
  }

  /** Throws OVERLOADED. */
  checkRoom(): void {
    if (this.#readers.size < this.#readersMax) return;
    const text = `${this.#readers.size} readers listen already, as many as gateway.streamsMax allows`;
    throw new PipelineError('OVERLOADED', text, { retryable: true, retryAfterMs: RETRY_MS });
  }

  /** `lastId`: of the last event that the reader has had; null if it has had none. */
  read(to: ServerResponse, lastId: string | null): void {
    this.#readers.add(to);
    to.once('close', () => this.#readers.delete(to));
    to.write(`retry: ${RETRY_MS}\n\n`);
    if (lastId === null) return;
    const at = this.#kept.findIndex(({ id }) => id === lastId);
    // Too old, or of before this process: whoever reads has to look at the state anew.
    if (at === -1) to.write('event: reset\ndata: {}\n\n');
    for (const { frame } of at === -1 ? [] : this.#kept.slice(at + 1)) this.#write(to, frame);
  }

  close(): void {
    clearInterval(this.#beat);
    for (const reader of this.#readers) reader.end();
  }

  #tell(frame: string): void {
    for (const reader of this.#readers) this.#write(reader, frame);
  }

  #write(to: ServerResponse, frame: string): void {
    to.write(frame);
    if (to.writableLength <= BEHIND_BYTES_MAX) return;
    this.#readers.delete(to);
    to.destroy();
  }
}

export function addEventStream(app: FastifyInstance, events: EventLog): void {
  // Readers have a bound of their own, and take no place of requests.
  app.get('/api/v1/events', { config: { vital: true } }, (request, reply) => {
    const { 'last-event-id': lastId } = request.headers;
    // The headers of server.ts, which a taken-over reply loses.
    const headers = { ...reply.getHeaders(), 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };
    events.checkRoom();
    reply.hijack();
    reply.raw.writeHead(200, headers as Record<string, string>); // Of server.ts, where all are texts.
    events.read(reply.raw, typeof lastId === 'string' ? lastId : null);
  });
}
