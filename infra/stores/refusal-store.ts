/**
 * Reads the stream of refused commands, newest first. They are written by actors/orchestrator/refusals.ts. Used by the
 * orchestrator alone.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { openEnvelope, parseData } from '../../contracts/envelope.ts';
import { toFailure } from '../../contracts/errors.ts';
import { NOT_KNOWN } from '../../contracts/identity.ts';
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

/** One that cannot be read is shown as such, and hides no other. */
function toRefusal({ subject, data: body, time, seq }: StoredMsg): KeptRefusal {
  const id = fallbackIdOf(STREAMS.refused, seq);
  try {
    return { ...parseData(RefusalSchema, openEnvelope({ subject, body, fallbackId: id, time })), seq };
  } catch (error) {
    const { code, message } = toFailure(error);
    const about = {
      commandId: id,
      subject,
      by: NOT_KNOWN,
      source: null,
      code,
      error: `no refusal: ${message}`,
      sequence: 0,
    };
    return { ...about, storedAt: time.toISOString(), body: '', bytes: body.length, seq };
  }
}
