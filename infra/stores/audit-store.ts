/** Reads the audit log, newest first. It is written by actors/orchestrator/audit.ts and actors/inference/audit.ts. */
import type { StoredMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { AuditEntrySchema, type KeptAuditEntry } from '../../contracts/audit.ts';
import { openEnvelope, parseData } from '../../contracts/envelope.ts';
import { toFailure } from '../../contracts/errors.ts';
import { NOT_KNOWN } from '../../contracts/identity.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
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

/** Nobody can delete a line, so one that cannot be read is shown as such, and hides no other. */
function toEntry({ subject, data: body, time, seq }: StoredMsg): KeptAuditEntry {
  const id = fallbackIdOf(STREAMS.audit, seq);
  try {
    return { ...parseData(AuditEntrySchema, openEnvelope({ subject, body, fallbackId: id, time })), seq };
  } catch (error) {
    const parsed = parseSubject(subject);
    const action = parsed.family === 'audit' ? parsed.action : 'unknown';
    const reason = `no line of the log: ${toFailure(error).message}`;
    return { at: time.toISOString(), action, by: NOT_KNOWN, proven: false, id, about: {}, person: null, reason, seq };
  }
}
