/**
 * An onnxruntime session behind a wall, for models that this program did not make: in a process of its own with limits of
 * time and memory, so that a model that hangs, crashes onnxruntime or eats the memory is refused and does no more. Used
 * like an InferenceSession.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Tensor } from 'onnxruntime-node';
import type { ForeignModelConfig } from '../../../contracts/configuration/training.ts';
import { limitMemory, residentBytes, type MemoryLimit } from '../../../runtime/memory-limit.ts';
import { startWalledProcess } from '../../../runtime/processes.ts';
import type { ValueShape } from '../../serving/host/model-shape.ts';
import type { Stop } from '../loop/stop.ts';
import type { FromWalled, ToWalled, Values } from './walled-session.messages.ts';

export type { Values };

export interface WallOptions {
  readonly limits: ForeignModelConfig;
  /** Absent: as onnxruntime chooses. */
  readonly threads?: number;
  /** Looked at all the time, so that a stop need not wait for the model. */
  readonly signal?: Stop;
}

/** As far as an InferenceSession is one, too. */
export interface ModelSession {
  run(feeds: Readonly<Record<string, Tensor>>, wanted: readonly string[]): Promise<Readonly<Record<string, Values>>>;
  release(): Promise<void>;
}

export interface WalledSession extends ModelSession {
  readonly inputMetadata: readonly ValueShape[];
  readonly outputMetadata: readonly ValueShape[];
}

/** The model is at fault; the message says of it what it did: `it did not end within 5 s`. */
export class ModelRefused extends Error {}

/** How often time, memory and the signal are looked at. */
const CHECK_MS = 100;
const MIB = 1024 ** 2;

/** Throws ModelRefused, as `run` does, or what the signal throws. After that the session is of no use; release it. */
export async function openWalled(model: Uint8Array, options: WallOptions): Promise<WalledSession> {
  const wall = await buildWall(options);
  const { threads } = options;
  try {
    const opened = await wall.ask({ type: 'open', model, ...(threads !== undefined && { threads }) }, 'opened');
    return {
      inputMetadata: opened.inputs,
      outputMetadata: opened.outputs,
      async run(feeds, wanted) {
        const entries = Object.entries(feeds).map(([name, { type, data, dims }]) => [name, { type, data, dims }]);
        return (await wall.ask({ type: 'run', feeds: Object.fromEntries(entries), wanted }, 'ran')).outputs;
      },
      release: wall.close,
    };
  } catch (error) {
    await wall.close();
    throw error;
  }
}

/** Throws ModelRefused if it takes too much to read the file. Says nothing about whether the file is a model. */
export async function checkReadable(file: Uint8Array, options: WallOptions): Promise<void> {
  const wall = await buildWall(options);
  try {
    await wall.ask({ type: 'read', model: file }, 'read').catch((error: unknown) => {
      if (!(error instanceof Complaint)) throw error;
    });
  } finally {
    await wall.close();
  }
}

/** The process lives and says what is wrong with the model. */
class Complaint extends ModelRefused {}

interface Wall {
  /** One question at a time. */
  ask<Type extends FromWalled['type']>(question: ToWalled, type: Type): Promise<Extract<FromWalled, { type: Type }>>;
  close(): Promise<void>;
}

async function buildWall({ limits, signal }: WallOptions): Promise<Wall> {
  const child = startWalledProcess('services/training/walled/walled-session.process');
  const gone = once(child, 'exit');
  if (child.pid === undefined) await gone; // It could not be started, which this throws.
  const limit = await limitMemory(child.pid!, limits.memoryBytes);
  return {
    async ask(question, type) {
      const answer = await answerOf(child, question, breachesOf(child, limit, limits), signal);
      if (answer.type === 'failed') throw new Complaint(answer.message);
      // The process answers each question in its kind.
      return answer as Extract<FromWalled, { type: typeof type }>;
    },
    async close() {
      child.kill('SIGKILL'); // It holds nothing that anybody would miss.
      await gone;
      limit.lift();
    },
  };
}

/** What is wrong at a moment, in words; null if nothing is. */
type Breaches = () => string | null;

function breachesOf(
  child: ChildProcess,
  { by }: MemoryLimit,
  { timeoutMs, memoryBytes }: ForeignModelConfig,
): Breaches {
  const deadline = performance.now() + timeoutMs;
  return () => {
    const { exitCode, signalCode } = child;
    if (exitCode !== null || signalCode !== null) {
      const allowed = `at most ${Math.round(memoryBytes / MIB)} MiB of memory are allowed, by ${by}`;
      return `it crashed the process that tried it, which ended with ${signalCode ?? `exit code ${exitCode}`}; ${allowed}`;
    }
    if (performance.now() > deadline) return `it did not end within ${timeoutMs / 1000} s`;
    const isTooLarge = (residentBytes(child.pid!) ?? 0) > memoryBytes;
    return isTooLarge ? `it took more than ${Math.round(memoryBytes / MIB)} MiB of memory` : null;
  };
}

function answerOf(child: ChildProcess, question: ToWalled, breaches: Breaches, signal?: Stop): Promise<FromWalled> {
  return new Promise((resolve, reject) => {
    const settle = (conclude: () => void) => {
      clearInterval(checking);
      child.off('message', onMessage);
      child.off('exit', check);
      conclude();
    };
    const onMessage = (message: FromWalled) => settle(() => resolve(message)); // From walled-session.process.ts.
    const check = () => {
      try {
        signal?.throwIfAborted();
        const breach = breaches();
        if (breach !== null) throw new ModelRefused(breach);
      } catch (error) {
        settle(() => reject(error));
        child.kill('SIGKILL');
      }
    };
    const checking = setInterval(check, CHECK_MS);
    child.on('message', onMessage);
    child.on('exit', check);
    // A process that is gone hears nothing, which `check` notices.
    child.send(question, () => {});
  });
}
