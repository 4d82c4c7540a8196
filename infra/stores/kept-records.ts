/**
 * Writes a record of a KV bucket anew, by compare-and-swap, where it was read as a message. For the janitor alone, which
 * takes names out of records that it does not understand otherwise.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { kvSubject } from '../topology/streams.ts';
import { changedText, openKv } from './record-store.ts';

export interface KeptRecords {
  /** With its checksum, if it has one. Throws if somebody else saved since `read`, or it is no JSON. */
  change(read: Pick<StoredMsg, 'subject' | 'seq' | 'string'>, change: (content: unknown) => unknown): Promise<void>;
}

export async function openKeptRecords(nc: NatsConnection, bucket: string): Promise<KeptRecords> {
  const kv = await openKv(nc, bucket);
  return {
    change: async (read, change) => {
      const key = read.subject.slice(kvSubject(bucket, '').length);
      await kv.update(key, changedText(read.string(), change), read.seq);
    },
  };
}
