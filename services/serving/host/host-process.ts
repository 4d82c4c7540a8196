/**
 * One process that runs one model: started, loaded, run, killed. It knows no queue and no second chance; model-host.ts
 * makes a host of it that survives its processes.
 */
import { PipelineError } from '../../../contracts/errors.ts';
import { lowerPriority } from '../../../runtime/priority.ts';
import { launchHost } from './host-launcher.ts';
import type { FromProcess, LoadRequest, ToProcess } from './model-host.messages.ts';

export interface HostProcess {
  readonly pid: number;
  /** Resolves when its runtime is loaded, or when it is gone. */
  readonly ready: Promise<void>;
  /** Returns the length of an embedding. Throws MODEL_INVALID, or HostGone when the process ends or hangs meanwhile. */
  load(asked: LoadRequest): Promise<number>;
  /**
   * Rows [count, dimensions]. Throws HOST_FAILED if the run failed, HostGone if the process did or `limitMs` passed.
   */
  run(pixels: Uint8Array, count: number, limitMs: number): Promise<Float32Array>;
  /** Resolves when the process is gone, for whatever reason, with the cause as far as it is known. */
  readonly ended: Promise<HostGone>;
  /** Ends it at once, also in the midst of a run; resolves when it is gone and its memory returned. */
  kill(): Promise<void>;
}

/** The process is dead or does not answer: others may be asked instead. Never leaves model-host.ts. */
export class HostGone extends Error {
  override readonly name = 'HostGone';
}

/** A cold start of the runtime and a large model on a busy disk; longer, and the process hangs. */
const LOAD_TIMEOUT_MS = 60_000;
/** A limit counts as passed after so many quarters: a machine that stood still as a whole is no reason to kill. */
const TICKS = 4;

type Call = { readonly resolve: (message: FromProcess) => void; readonly reject: (error: HostGone) => void };

/** Rejects with HostGone if it cannot be started. It runs at the lowest priority until that is changed. */
export async function startHostProcess(): Promise<HostProcess> {
  const launched = await launchHost().catch((cause: Error) => {
    throw new HostGone(`its process could not be started: ${cause.message}`, { cause });
  });
  const { pid } = launched;
  let call: Call | null = null;
  let gone: HostGone | null = null;
  const ended = launched.ended.then((reason) => {
    gone = new HostGone(reason);
    call?.reject(gone);
    call = null;
    return gone;
  });
  const connected = launched.channel.then((channel) => {
    // It sends nothing but answers.
    channel.onMessage = (message) => {
      call?.resolve(message as FromProcess);
      call = null;
    };
    return channel;
  });
  const ask = (message: ToProcess, limitMs: number) => {
    if (gone) throw gone;
    const answer = new Promise<FromProcess>((resolve, reject) => (call = { resolve, reject }));
    // An end of the process shows in `ended`, also if it comes before this; the connection is never refused.
    void connected.then((channel) => channel.send(message));
    return within(answer, limitMs);
  };
  const ready = Promise.race([connected, ended]).then(() => {});
  return {
    ...{ pid, ready, ended },
    load: async (asked) => {
      const answer = await ask({ type: 'load', ...asked }, LOAD_TIMEOUT_MS);
      if (answer.type === 'loaded') return answer.dimensions;
      const why = answer.type === 'invalid' ? answer.message : `unexpected answer "${answer.type}"`;
      throw new PipelineError('MODEL_INVALID', `model host: ${why}`);
    },
    run: async (pixels, count, limitMs) => {
      const answer = await ask({ type: 'run', pixels, count }, limitMs);
      if (answer.type === 'answer') return answer.embeddings;
      const why = answer.type === 'run-failed' ? answer.message : `unexpected answer "${answer.type}"`;
      throw new PipelineError('HOST_FAILED', `model host: ${why}`, { retryable: true });
    },
    kill: async () => {
      // To give its memory back is work as well, some 10 ms, which no request should wait for.
      if (!gone) {
        lowerPriority(pid);
        killIfThere(pid);
      }
      await ended;
    },
  };
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Its end is about to be heard of.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function within<T>(answer: Promise<T>, limitMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
      if (ticks < TICKS) return;
      clearInterval(timer);
      reject(new HostGone(`its process has not answered for ${Math.round(limitMs)} ms`));
    }, limitMs / TICKS);
    answer.then(resolve, reject).finally(() => clearInterval(timer));
  });
}
