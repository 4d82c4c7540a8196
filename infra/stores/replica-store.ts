/**
 * Heartbeats: KV records that vanish by themselves when nobody renews them. Their absence is the news. Written by
 * the inference replicas, read by the orchestrator.
 */
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/nats-core';
import type { z } from 'zod';
import { BUCKETS } from '../../contracts/subjects.ts';
import { ReplicaStatusSchema, type ReplicaStatus } from '../../contracts/replica.ts';
import { clientOf, managerOf, type Manager } from '../messaging/jetstream.ts';
import { kvStreamName, kvSubject } from '../topology/streams.ts';
import { createRecordStore, loadAll, openKv } from './record-store.ts';

export interface HeartbeatStore<T> {
  /** Writes or renews; the key is gone `ttlMs` (at least a second, counted in whole seconds) after the last call. */
  put(key: string, value: T, ttlMs: number): Promise<void>;
  /** The live values whose keys start with the tokens of `prefix`, such as a model's name; all without it. */
  list(prefix?: string): Promise<readonly T[]>;
  /** Says goodbye at once instead of by silence. */
  remove(key: string): Promise<void>;
}

/** REPLICAS/<model>.<replicaId>. */
export const replicaKey = (status: Pick<ReplicaStatus, 'model' | 'replicaId'>) => `${status.model}.${status.replicaId}`;

export async function createReplicaStore(nc: NatsConnection): Promise<HeartbeatStore<ReplicaStatus>> {
  const kv = await openKv(nc, BUCKETS.replicas);
  const manager = await managerOf(nc);
  return createHeartbeatStore({ nc, kv, manager, bucket: BUCKETS.replicas, schema: ReplicaStatusSchema });
}

export interface HeartbeatStoreOptions<T> {
  readonly nc: NatsConnection;
  readonly kv: KV;
  readonly manager: Manager;
  readonly bucket: string;
  readonly schema: z.ZodType<T>;
}

/** A heartbeat that is not stored by then is stale; the next one follows. */
const PUT_TIMEOUT_MS = 2_000;

export function createHeartbeatStore<T>(options: HeartbeatStoreOptions<T>): HeartbeatStore<T> {
  const { nc, kv, manager, bucket, schema } = options;
  const records = createRecordStore({ kv, schema });
  return {
    // Published past the KV client, whose update() drops the time to live and would make the key permanent.
    put: async (key, value, ttlMs) => {
      const ttl = `${Math.max(1, Math.ceil(ttlMs / 1000))}s`;
      const options = { ttl, timeout: PUT_TIMEOUT_MS };
      await clientOf(nc).publish(kvSubject(bucket, key), JSON.stringify(value), options);
    },
    // Asked of the stream: the KV client makes a consumer for each list, which takes ten times as long.
    list: async (prefix) => {
      const filter = kvSubject(bucket, prefix === undefined ? '>' : `${prefix}.>`);
      const { state } = await manager.streams.info(kvStreamName(bucket), { subjects_filter: filter });
      const keys = Object.keys(state.subjects ?? {}).map((subject) => subject.slice(kvSubject(bucket, '').length));
      return (await loadAll(keys, records.load)).map(({ value }) => value);
    },
    remove: (key) => kv.purge(key),
  };
}
