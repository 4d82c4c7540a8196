/**
 * Starts child processes. For native code that may hang or crash, and whose memory must return: threads (threads.ts)
 * share all of that with us. A process's module is named by its path from the root and comes from dist/: see modules.ts.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { builtModule, type ModuleName } from './modules.ts';
import './telemetry.ts';

const CHILD_OF_PARENT = builtModule('runtime/child-of-parent').href;

/** It talks to us by structured clones and ends with us, however we end. */
export const startProcess = (module: ModuleName): ChildProcess =>
  run(['--import', CHILD_OF_PARENT, pathOf(module)], 'ipc', process.env);

/** It has no channel to us, and knows itself when to end. */
export const startLoneProcess = (module: ModuleName, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess =>
  run([pathOf(module), ...args], 'ignore', env);

const pathOf = (module: ModuleName) => fileURLToPath(builtModule(module));

/** Its standard output is ours to nobody. The parent's own flags (a profiler, a loader) are not the child's. */
const run = (args: readonly string[], channel: 'ipc' | 'ignore', env: NodeJS.ProcessEnv) =>
  spawn(process.execPath, args, { env, serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', channel] });
