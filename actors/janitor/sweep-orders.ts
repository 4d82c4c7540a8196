/**
 * Orders a sweep when the janitor starts and after each run's end, as an operator may do at any time. Janitors beside each
 * other give one order; while one waits, no other is given.
 */
import { pipelineEventSubject, RUN_STOPS, sweepCommandSubject } from '../../contracts/subjects.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { SweepCommand } from '../../contracts/retention.ts';

export interface SweepOrders {
  /** One was taken in hand: the next end of a run orders another. */
  taken(): void;
  stop(): void;
}

/** Another janitor may have taken it. */
const WAITS_MS_MAX = 10 * 60_000;

export function orderSweeps(bus: Bus, log: Logger, now: () => Date): SweepOrders {
  let orderedAt: number | null = null;
  const order = (about: string) => {
    const at = now().getTime();
    if (orderedAt !== null && at - orderedAt < WAITS_MS_MAX) return;
    orderedAt = at;
    const id = `sweep-${about}`;
    const data = { id, mode: 'sweep', isBrief: true } satisfies SweepCommand;
    bus.publish(sweepCommandSubject(id), data, { id }).catch((err) => {
      orderedAt = null;
      log.warn({ err }, 'janitor: a sweep could not be ordered now; after the next run');
    });
  };
  const listenings = RUN_STOPS.map((fact) =>
    bus.listen(pipelineEventSubject(fact, '*'), ({ subject }) => order(subject.slice(subject.lastIndexOf('.') + 1))),
  );
  // Once an hour, however often it starts: the server drops what has the same id.
  order(`start-${now().toISOString().slice(0, 13).replaceAll(/[-T:]/g, '')}`);
  return {
    taken: () => (orderedAt = null),
    stop: () => listenings.forEach((listening) => listening.stop()),
  };
}
