/**
 * Keeps the messages that nobody could handle: a copy with the reason, in the stream DLQ, for people to look at and to
 * publish again. Called by conclude.ts before it gives a message up, and by dead-letter-store.ts for those that the
 * server gave up.
 */
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { DEAD_LETTER_HEADERS } from '../../contracts/dead-letter.ts';
import type { Failure } from '../../contracts/errors.ts';
import { deadLetterSubject } from '../../contracts/subjects.ts';
import { HEADER_BYTES_MAX, MESSAGE_BYTES_MAX, publishStored } from './publish.ts';

/** Headers have no room for a stack, and a line break would end one. */
const ERROR_LENGTH_MAX = 1_000;

export interface DeadLetter {
  readonly stream: string;
  readonly consumer: string;
  readonly subject: string;
  readonly seq: number;
  readonly deliveryCount: number;
  readonly time: Date;
  readonly body: Uint8Array;
  readonly failure: Failure;
  /** The message's own; the server's are left out. */
  readonly headers: MsgHdrs;
}

/** Returns its place. May be called again for the same message: the id is that of its place in the stream, so one copy is kept. */
export async function keepDeadLetter(nc: NatsConnection, letter: DeadLetter): Promise<number> {
  const meta = headers();
  for (const [name, value] of ownHeaders(letter.headers)) meta.set(name, value);
  meta.set(DEAD_LETTER_HEADERS.code, letter.failure.code);
  meta.set(DEAD_LETTER_HEADERS.error, oneLine(letter.failure.message));
  meta.set(DEAD_LETTER_HEADERS.subject, letter.subject);
  meta.set(DEAD_LETTER_HEADERS.stream, letter.stream);
  meta.set(DEAD_LETTER_HEADERS.sequence, String(letter.seq));
  meta.set(DEAD_LETTER_HEADERS.deliveries, String(letter.deliveryCount));
  meta.set(DEAD_LETTER_HEADERS.time, letter.time.toISOString());
  if (letter.body.length > MESSAGE_BYTES_MAX) meta.set(DEAD_LETTER_HEADERS.truncated, String(letter.body.length));
  const { seq } = await publishStored(nc, {
    subject: deadLetterSubject(letter.stream, letter.consumer),
    body: letter.body.subarray(0, MESSAGE_BYTES_MAX),
    id: `${letter.stream}-${letter.seq}-${letter.consumer}`,
    meta,
  });
  return seq;
}

/** Those that came with the message, as many as have room beside a whole body. */
function ownHeaders(all: MsgHdrs): [name: string, value: string][] {
  let room = HEADER_BYTES_MAX;
  const kept: [string, string][] = [];
  for (const [name, values] of all) {
    const value = values[0] ?? '';
    room -= Buffer.byteLength(`${name}: ${value}\r\n`);
    if (!name.startsWith('Nats-') && room >= 0) kept.push([name, value]);
  }
  return kept;
}

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, ERROR_LENGTH_MAX);
