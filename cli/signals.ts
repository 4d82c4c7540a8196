/**
 * Turns Ctrl-C, a supervisor's SIGTERM and the end of the script runner that started us into something to wait for. The
 * first one asks for a graceful end; a second signal ends the process at once.
 */
import { onParentGone } from './parent.ts';

const ENDS = ['SIGINT', 'SIGTERM'] as const;
/** A terminal that is closed. */
const HANG_UP = 'SIGHUP';
const EXIT_CODE_INTERRUPTED = 130;
/** npm passes on a Ctrl-C that the terminal has sent to us as well: the same signal so soon is the same one. */
const ECHO_MS = 300;

/** Calls `stop` at the first signal and `atOnce` at a second. Returns what takes the handler away again. */
export function onSignal(
  stop: (signal: string) => void,
  atOnce: () => void = () => process.exit(EXIT_CODE_INTERRUPTED),
  signals: readonly NodeJS.Signals[] = [...ENDS, HANG_UP],
): () => void {
  let first: { readonly signal: string; readonly atMs: number } | null = null;
  const handler = (signal: string) => {
    if (first === null) {
      first = { signal, atMs: performance.now() };
      return stop(signal);
    }
    if (signal !== first.signal || performance.now() - first.atMs > ECHO_MS) atOnce();
  };
  for (const signal of signals) process.on(signal, handler);
  // A runner that was told to end passes that on before it goes.
  const offParent = onParentGone(() => first ?? handler('the end of the script runner'));
  return () => {
    offParent();
    for (const signal of signals) process.off(signal, handler);
  };
}

/** For a process that stays: where no terminal can be closed, SIGHUP asks it to read its settings anew. */
export function onSignalOfDaemon(stop: (signal: string) => void, atOnce: () => void, reload: () => void): void {
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  onSignal(stop, atOnce, hasTerminal ? undefined : ENDS);
  if (!hasTerminal) process.on(HANG_UP, reload);
}
