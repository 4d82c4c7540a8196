/**
 * Looks at the deployment record for answers that no heartbeat vouches for. Answers that wait for a look share one that
 * begins after all of them were there; looks follow each other closely and overlap, so that a store that is silent holds
 * an answer for no longer than the limit of one look. Knows no NATS.
 */
import { setImmediate as heardAll, setTimeout as delay } from 'node:timers/promises';

export interface Lookout {
  /** Whether the store has answered a question that was put to it after this call. */
  look(): Promise<boolean>;
}

/** A store that has a leader answers in a millisecond. A replica that gets no answer by then cannot know more. */
export const LOOK_MS = 200;
/** Between the beginnings of two looks: forty questions a second at most. */
const SPACING_MS = 25;

/** `read` reads the record and hands it on. It rejects if the store says nothing. */
export function createLookout(read: () => Promise<void>): Lookout {
  let lastBegunMs = -Infinity;
  let next: Promise<boolean> | null = null;
  const begin = async () => {
    // Also without a pause in a later turn, when the line below this function has noted the promise.
    await delay(Math.max(0, lastBegunMs + SPACING_MS - performance.now()));
    next = null;
    lastBegunMs = performance.now();
    return isAnswered(read());
  };
  return { look: () => (next ??= begin()) };
}

async function isAnswered(reading: Promise<void>): Promise<boolean> {
  const late = new AbortController();
  const answered = reading.then(
    () => true,
    () => false,
  );
  // A process that was frozen wakes up with its timers, and finds the answers of the meantime behind them.
  const limit = delay(LOOK_MS, null, { signal: late.signal }).then(() => heardAll(false));
  return Promise.race([answered, limit.catch(() => false)]).finally(() => late.abort());
}
