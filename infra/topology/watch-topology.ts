/**
 * Looks again and again, while an actor works, whether the streams, buckets and consumers are there that it needs. Somebody
 * may delete one, and its readers would only hear silence. Called by main.ts; the answer bears on whether the actor is ready.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { Role } from '../../contracts/roles.ts';
import type { Logger } from '../../runtime/logger.ts';
import { isSilence } from '../messaging/ask-again.ts';
import { lackingFor } from './await-topology.ts';

/** Some thirty small questions of the orchestrator, fewer of all others: half a percent of a core. */
const LOOK_EVERY_MS = 5_000;

export interface TopologyWatch {
  /** What the actor lacks now, in words; empty if it can work. */
  lacking(): readonly string[];
  /** Resolves when the look under way, if any, has ended. */
  stop(): Promise<void>;
}

export function watchTopology(nc: NatsConnection, role: Role, log: Logger, everyMs = LOOK_EVERY_MS): TopologyWatch {
  let lacking: readonly string[] = [];
  let looking: Promise<void> = Promise.resolve();
  const look = async () => {
    const before = lacking;
    lacking = await lacks(nc, role);
    const [gone, back] = [lacking.filter((it) => !before.includes(it)), before.filter((it) => !lacking.includes(it))];
    if (gone.length > 0) log.error({ lacking: gone }, `${role} lacks what it needs: ${gone.join('; ')}`);
    if (back.length > 0) log.warn({ regained: back }, `${role} is no longer without: ${back.join('; ')}`);
  };
  const lookAgain = () => {
    looking = looking.then(look).catch((err: unknown) => log.error({ err }, `${role}: the streams were not looked at`));
  };
  const timer = setInterval(lookAgain, everyMs);
  timer.unref();
  return {
    lacking: () => (nc.isClosed() ? ['connection to nats-server'] : lacking),
    stop: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}

async function lacks(nc: NatsConnection, role: Role): Promise<readonly string[]> {
  try {
    const { absent, old } = await lackingFor(nc, role);
    const gone = absent.map(
      (it) => `${it} was deleted, with all that it held; \`nightshift setup\` makes it anew, empty`,
    );
    return [...gone, ...old];
  } catch (error) {
    if (nc.isClosed()) return [];
    if (isSilence(error)) return ['JetStream does not answer: its server is away, or most of its cluster'];
    throw error;
  }
}
