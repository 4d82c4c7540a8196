/**
 * Starts child processes that run TypeScript modules and talk to us by structured clones. For native code that may
 * hang or crash, and whose memory must return: threads (threads.ts) share all of that with us.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('./process-entry.mjs', import.meta.url));

/** `module` is a file URL. The child ends with us, however we end; its standard output is ours to nobody. */
export function startProcess(module: URL): ChildProcess {
  return fork(ENTRY, [module.href], {
    serialization: 'advanced',
    // The parent's own flags (a profiler, a loader) are not the child's.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}
