/**
 * The limits of our account at nats-server, and how much of them is taken. Only of the copies that we want, where the server
 * counts streams of one copy and of three apart. Called by preflight.ts and by topology/stream-refused.ts.
 */
import type { JetStreamManager } from '@nats-io/jetstream';

export interface AccountRoom {
  /** Bytes on disk that the account may take; null if nobody limits them. */
  readonly bytesMax: number | null;
  /** Taken, or kept free for a stream with a size of its own. */
  readonly bytesTaken: number;
  readonly streamsMax: number | null;
  readonly streams: number;
  readonly consumersMax: number | null;
  readonly consumers: number;
}

export async function roomOf(manager: JetStreamManager, copies: number): Promise<AccountRoom> {
  const whole = await manager.getAccountInfo();
  const { limits, storage, reserved_storage, streams, consumers } = whole.tiers?.[`R${copies}`] ?? whole;
  return {
    bytesMax: limitIn(limits.max_storage),
    bytesTaken: Math.max(storage, reserved_storage),
    streamsMax: limitIn(limits.max_streams),
    streams,
    consumersMax: limitIn(limits.max_consumers),
    consumers,
  };
}

/** The server writes -1 or 0 for none. */
const limitIn = (value: number) => (value > 0 ? value : null);
