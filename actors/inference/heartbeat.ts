/**
 * Keeps a replica's status in REPLICAS for as long as the replica lives: once a second, and at once on each change.
 * Who waits for `beat` knows that the status as of the call is stored.
 */
import type { ReplicaStatus } from '../../contracts/replica.ts';
import type { Logger } from '../../runtime/logger.ts';
import { replicaKey, type HeartbeatStore } from '../../infra/stores/replica-store.ts';

export interface HeartbeatOptions {
  readonly store: HeartbeatStore<ReplicaStatus>;
  readonly status: () => ReplicaStatus;
  /** A status was stored that others see until then at least, performance.now(). */
  readonly onStored: (aliveUntilMs: number) => void;
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

export function startHeartbeat({ store, status, onStored, log }: HeartbeatOptions): Heartbeat {
  let stopped = false;
  let isLost = false;
  let writing: Promise<void> = Promise.resolve();
  /** The write that has not begun yet; whoever asks meanwhile shares it. */
  let next: Promise<void> | null = null;

  const write = async () => {
    next = null;
    if (stopped) return;
    try {
      const now = status();
      const sentAtMs = performance.now();
      await store.put(replicaKey(now), now, TIME_TO_LIVE_MS);
      onStored(sentAtMs + TIME_TO_LIVE_MS);
      if (isLost) log.info({}, 'replica: heartbeat is stored again');
      isLost = false;
    } catch (err) {
      // One line per outage, not one per second.
      if (!isLost) log.warn({ err }, 'replica: heartbeat could not be stored; trying on');
      isLost = true;
    }
  };
  const beat = () => {
    next ??= writing = writing.then(write);
    return next;
  };
  // A beat logs that it could not be stored, and never rejects.
  const timer = setInterval(() => void beat(), INTERVAL_MS);
  return {
    beat,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await writing;
      await store.remove(replicaKey(status())).catch((err) => {
        log.warn({ err }, 'replica: heartbeat could not be removed; it expires by itself');
      });
    },
  };
}
