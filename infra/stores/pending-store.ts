/**
 * The stream PENDING: changes of a gallery that wait for the approval of a second person, with their images. Written and
 * read by the replicas of the model. The stream bounds their number, and their age.
 */
import { randomUUID } from 'node:crypto';
import { JetStreamApiError, type StoredMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import type { PendingChange } from '../../contracts/inference.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { GALLERY_VERBS, pendingOf, pendingSubject, STREAMS } from '../../contracts/subjects.ts';
import { unavailable } from '../messaging/ask-again.ts';
import { clientOf, managerOf } from '../messaging/jetstream.ts';
import { PENDING_AGE_MS } from '../topology/streams.ts';
import { BY_HEADER, enrolledName, PERSON_HEADER } from './enrolment-log.ts';

export type AskedChange = Pick<PendingChange, 'verb' | 'person' | 'by'> & { readonly image: Uint8Array };
/** With its image and its place in the stream. */
export type WaitingChange = PendingChange & { readonly image: Uint8Array; readonly seq: number };

export interface PendingStore {
  /** Throws GALLERY_FULL if too many wait already, NATS_UNAVAILABLE. */
  add(change: AskedChange): Promise<PendingChange>;
  /** Oldest first. */
  list(): Promise<readonly PendingChange[]>;
  get(requestId: string): Promise<WaitingChange | null>;
  /** False if it was gone already. */
  remove(change: WaitingChange): Promise<boolean>;
}

const VERB_HEADER = 'Nightshift-Verb';
const PUBLISH_TIMEOUT_MS = 1_000;
const PUBLISH_ATTEMPTS = 5;

export async function createPendingStore(nc: NatsConnection, model: string): Promise<PendingStore> {
  const manager = await managerOf(nc);
  const { streams } = manager;
  const last = async (subject: string) => {
    const stored = await streams.getMessage(STREAMS.pending, { last_by_subj: subject });
    return stored && toWaiting(stored);
  };
  return {
    add: (change) => add(nc, model, change),
    list: async () => {
      const { state } = await streams.info(STREAMS.pending, { subjects_filter: pendingOf(model) });
      const found = await Promise.all(Object.keys(state.subjects ?? {}).map(last));
      const waiting = found.filter((it) => it !== null);
      return waiting.sort((a, b) => a.seq - b.seq).map(({ image: _image, seq: _seq, ...change }) => change);
    },
    get: async (requestId) => last(pendingSubject(model, requestId)),
    remove: async ({ seq }) => {
      try {
        return await streams.deleteMessage(STREAMS.pending, seq);
      } catch (error) {
        // The server has one code for all reasons not to delete.
        if (!(error instanceof JetStreamApiError)) throw error;
        if ((await streams.getMessage(STREAMS.pending, { seq })) !== null) throw error;
        return false;
      }
    },
  };
}

async function add(nc: NatsConnection, model: string, change: AskedChange): Promise<PendingChange> {
  const { verb, person, by, image } = change;
  const pending = randomUUID().slice(0, 13);
  const askedAt = new Date();
  const meta = headers();
  meta.set(PERSON_HEADER, Buffer.from(person).toString('base64'));
  meta.set(VERB_HEADER, verb);
  meta.set(BY_HEADER, by);
  try {
    const options = { msgID: pending, headers: meta, retries: PUBLISH_ATTEMPTS, timeout: PUBLISH_TIMEOUT_MS };
    await clientOf(nc).publish(pendingSubject(model, pending), image, options);
  } catch (cause) {
    // The server has no other reason to refuse a message of an allowed size.
    if (cause instanceof JetStreamApiError) {
      const why = `too many changes wait for approval (${cause.message}); approve or reject some first`;
      throw new PipelineError('GALLERY_FULL', `${verb} request: ${why}`, { cause });
    }
    throw unavailable(`the ${verb} request of "${person}" was not stored: ${String(cause)}; try again`, cause);
  }
  return { pending, verb, person, by, ...datesOf(askedAt) };
}

function toWaiting({ subject, header, data, time, seq }: StoredMsg): WaitingChange | null {
  const parsed = parseSubject(subject);
  const verb = GALLERY_VERBS.find((known) => known === header.get(VERB_HEADER));
  if (parsed.family !== 'pending' || !verb) return null;
  const person = enrolledName({ header }) ?? '';
  const by = header.get(BY_HEADER);
  return { pending: parsed.requestId, verb, person, by, ...datesOf(time), image: data, seq };
}

const datesOf = (askedAt: Date) => ({
  askedAt: askedAt.toISOString(),
  expiresAt: new Date(askedAt.getTime() + PENDING_AGE_MS).toISOString(),
});
