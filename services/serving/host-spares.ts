/**
 * Where model hosts get their processes from. With a spare, one stands by whose runtime is loaded already and whose
 * model is not: it costs some 50 MB whatever the size of the models, and turns a start of a third of a second into the
 * milliseconds of opening a session. Replicas keep one; the verifier, who may wait, none.
 */
import { lowerPriority } from '../priority.ts';
import { startHostProcess, type HostProcess } from './host-process.ts';

export interface HostProcesses {
  /** The spare if it lives, else a process that is just starting. It is the caller's to kill. */
  take(): HostProcess;
  /** The process taken is loaded, or will not be: now the next one may have the processor. */
  settled(): void;
  close(): Promise<void>;
}

export const freshProcesses: HostProcesses = {
  take: startHostProcess,
  settled: () => {},
  close: async () => {},
};

export function keepSpare(start: () => HostProcess = startHostProcess): HostProcesses {
  let spare: HostProcess | null = null;
  let isClosed = false;
  const replenish = () => {
    if (isClosed || spare) return;
    const next = start();
    // It has time, and whoever serves has none.
    lowerPriority(next.pid);
    spare = next;
    // One that dies before it is needed is not replaced at once: what killed it may kill the next as well.
    void next.ended.then(() => {
      if (spare === next) spare = null;
    });
  };
  replenish();
  return {
    take: () => {
      const taken = spare ?? start();
      spare = null;
      return taken;
    },
    settled: replenish,
    close: async () => {
      isClosed = true;
      await spare?.kill();
    },
  };
}
