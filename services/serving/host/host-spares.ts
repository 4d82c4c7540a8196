/**
 * The source of the processes of model hosts. With a spare, a process stands by whose runtime is loaded already and
 * whose model is not: it costs some 50 MB whatever the size of the models, and turns a start of a tenth of a second
 * into the milliseconds of opening a session. Replicas keep a spare; the verifier, which may wait, keeps none.
 */
import { startHostProcess, type HostProcess } from './host-process.ts';
import { inTurn } from '../../../runtime/turn.ts';

export interface HostProcesses {
  /** The spare if it lives, else a process that is just starting, at low priority. It is the caller's to kill. */
  take(): Promise<HostProcess>;
  /** The process taken is loaded, or will not be: now the next one may have the processor. */
  modelLoaded(): void;
  close(): Promise<void>;
}

export const freshProcesses: HostProcesses = {
  take: startHostProcess,
  modelLoaded: () => {},
  close: async () => {},
};

/** A model that was loaded is put into service next: the start of the next spare is kept out of that moment. */
const NEXT_SPARE_AFTER_MS = 250;

export function keepSpare(start: () => Promise<HostProcess> = startHostProcess): HostProcesses {
  let spare: Promise<HostProcess> | null = null;
  let isClosed = false;
  let pause: NodeJS.Timeout | undefined;
  const begin = async () => {
    if (isClosed || spare) return;
    const next = start();
    spare = next;
    // A spare that dies before it is needed is not replaced at once: its killer may kill the next as well.
    const drop = () => {
      if (spare === next) spare = null;
    };
    next.then(({ ended }) => ended.then(drop), drop);
    // If it did not start, its taker is told.
    await next.then(({ ready }) => ready).catch(() => {});
  };
  // Its failures go to the taker, so it never rejects.
  void begin();
  return {
    take: () => {
      const taken = spare ?? start();
      spare = null;
      return taken;
    },
    modelLoaded: () => {
      clearTimeout(pause);
      pause = setTimeout(() => void inTurn(begin), NEXT_SPARE_AFTER_MS).unref();
    },
    close: async () => {
      isClosed = true;
      clearTimeout(pause);
      const last = await spare?.catch(() => null); // A spare that did not start is no process.
      await last?.kill();
    },
  };
}
