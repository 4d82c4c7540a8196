/**
 * Puts one message into a stream and knows that it is there. Below bus.ts (envelopes), dead-letter.ts and timers.ts,
 * which share it; actors use the bus.
 */
import { JetStreamApiError, type JetStreamPublishOptions } from '@nats-io/jetstream';
import { headers, Match, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { headersOfEvent, type EventAttributes, type HeaderReader } from '../../contracts/cloud-event.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { throwDenied } from './denial.ts';
import { clientOf } from './jetstream.ts';

/** Ten times more than our largest message, a start command with its configuration. */
export const MESSAGE_BYTES_MAX = 256 * 1024;
/** Of its headers: ids, a trace, an inbox; a few hundred bytes as a rule. */
export const HEADER_BYTES_MAX = 16 * 1024;

/** With the client's pauses between attempts, about half a minute: longer than a restart of the server. */
const PUBLISH_ATTEMPTS = 10;
const PUBLISH_TIMEOUT_MS = 1_000;

/** The id of a message that was published by hand: the same at each redelivery. */
export const fallbackIdOf = (stream: string, seq: number) => `${stream}-${seq}`;

/** Fresh ones, with the attributes of an event. */
export function metaOf(event: EventAttributes): MsgHdrs {
  const meta = headers();
  for (const [name, value] of Object.entries(headersOfEvent(event))) meta.set(name, value);
  return meta;
}

/** Names of headers are the same in any case; undefined if the message has none. */
export const readerOf =
  (meta: MsgHdrs | undefined): HeaderReader =>
  (name) =>
    meta?.get(name, Match.IgnoreCase);

export const tooLarge = (subject: string, id: string, bytes: number) =>
  new PipelineError(
    'MESSAGE_TOO_LARGE',
    `${subject} ${id}: ${bytes} bytes, allowed are ${MESSAGE_BYTES_MAX}; store large things and send their reference`,
  );

export interface StoredMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly id: string;
  /** Used up by the call, because the client adds the id to it: never pass the same headers twice. */
  readonly meta: MsgHdrs;
  readonly schedule?: JetStreamPublishOptions['schedule'];
}

/**
 * Publishes until a stream has stored it: the client repeats after silence, which the id makes harmless. Throws
 * NATS_UNAVAILABLE, retryable, if nobody stored it in time or the stream refused it; PERMISSION_DENIED if we may not.
 */
export async function publishStored(nc: NatsConnection, message: StoredMessage) {
  const { subject, body, id, meta, schedule } = message;
  try {
    const receipt = await clientOf(nc).publish(subject, body, {
      msgID: id,
      headers: meta,
      ...(schedule ? { schedule } : {}),
      retries: PUBLISH_ATTEMPTS,
      timeout: PUBLISH_TIMEOUT_MS,
    });
    return { seq: receipt.seq, duplicate: receipt.duplicate };
  } catch (cause) {
    throwDenied(cause, nc);
    // The server's own refusal (stream full, say) may pass; so does its absence.
    const why = cause instanceof JetStreamApiError ? `refused (${cause.code} ${cause.message})` : String(cause);
    throw new PipelineError('NATS_UNAVAILABLE', `${subject} ${id} was not stored: ${why}`, { retryable: true, cause });
  }
}
