/** `--watch`: shows the same again every two seconds, until a signal ends it. On a terminal each look replaces the last. */
import { setTimeout as delay } from 'node:timers/promises';
import { onSignal } from './signals.ts';

const EVERY_MS = 2_000;
/** Back to the upper left, and nothing left of what was there. */
const CLEAR = '\u001B[H\u001B[2J\u001B[3J';

export interface WatchOptions {
  readonly watch?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** `look` answers what is to be printed. Without `watch` it is asked once. Throws what it throws. */
export async function watching({ watch, json }: WatchOptions, look: () => Promise<string>): Promise<void> {
  if (!watch) return void process.stdout.write(await look());
  const ended = new AbortController();
  const off = onSignal(() => ended.abort());
  try {
    while (!ended.signal.aborted) {
      const text = await look();
      process.stdout.write(process.stdout.isTTY && !json ? `${CLEAR}${text}` : text);
      await delay(EVERY_MS, undefined, { signal: ended.signal }).catch(() => undefined);
    }
  } finally {
    off();
  }
}
