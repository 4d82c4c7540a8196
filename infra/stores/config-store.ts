/**
 * The bucket CONFIG: what each model's pipeline is, with its history. The orchestrator writes it and reads it whole; workers
 * and replicas read what concerns them.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import {
  ConfigRecordSchema,
  SeenConfigSchema,
  type ConfigRecord,
  type SeenConfig,
} from '../../contracts/configuration/record.ts';
import { BUCKETS } from '../../contracts/subjects.ts';
import { createRecordStore, openKv, type RecordStore } from './record-store.ts';

/** For the orchestrator. */
export const openConfigs = async (nc: NatsConnection): Promise<RecordStore<ConfigRecord>> =>
  createRecordStore({ kv: await openKv(nc, BUCKETS.config), schema: ConfigRecordSchema });

export type ConfigLook = Pick<RecordStore<SeenConfig>, 'list' | 'watch'>;

/** For those who only look. */
export const openSeenConfigs = async (nc: NatsConnection): Promise<ConfigLook> =>
  createRecordStore({ kv: await openKv(nc, BUCKETS.config), schema: SeenConfigSchema });
