/**
 * Tells all who may ask that an actor is there, as a NATS micro service (ADR-32): `nats micro ls`, `info` and `stats`, which
 * are $SRV.PING, $SRV.INFO and $SRV.STATS. The orchestrator is one by its questions (api.ts); the other actors answer no
 * questions there, so theirs have no endpoints.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { Svcm } from '@nats-io/services';
import { serviceOf, type ActorName } from '../../contracts/roles.ts';
import type { Logger } from '../../runtime/logger.ts';
import { wireService } from '../topology/namespace.ts';
import { answerable } from './answerable.ts';
import { namespaceOf } from './wire.ts';

export interface Announced {
  /** As one of several that do the same. */
  readonly id: string;
  stop(): Promise<void>;
}

const DESCRIPTIONS: Readonly<Record<Exclude<ActorName, 'orchestrator'>, string>> = {
  collector: 'collects images for a night',
  trainer: 'trains a candidate',
  verifier: 'judges a candidate',
  inference: 'recognises: the replicas of all models, in one process',
  janitor: 'forgets people, and deletes what nothing refers to',
  gateway: 'HTTP for those who have no NATS',
};

/** `version`: of the program. */
export async function announce(
  nc: NatsConnection,
  actor: Exclude<ActorName, 'orchestrator'>,
  version: string,
  log: Logger,
): Promise<Announced> {
  const service = await new Svcm(answerable(nc, log)).add({
    name: wireService(namespaceOf(nc), serviceOf(actor)),
    version,
    description: DESCRIPTIONS[actor],
    metadata: { actor, pid: String(process.pid) },
  });
  // Subscriptions are sent, not confirmed, by the client: after this the server knows them.
  await nc.flush();
  return { id: service.info().id, stop: async () => void (await service.stop()) };
}
