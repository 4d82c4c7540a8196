/** Reads the audit log, newest first. It is written by actors/orchestrator/audit.ts and actors/inference/audit.ts. */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { AuditEntrySchema, type KeptAuditEntry } from '../../contracts/audit.ts';
import { openEnvelope, parseData } from '../../contracts/envelope.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { fallbackIdOf } from '../messaging/publish.ts';
import { newestIn } from './newest.ts';

export interface AuditStore {
  newest(
    limit: number,
    since: Date | null,
  ): Promise<{ readonly entries: readonly KeptAuditEntry[]; readonly total: number }>;
}

export async function createAuditStore(nc: NatsConnection): Promise<AuditStore> {
  const manager = await managerOf(nc);
  return {
    newest: async (limit, since) => {
      const { found, total } = await newestIn(manager, STREAMS.audit, limit, toEntry, since);
      return { entries: found, total };
    },
  };
}

function toEntry({ subject, data: body, time, seq }: StoredMsg): KeptAuditEntry {
  const envelope = openEnvelope({ subject, body, fallbackId: fallbackIdOf(STREAMS.audit, seq), time });
  return { ...parseData(AuditEntrySchema, envelope), seq };
}
