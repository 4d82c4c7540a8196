/**
 * Starts child processes that run TypeScript modules. For native code that may hang or crash, and whose memory must
 * return: threads (threads.ts) share all of that with us.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { bundle, BUNDLE_HOME } from './bundle.ts';
import './telemetry.ts';

/** `module` is a file URL. It talks to us by structured clones and ends with us, however we end. */
export async function startProcess(module: URL): Promise<ChildProcess> {
  return runBundle(await bundle(new URL('./child-of-parent.ts', import.meta.url), module), { channel: 'ipc' });
}

export interface RunOptions {
  /** Whether it can talk to us by process.send(). */
  readonly channel: 'ipc' | 'ignore';
  readonly args?: readonly string[];
  /** Absent: ours. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Its standard output is ours to nobody. The parent's own flags (a profiler, a loader) are not the child's. */
export function runBundle(code: string, { channel, args = [], env = process.env }: RunOptions): ChildProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-', ...args], {
    cwd: BUNDLE_HOME,
    env,
    serialization: 'advanced',
    stdio: ['pipe', 'ignore', 'inherit', channel],
  });
  // One that dies before it has read its code says so by its exit.
  child.stdin?.on('error', () => {});
  child.stdin?.end(code);
  return child;
}
