/**
 * Keeps a replica's status in REPLICAS for as long as the replica lives: once a second, and at once on each change.
 * `beat` resolves when the status as of the call is stored.
 */
import type { ReplicaStatus } from '../../contracts/replica.ts';
import type { Logger } from '../../runtime/logger.ts';
import { replicaKey, type HeartbeatStore } from '../../infra/stores/replica-store.ts';
import type { Replica } from '../../services/serving/replica/replica.ts';

export interface HeartbeatOptions {
  readonly store: HeartbeatStore<ReplicaStatus>;
  readonly replica: Replica;
  readonly log: Logger;
}

export interface Heartbeat {
  /** Resolves when a status taken after this call is stored, or could not be. */
  beat(): Promise<void>;
  /** Removes the status, so that nobody waits for this replica. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 1_000;
/** Four beats may be lost, to a disk that is busy for instance, before the replica counts as gone. */
export const TIME_TO_LIVE_MS = 5_000;

export function startHeartbeat({ store, replica, log }: HeartbeatOptions): Heartbeat {
  let stopped = false;
  let isLost = false;
  let writing: Promise<void> = Promise.resolve();
  /** The write that has not begun yet; all calls until then share it. */
  let next: Promise<void> | null = null;

  const write = async () => {
    next = null;
    if (stopped) return;
    try {
      const status = replica.status();
      const sentAtMs = performance.now();
      await store.put(replicaKey(status), status, TIME_TO_LIVE_MS);
      replica.renew(sentAtMs + TIME_TO_LIVE_MS, sentAtMs);
      if (isLost) log.info({}, 'replica: heartbeat is stored again');
      isLost = false;
    } catch (err) {
      // One line per outage, not one per second.
      if (!isLost) log.warn({ err }, 'replica: heartbeat could not be stored; trying again');
      isLost = true;
    }
  };
  const beat = () => {
    next ??= writing = writing.then(write);
    return next;
  };
  // A beat logs that it could not be stored, and never rejects.
  const timer = setInterval(() => void beat(), INTERVAL_MS);
  const unsubscribe = replica.changes.subscribe(['served', 'status'], () => void beat());
  return {
    beat,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      unsubscribe();
      await writing;
      await store.remove(replicaKey(replica.status())).catch((err) => {
        log.warn({ err }, 'replica: heartbeat could not be removed; it expires by itself');
      });
    },
  };
}
