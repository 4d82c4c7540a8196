/**
 * Starts child processes. For native code that may hang or crash, and whose memory must return: threads (threads.ts)
 * share all of that with us. A process's module is named by its path from the root and comes from dist/: see modules.ts.
 */
import { spawn, type ChildProcess, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './environment.ts';
import { SHORT_PAUSES } from './garbage.ts';
import { builtModule, type ModuleName } from './modules.ts';
import './telemetry.ts';

/** See telemetry.ts. */
const TELEMETRY_OFF = ['ORT_DISABLE_TELEMETRY'] as const;
const CHILD_OF_PARENT = builtModule('runtime/child-of-parent').href;

/** It talks to us by structured clones and ends with us, however we end. `isServing`: requests wait for it (garbage.ts). */
export const startProcess = (module: ModuleName, { isServing = false } = {}): ChildProcess =>
  run([...(isServing ? SHORT_PAUSES : []), '--import', CHILD_OF_PARENT, pathOf(module)], 'ipc', process.env);

/**
 * It works with what others made: a clean environment, our id as its argument, so that it can see whether we are still
 * there (parent-watch.thread.ts), and a channel to us.
 */
export const startWalledProcess = (module: ModuleName): ChildProcess =>
  run(['--import', CHILD_OF_PARENT, pathOf(module), String(process.pid)], 'ipc', cleanEnvironment(TELEMETRY_OFF));

/** Requests wait for it (garbage.ts). It has no channel to us, and knows itself when to end. */
export const startLoneProcess = (module: ModuleName, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess =>
  run([...SHORT_PAUSES, pathOf(module), ...args], 'ignore', env);

/**
 * It leads a process group of its own, has pipes for input and outputs, a channel to us, and a clean environment. The
 * module sees to it that it ends with us.
 */
export const startGroup = (module: ModuleName): ChildProcessByStdio<Writable, Readable, Readable> =>
  spawn(process.execPath, [pathOf(module)], {
    env: cleanEnvironment(),
    serialization: 'advanced',
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    // TypeScript does not follow a list with a channel in it; the first three are pipes.
  }) as ChildProcess as ChildProcessByStdio<Writable, Readable, Readable>;

/** A part of a supervised whole: it has a channel to us, and its outputs are ours to read. */
export const startPart = (module: ModuleName, { name, memoryMaxMiB, isServing, env }: PartOptions): Part =>
  spawn(process.execPath, [...heapLimit(memoryMaxMiB), ...(isServing ? SHORT_PAUSES : []), pathOf(module), name], {
    env,
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // TypeScript does not follow a list with a channel in it; the second and third are pipes.
  }) as ChildProcess as Part;

export type Part = ChildProcessByStdio<null, Readable, Readable>;

/** What a process of ours holds beside JavaScript's objects: its code, libraries, buffers, the memory of decoders. */
const BESIDE_HEAP_MIB = 160;

/** Of a process with so much memory. JavaScript collects its garbage the sooner the less it may have. */
const heapLimit = (memoryMaxMiB: number | undefined) =>
  memoryMaxMiB === undefined
    ? []
    : [`--max-old-space-size=${Math.max(Math.floor(memoryMaxMiB / 2), memoryMaxMiB - BESIDE_HEAP_MIB)}`];

export interface PartOptions {
  /** Its only argument. */
  readonly name: string;
  /** Of which JavaScript's own memory is a part. Absent: what Node and the machine have. */
  readonly memoryMaxMiB?: number | undefined;
  /** Requests wait for it (garbage.ts). */
  readonly isServing: boolean;
  readonly env: NodeJS.ProcessEnv;
}

/** A negative number means a process group. What is gone already needs no signal. */
export function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

const pathOf = (module: ModuleName) => fileURLToPath(builtModule(module));

/** Its standard output is ours to nobody. The parent's own flags (a profiler, a loader) are not the child's. */
const run = (args: readonly string[], channel: 'ipc' | 'ignore', env: NodeJS.ProcessEnv) =>
  spawn(process.execPath, args, { env, serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', channel] });
