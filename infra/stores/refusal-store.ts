/**
 * Reads the stream of refused commands, newest first. They are written by actors/orchestrator/refusals.ts. Used by the
 * orchestrator alone.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { openEnvelope, parseData } from '../../contracts/envelope.ts';
import { RefusalSchema, type KeptRefusal } from '../../contracts/refusal.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { fallbackIdOf } from '../messaging/publish.ts';
import { newestIn } from './newest.ts';

export interface RefusalStore {
  newest(limit: number): Promise<{ readonly refusals: readonly KeptRefusal[]; readonly total: number }>;
}

export async function createRefusalStore(nc: NatsConnection): Promise<RefusalStore> {
  const manager = await managerOf(nc);
  return {
    newest: async (limit) => {
      const { found, total } = await newestIn(manager, STREAMS.refused, limit, toRefusal);
      return { refusals: found, total };
    },
  };
}

function toRefusal({ subject, data: body, time, seq }: StoredMsg): KeptRefusal {
  const envelope = openEnvelope({ subject, body, fallbackId: fallbackIdOf(STREAMS.refused, seq), time });
  return { ...parseData(RefusalSchema, envelope), seq };
}
