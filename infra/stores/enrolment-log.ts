/**
 * The stream ENROLMENTS: who was enrolled with which image, and who was removed, per model and in one order for all.
 * Written by the replica that answers the request, read by every replica from the beginning. Plain and append-only;
 * the images of a removed person are deleted.
 */
import { createHash } from 'node:crypto';
import { DeliverPolicy, JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { JsMsg, StoredMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import { enrolmentsOf, enrolmentSubject, forgottenSubject, STREAMS } from '../../contracts/subjects.ts';
import type { Logger } from '../../runtime/logger.ts';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';
import { unavailable } from '../messaging/ask-again.ts';
import { clientOf, managerOf } from '../messaging/jetstream.ts';
import { eraseMessage, messages } from './eraser.ts';

export interface EnrolmentChange {
  readonly person: string;
  /** An image file to add, or null: the person is removed, with all that was enrolled before. */
  readonly image: Uint8Array | null;
}
export interface Enrolment extends EnrolmentChange {
  readonly sequence: number;
  /** The person or role that wanted it; empty if that is not known. */
  readonly by: string;
  /** When it was stored. */
  readonly at: string;
  /** Why it is not as it was written; null if it is. Such a change must not be made. */
  readonly damage: string | null;
  /** Given if somebody is forgotten, whose name is not kept: `person` is empty, the salted hash stands for it. */
  readonly forgotten: ForgottenMark | null;
}

/** As services/forgetting/name.ts hashes a name. */
export interface ForgottenMark {
  readonly hash: string;
  readonly salt: string;
}
/** A change with who wanted it, which is stored with it. */
export type SentChange = EnrolmentChange & { readonly by: string };

export interface EnrolmentLog {
  /**
   * Stores a change and returns its sequence, if the last change of that person is `lastSequence`; null if it is not.
   * Throws NATS_UNAVAILABLE (retryable): of unknown outcome, and harmless to repeat.
   */
  append(change: SentChange, lastSequence: number): Promise<number | null>;
  /** Sequence of the last change of the person, or of anybody; 0 if there is none. */
  last(person?: string): Promise<number>;
  /** Hands on every change in order, from the first; the next one when the promise of the one before is kept. */
  follow(onChange: (enrolment: Enrolment) => Promise<void>): { stop(): void };
  /** The bytes of an image that was enrolled for the person, by their SHA-256; null if it is not there. */
  image(person: string, digest: string): Promise<Uint8Array | null>;
  /** Deletes all that was stored of the person before `sequence`. */
  forget(person: string, sequence: number): Promise<void>;
}

/** Of an enrolment, and of one that waits for approval (pending-store.ts). */
export const PERSON_HEADER = INFER_HEADERS.person;
export const BY_HEADER = 'Nightshift-By';
/** Of the server: where the client puts `msgID`. */
const ID_HEADER = 'Nats-Msg-Id';
const FORGOTTEN_HEADER = 'Nightshift-Forgotten';
const SALT_HEADER = 'Nightshift-Salt';
const PUBLISH_TIMEOUT_MS = 1_000;
const PUBLISH_ATTEMPTS = 5;
/** Of images on their way to a replica that starts: enough to fill a batch, and bounded in memory. */
const PREFETCH = 32;
/** A reader that ended, with the server for instance, is opened anew for as long as its replica listens. */
const READ_ON: RetryPolicy = { attemptsMax: FOREVER, pauseMs: 500, isWorthIt: () => true };

/** Stands for a person where the name itself must not: in subjects and in the audit log. */
export const keyOf = (person: string) => createHash('sha256').update(person).digest('hex').slice(0, 32);

export async function createEnrolmentLog(nc: NatsConnection, model: string, log: Logger): Promise<EnrolmentLog> {
  // Whether JetStream is there was asked when the connection was made.
  const manager = await managerOf(nc);
  const subjectOf = (person: string) => enrolmentSubject(model, keyOf(person));
  return {
    append: (change, lastSequence) => append(nc, subjectOf(change.person), change, lastSequence),
    last: async (person) => {
      const subject = person === undefined ? enrolmentsOf(model) : subjectOf(person);
      const found = await unlessAway(manager.streams.getMessage(STREAMS.enrolments, { last_by_subj: subject }));
      return found?.seq ?? 0;
    },
    follow: (onChange) => follow(nc, model, onChange, log),
    image: async (person, digest) => {
      for await (const { data } of messages(manager, STREAMS.enrolments, subjectOf(person)))
        if (data.length > 0 && digestOf(data) === digest) return data;
      return null;
    },
    forget: async (person, seq) => {
      // One by one, because the server leaves the bytes of what is purged on its disk.
      for await (const message of messages(manager, STREAMS.enrolments, subjectOf(person))) {
        if (message.seq >= seq) return;
        await eraseMessage(manager, STREAMS.enrolments, message.seq);
      }
    },
  };
}

async function append(nc: NatsConnection, subject: string, { person, image, by }: SentChange, last: number) {
  const meta = headers();
  meta.set(PERSON_HEADER, Buffer.from(person).toString('base64'));
  meta.set(BY_HEADER, by);
  try {
    const receipt = await clientOf(nc).publish(subject, image ?? new Uint8Array(0), {
      // The same change after the same history: publishing it again after silence stores it once.
      msgID: `${subject}.${last}.${digestOf(image)}`,
      headers: meta,
      expect: { lastSubjectSequence: last },
      retries: PUBLISH_ATTEMPTS,
      timeout: PUBLISH_TIMEOUT_MS,
    });
    return receipt.seq;
  } catch (cause) {
    if (isConflict(cause)) return null;
    throw away(`the change of "${person}" was not stored`, cause);
  }
}

function follow(nc: NatsConnection, model: string, onChange: (it: Enrolment) => Promise<void>, log: Logger) {
  const stopping = new AbortController();
  const { signal } = stopping;
  let stopReading = () => {};
  let next = 1;
  const read = async () => {
    const options = {
      filter_subjects: enrolmentsOf(model),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: next,
    };
    const consumer = await clientOf(nc).consumers.get(STREAMS.enrolments, options);
    const messages = await consumer.consume({ max_messages: PREFETCH });
    stopReading = () => messages.stop();
    if (signal.aborted) stopReading();
    for await (const message of messages) {
      if (signal.aborted) return;
      await onChange(enrolmentOf(message));
      next = message.seq + 1;
    }
    throw unavailable('the reader of enrolments ended');
  };
  const onFailure = (err: unknown) => log.warn({ err }, 'replica: enrolments cannot be read now; trying again');
  retry({ ...READ_ON, signal, onFailure }, read).catch((error) => {
    if (!signal.aborted) throw error;
  });
  return {
    stop: () => {
      stopping.abort();
      stopReading();
    },
  };
}

/** base64, because a header is not safe for every character of a name. */
function enrolmentOf({ seq, data, subject, headers: meta, timestamp }: JsMsg): Enrolment {
  const sent = { sequence: seq, by: meta?.get(BY_HEADER) ?? '', at: timestamp };
  const person = Buffer.from(meta?.get(PERSON_HEADER) ?? '', 'base64').toString();
  const image = data.length === 0 ? null : data;
  const [hash, salt] = [meta?.get(FORGOTTEN_HEADER) ?? '', meta?.get(SALT_HEADER) ?? ''];
  if (hash) return { ...sent, person, image, damage: null, forgotten: { hash, salt } };
  const isOfPerson = subject.split('.').includes(keyOf(person));
  const isOfImage = meta?.get(ID_HEADER).endsWith(`.${digestOf(image)}`) ?? false;
  const what = isOfPerson ? 'its image' : 'its name';
  const damage = isOfPerson && isOfImage ? null : `enrolment ${seq}: ${what} is not what was enrolled`;
  return { ...sent, person, image, damage, forgotten: null };
}

/** Tells the replicas of a model to forget somebody, now and whenever they load a gallery. Returns its sequence. */
export async function publishForgotten(
  nc: NatsConnection,
  model: string,
  { hash, salt }: ForgottenMark,
): Promise<number> {
  const meta = headers();
  meta.set(FORGOTTEN_HEADER, hash);
  meta.set(SALT_HEADER, salt);
  const subject = forgottenSubject(model, hash);
  const { seq } = await clientOf(nc).publish(subject, new Uint8Array(0), {
    headers: meta,
    retries: PUBLISH_ATTEMPTS,
    timeout: PUBLISH_TIMEOUT_MS,
  });
  return seq;
}

/** The name in a stored message; null in one without. */
export function enrolledName({ header }: Pick<StoredMsg, 'header'>): string | null {
  const encoded = header?.get(PERSON_HEADER) ?? '';
  return encoded === '' ? null : Buffer.from(encoded, 'base64').toString();
}

/** At the end of each message's id: so a message tells by itself whether its image is the one that was sent. */
const digestOf = (image: Uint8Array | null) => (image ? createHash('sha256').update(image).digest('hex') : 'removed');

async function unlessAway<T>(answer: Promise<T | StoredMsg | null>): Promise<T | StoredMsg | null> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof JetStreamApiError && cause.code === JetStreamApiCodes.NoMessageFound) return null;
    throw away('the enrolments cannot be read', cause);
  }
}

const CONFLICTS: readonly number[] = [
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
];
const isConflict = (error: unknown) => error instanceof JetStreamApiError && CONFLICTS.includes(error.code);
const away = (what: string, cause: unknown) => unavailable(`${what}: ${String(cause)}; try again`, cause);
