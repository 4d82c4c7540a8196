/**
 * One process that runs one model: started, loaded, run, killed. It knows no queue and no second chance; model-host.ts
 * makes a host of it that survives its processes.
 */
import type { ChildProcess } from 'node:child_process';
import { PipelineError } from '../../contracts/errors.ts';
import { startProcess } from '../processes.ts';
import type { FromProcess, LoadOrder, ToProcess } from './model-host.messages.ts';

export interface HostProcess {
  readonly pid: number;
  /** Resolves when the runtime is in memory. Never rejects: a process that dies before says so by `ended`. */
  readonly started: Promise<void>;
  /** Returns the length of an embedding. Throws MODEL_INVALID, or HostGone when the process ends or hangs meanwhile. */
  load(order: LoadOrder): Promise<number>;
  /** Rows [count, dimensions]. Throws HOST_FAILED where the run failed, HostGone where the process did or `limitMs` passed. */
  run(pixels: Uint8Array, count: number, limitMs: number): Promise<Float32Array>;
  /** Resolves with what is known of the cause when the process is gone, for whatever reason. */
  readonly ended: Promise<HostGone>;
  /** Ends it at once, whatever it does; resolves when it is gone and its memory returned. */
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

export function startHostProcess(): HostProcess {
  const child = startProcess(new URL('./model-host.process.ts', import.meta.url));
  let call: Call | null = null;
  let markStarted = () => {};
  const started = new Promise<void>((resolve) => (markStarted = resolve));
  child.on('message', (message: FromProcess) => {
    if (message.type === 'started') return markStarted();
    call?.resolve(message);
    call = null;
  });
  const ended = endOf(child);
  let gone: HostGone | null = null;
  void ended.then((reason) => {
    gone = reason;
    call?.reject(reason);
    call = null;
  });
  const ask = async (message: ToProcess, limitMs: number) => {
    if (gone) throw gone;
    const answer = new Promise<FromProcess>((resolve, reject) => (call = { resolve, reject }));
    // An end of the process shows in `ended`, also where it makes this message undeliverable.
    child.send(message, () => {});
    return within(answer, limitMs);
  };
  return {
    pid: child.pid ?? -1,
    started,
    ended,
    load: async (order) => {
      const answer = await ask({ type: 'load', ...order }, LOAD_TIMEOUT_MS);
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
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function endOf(child: ChildProcess): Promise<HostGone> {
  return new Promise((resolve) => {
    // A process that could not be started has an error and no exit; one that could not be reached exits all the same.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(new HostGone(`its process could not be started: ${error.message}`));
    });
    child.once('exit', (code, signal) => resolve(new HostGone(`its process ended with ${signal ?? `code ${code}`}`)));
  });
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
