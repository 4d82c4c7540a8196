/**
 * Writes a record of a KV bucket anew, by compare-and-swap, where it was read as a message. For the janitor alone, which
 * takes names out of records that it does not understand otherwise.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { openKv } from './record-store.ts';

export interface KeptRecords {
  /** Throws if somebody else saved since `read`. */
  save(read: Pick<StoredMsg, 'subject' | 'seq'>, body: string): Promise<void>;
}

export async function openKeptRecords(nc: NatsConnection, bucket: string): Promise<KeptRecords> {
  const kv = await openKv(nc, bucket);
  return {
    save: async ({ subject, seq }, body) => void (await kv.update(subject.slice(`$KV.${bucket}.`.length), body, seq)),
  };
}
