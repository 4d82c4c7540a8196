/**
 * Messages in and out: publishing until stored, and looking at stored messages. Consuming is in consume.ts. Every
 * message is a CloudEvents envelope with a deterministic id, so that publishing twice stores once.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { REPLY_TO_HEADER } from '../../contracts/commands.ts';
import { makeEnvelope, openEnvelope, type Envelope } from '../../contracts/envelope.ts';
import { startConsuming, type Consumption } from './consume.ts';
import { managerOf } from './jetstream.ts';
import { listen, type Heard, type Listening } from './listen.ts';
import type { Logger } from '../../runtime/logger.ts';
import { whileSending } from '../telemetry/message-spans.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { ConsumeOptions } from './conclude.ts';
import { fallbackIdOf, MESSAGE_BYTES_MAX, metaOf, publishStored, readerOf, tooLarge } from './publish.ts';

export type { Consumption } from './consume.ts';
export type { ConsumeOptions, DeadDelivery, Delivery, RefusedDelivery } from './conclude.ts';
export type { Heard, Listening } from './listen.ts';

/** Answers go to inboxes alone: a sender must not have others publish on subjects that are closed to it. */
const INBOX_PREFIX = '_INBOX';

export interface BusOptions {
  readonly nc: NatsConnection;
  /** The actor that speaks, such as `trainer` or `inference/r1`. */
  readonly source: string;
  readonly log: Logger;
  readonly now: () => Date;
  readonly newId: () => string;
  /** Absent or null: no spans of messages. */
  readonly tracer?: Tracer | null | undefined;
}

export interface PublishOptions {
  /** Deterministic if the message may be published twice. Absent: a fresh one. */
  readonly id?: string | undefined;
  /** W3C trace context to hand on: that of the message's own span. */
  readonly traceparent?: string | undefined;
  /** Of the span that caused the message, in the same trace. */
  readonly parentSpanId?: string | undefined;
  readonly replyTo?: string | undefined;
}

export interface Published {
  readonly id: string;
  readonly seq: number;
  /** True when the stream held a message with this id already, so that nothing was added. */
  readonly duplicate: boolean;
}

export interface Bus {
  /** Returns when the message is on the disk of the server. Throws NATS_UNAVAILABLE (retryable), MESSAGE_TOO_LARGE. */
  publish(subject: string, data: unknown, options?: PublishOptions): Promise<Published>;
  /** Handles a durable consumer's messages until stopped; waits for a consumer that does not exist yet. */
  consume(options: ConsumeOptions): Consumption;
  /** Hears messages as they pass, without any guarantee; see listen.ts. */
  listen(subject: string, handle: (heard: Heard) => void): Listening;
  /** The last message on a subject (wildcards allowed), or null. Read from the stream's leader: never stale. */
  lastOn(stream: string, subject: string): Promise<Envelope | null>;
  /** Whether the stream holds a message on the subject: in a work queue, a message that nobody has finished. */
  hasPending(stream: string, subject: string): Promise<boolean>;
  /** When the last message on a subject was stored, by the server's clock; null if there is none. */
  lastTimeOn(stream: string, subject: string): Promise<Date | null>;
  /** Those that are kept on one subject, oldest first, `max` at most. Each costs a question. */
  historyOn(stream: string, subject: string, max: number): Promise<Envelope[]>;
  /** Whether the last message on the subject still waits for the consumer to hand it out for the first time. */
  isQueued(stream: string, consumer: string, subject: string): Promise<boolean>;
  /** Whether anybody asks this consumer for messages just now. */
  isAttended(stream: string, consumer: string): Promise<boolean>;
  /** Answers a sender who named an inbox; not stored. Any other subject is left alone. */
  reply(to: string, data: unknown): void;
}

export async function createBus(options: BusOptions): Promise<Bus> {
  const manager = await managerOf(options.nc);
  return {
    publish: (subject, data, publishOptions = {}) => publish(options, subject, data, publishOptions),
    consume: (consumeOptions) => startConsuming(options, consumeOptions),
    listen: (subject, handle) => listen(options, subject, handle),
    lastOn: async (stream, subject) => {
      const stored = await manager.streams.getMessage(stream, { last_by_subj: subject });
      if (stored === null) return null;
      return openStored(stream, stored);
    },
    historyOn: async (stream, subject, max) => {
      const kept: Envelope[] = [];
      let seq = 1;
      while (kept.length < max) {
        // The server knows `next_by_subj`; the client's type leaves it out.
        const query: { readonly seq: number } = { seq, ...{ next_by_subj: subject } };
        const stored = await manager.streams.getMessage(stream, query);
        if (stored === null) break;
        kept.push(openStored(stream, stored));
        seq = stored.seq + 1;
      }
      return kept;
    },
    hasPending: async (stream, subject) => {
      const info = await manager.streams.info(stream, { subjects_filter: subject });
      return Object.keys(info.state.subjects ?? {}).length > 0;
    },
    lastTimeOn: async (stream, subject) =>
      (await manager.streams.getMessage(stream, { last_by_subj: subject }))?.time ?? null,
    isQueued: async (stream, consumer, subject) => {
      const stored = await manager.streams.getMessage(stream, { last_by_subj: subject });
      if (stored === null) return false;
      return stored.seq > (await manager.consumers.info(stream, consumer)).delivered.stream_seq;
    },
    isAttended: async (stream, consumer) => (await manager.consumers.info(stream, consumer)).num_waiting > 0,
    reply: (to, data) => {
      if (to.startsWith(INBOX_PREFIX)) options.nc.publish(to, JSON.stringify(data));
      else options.log.warn({ to }, 'an answer was wanted on a subject that is no inbox; it was not sent');
    },
  };
}

const openStored = (stream: string, { subject, data: body, seq, time, header }: StoredMsg): Envelope =>
  openEnvelope({ subject, body, header: readerOf(header), fallbackId: fallbackIdOf(stream, seq), time });

async function publish(bus: BusOptions, subject: string, data: unknown, options: PublishOptions): Promise<Published> {
  const id = options.id ?? bus.newId();
  const { source, now } = bus;
  const envelope = makeEnvelope({ id, source, subject, time: now(), data, traceparent: options.traceparent });
  const body = new TextEncoder().encode(JSON.stringify(envelope));
  if (body.length > MESSAGE_BYTES_MAX) throw tooLarge(subject, id, body.length);
  const meta = metaOf(envelope);
  if (options.replyTo !== undefined) meta.set(REPLY_TO_HEADER, options.replyTo);
  const send = () => publishStored(bus.nc, { subject, body, id, meta });
  const { traceparent, parentSpanId } = options;
  const stored = await (bus.tracer
    ? whileSending(bus.tracer, { subject, id, traceparent, parentSpanId }, send)
    : send());
  return { id, ...stored };
}
