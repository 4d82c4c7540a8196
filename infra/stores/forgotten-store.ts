/**
 * The KV bucket FORGOTTEN: the salt of the installation, the hashes of people who are left out of nights, and where a
 * thing lies now that was written anew without somebody. It holds no name. The janitor alone writes it.
 */
import { randomBytes } from 'node:crypto';
import { JetStreamApiCodes, JetStreamApiError } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import type { z } from 'zod';
import { ForgottenPersonSchema } from '../../contracts/forgetting.ts';
import { BlobRefSchema, type BlobRef } from '../../contracts/references.ts';
import { EnvelopeOfStatementSchema, type EnvelopeOfStatement } from '../../contracts/signing.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import type { Manager } from '../messaging/jetstream.ts';
import { kvStreamName, kvSubject } from '../topology/streams.ts';
import { openKv } from './record-store.ts';

export interface ForgottenStore {
  /** Null before a janitor has run here. */
  salt(): Promise<string | null>;
  makeSalt(): Promise<void>;
  /** Hashes of people who are left out, and since when. */
  people(): Promise<ReadonlyMap<string, string>>;
  add(person: string, since: Date): Promise<void>;
  remove(person: string): Promise<void>;
  /** Who asks for the content of `digest` is given `now`, if they believe the statement. */
  forward(digest: string, now: BlobRef, statement: EnvelopeOfStatement | null): Promise<void>;
}

const SALT = 'salt';
const SALT_BYTES = 16;
const PERSON = 'person.';
const forwardKey = (digest: string) => `forward.${digest.slice('sha256:'.length)}`;

export async function openForgotten(nc: NatsConnection): Promise<ForgottenStore> {
  const kv = await openKv(nc, BUCKETS.forgotten);
  const salt = async () => (await kv.get(SALT))?.string() ?? null;
  return {
    salt,
    makeSalt: async () => {
      if ((await salt()) !== null) return;
      await kv.create(SALT, randomBytes(SALT_BYTES).toString('hex')).catch(async (error) => {
        // Another janitor was first.
        if ((await salt()) === null) throw error;
      });
    },
    people: async () => {
      const people = new Map<string, string>();
      for await (const key of await kv.keys(`${PERSON}*`)) {
        const entry = await kv.get(key);
        if (entry?.operation === 'PUT')
          people.set(key.slice(PERSON.length), ForgottenPersonSchema.parse(entry.json()).since);
      }
      return people;
    },
    add: async (person, since) =>
      void (await kv.put(`${PERSON}${person}`, JSON.stringify({ since: since.toISOString() }))),
    remove: (person) => kv.purge(`${PERSON}${person}`),
    forward: async (digest, now, statement) => {
      await kv.put(forwardKey(digest), JSON.stringify(statement ? { ...now, statement } : now));
    },
  };
}

/**
 * People are taken out of these alone. A model is never led elsewhere, whatever the bucket says: its digest is what makes it
 * safe to load.
 */
const isOfPeople = ({ bucket, key }: BlobRef): boolean => {
  if (bucket === BUCKETS.datasets) return key.startsWith('manifests/');
  if (bucket === BUCKETS.reports) return true;
  return /\/(gallery|golden|training-weights)\.safetensors$|\/README\.md$/.test(key);
};

/** Throws where the word that `now` is what is left of `replaces` is not to be believed. */
export type CheckForward = (replaces: string, now: BlobRef, statement: EnvelopeOfStatement | null) => void;

const ForwardSchema = BlobRefSchema.extend({ statement: EnvelopeOfStatementSchema.optional() });

/**
 * Where the content of a reference lies since somebody was taken out of it; null if nobody was. Asked for only where
 * the content itself is gone. A server that has no such bucket yet has forgotten nobody. Throws what `check` throws.
 */
export async function forwardedFrom(manager: Manager, ref: BlobRef, check: CheckForward): Promise<BlobRef | null> {
  let found: BlobRef | null = null;
  if (!isOfPeople(ref)) return null;
  const seen = new Set<string>();
  for (let next: string | null = ref.digest; next !== null && !seen.has(next);) {
    seen.add(next);
    const subject = kvSubject(BUCKETS.forgotten, forwardKey(next));
    const stored = await lastOn(manager, subject);
    if (stored === null) break;
    const { statement = null, ...now } = stored;
    if (now.bucket !== ref.bucket || !isOfPeople(now)) break;
    check(next, now, statement);
    found = now;
    next = now.digest;
  }
  return found;
}

async function lastOn(manager: Manager, subject: string): Promise<z.infer<typeof ForwardSchema> | null> {
  try {
    const stored = await manager.streams.getMessage(kvStreamName(BUCKETS.forgotten), { last_by_subj: subject });
    return stored && stored.data.length > 0 ? ForwardSchema.parse(stored.json()) : null;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  }
}
