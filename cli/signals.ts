/**
 * Turns Ctrl-C and a supervisor's SIGTERM into something to wait for. The first one asks for a graceful end; a second
 * ends the process at once.
 */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const EXIT_CODE_INTERRUPTED = 130;

/** Calls `stop` at the first signal. Returns what takes the handler away again. */
export function onSignal(stop: (signal: string) => void): () => void {
  let asked = false;
  const handler = (signal: string) => {
    if (asked) process.exit(EXIT_CODE_INTERRUPTED);
    asked = true;
    stop(signal);
  };
  for (const signal of SIGNALS) process.on(signal, handler);
  return () => {
    for (const signal of SIGNALS) process.off(signal, handler);
  };
}

export const untilSignal = (): Promise<string> => new Promise((resolve) => void onSignal(resolve));
