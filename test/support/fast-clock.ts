/** A clock on which a day passes in a moment, for an orchestrator: its durable timers are set for the true moments. */
import type { OrchestratorContext } from '../../actors/orchestrator/context.ts';

export interface FastClock {
  /** The true moment and the moment that the clock showed then, milliseconds since 1970. */
  readonly trueStart: number;
  readonly shownStart: number;
  /** Shown milliseconds per true one. */
  readonly factor: number;
}

export function onFastClock(context: OrchestratorContext, clock: FastClock): OrchestratorContext {
  const { trueStart, shownStart, factor } = clock;
  return {
    ...context,
    now: () => new Date(shownStart + (Date.now() - trueStart) * factor),
    timers: {
      ...context.timers,
      set: (request) => {
        const dueAt = new Date(trueStart + (request.dueAt.getTime() - shownStart) / factor);
        return context.timers.set({ ...request, dueAt });
      },
    },
  };
}
