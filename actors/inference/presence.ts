/**
 * A replica's touch with the others: it follows the record, and reads it anew after every absence, once the heartbeat
 * is stored again. In this order, because a deployment that did not wait for this replica is in the record that it
 * reads then.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { RecordStore } from '../../infra/stores/record-store.ts';
import type { RecordGuard } from './record-guard.ts';
import type { Replica } from '../../services/serving/replica/replica.ts';
import { followDeployment, type Following } from './follow.ts';
import type { Heartbeat } from './heartbeat.ts';

export interface PresenceOptions {
  readonly deployments: RecordStore<Deployment>;
  readonly model: string;
  readonly replica: Replica;
  readonly heartbeat: Heartbeat;
  readonly guard: RecordGuard;
  readonly log: Logger;
}

export interface Presence {
  /** Reads the record now, and obeys it. Throws what the store throws. */
  read(): Promise<void>;
  /** Hears of no more records; the heartbeat goes on. */
  stop(): Promise<void>;
}

/** Resolves when the replica is known to others and knows the record. */
export async function startPresence(options: PresenceOptions): Promise<Presence> {
  const { replica, heartbeat, guard, model } = options;
  /** A replica that has obeyed a record goes on with it when none is in order; after a restart it has to remember. */
  const goOn = () => {
    const remembered = replica.desired ? null : guard.remembered();
    if (remembered) replica.desire(remembered);
  };
  const following = await followDeployment({
    ...options,
    onRecord: (stored) => {
      const isObeyed = guard.accept(stored);
      if (isObeyed) replica.desire(stored.value);
      else goOn();
      return isObeyed;
    },
    onDamaged: (failure) => {
      guard.refuse(failure);
      goOn();
    },
    onNone: () => {
      goOn();
      if (replica.desired?.current) guard.refuse(gone(model));
    },
  });
  const unsubscribe = replica.changes.subscribe(['stored'], () => {
    // It logs its errors.
    if (!replica.standing.isInformed) void catchUp(options, following);
  });
  await heartbeat.beat();
  await catchUp(options, following);
  return {
    read: following.read,
    stop: () => {
      unsubscribe();
      return following.stop();
    },
  };
}

const gone = (model: string) =>
  new PipelineError(
    'RECORD_LOST',
    `model ${model}: the deployment record is gone; a release that it named still serves`,
  );

async function catchUp({ replica, log }: PresenceOptions, { look }: Following): Promise<void> {
  const { term } = replica.standing;
  try {
    await look();
  } catch (err) {
    return log.warn({ err }, 'replica: the deployment record cannot be read; requests are held');
  }
  replica.inform(term);
}
