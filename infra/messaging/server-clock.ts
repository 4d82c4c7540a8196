/**
 * The server's clock. Timers are due by its time, and the server alone sends them. So timers are set by this clock and
 * not by the machine's own: that may be wrong, or be set anew, without a timer coming early or late. Between two
 * readings the machine's monotonic clock counts, which nobody can set.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { STREAMS } from '../../contracts/subjects.ts';
import type { Logger } from '../../runtime/logger.ts';
import { managerOf } from './jetstream.ts';

/** One small request; the server's clock may have been set in the meantime. */
const READ_EVERY_MS = 5_000;

/** Until the first answer comes, and if none ever does, the machine's clock counts. Ends with the connection. */
export async function followServerClock(nc: NatsConnection, log: Logger): Promise<() => Date> {
  const manager = await managerOf(nc);
  let offsetMs = Date.now() - performance.now();
  const read = async () => {
    const askedAt = performance.now();
    const { ts } = await manager.streams.info(STREAMS.timers);
    // The answer was written half-way, as far as one can tell.
    if (ts !== undefined) offsetMs = Date.parse(ts) - (askedAt + performance.now()) / 2;
  };
  const follow = () => read().catch((err: unknown) => log.debug({ err }, 'the clock of the server was not read'));
  await follow();
  const timer = setInterval(() => void follow(), READ_EVERY_MS);
  timer.unref();
  // Closing is told with its reason, never as a rejection.
  void nc.closed().then(() => clearInterval(timer));
  return () => new Date(performance.now() + offsetMs);
}
