/**
 * Stands between the trainer and an outside program, which uses this process's own input and outputs: starts it, says how
 * it ended, and lets nothing of it live on, neither after its end nor after the trainer's, however the trainer ends. This
 * process leads the group of the program, so a signal to the group reaches both. Started by program.ts.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tryKill } from '../../../runtime/processes.ts';
import type { FromGuard, ToGuard } from './guard.messages.ts';

// Signals to the group are meant for the program.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

// The kernel closes the channel of a trainer that was killed.
process.on('disconnect', killAll);
process.on('message', (message: ToGuard) => (message.type === 'start' ? start(message) : killAll()));

/** A trainer that is gone hears nothing; that ends us, too. */
const say = (message: FromGuard, then = () => {}) => void process.send?.(message, undefined, undefined, then);

function start({ file, args, cwd, env }: Extract<ToGuard, { type: 'start' }>): void {
  const program = spawn(file, args, { cwd, env, stdio: 'inherit' });
  program.once('spawn', () => say({ type: 'started' }));
  program.once('error', ({ message }) => {
    if (program.pid === undefined) say({ type: 'unstartable', reason: message }, killAll);
  });
  program.once('exit', (code, signal) => say({ type: 'ended', code, signal }, killAll));
}

/** Also those that began a session of their own, as the workers of torchrun do, while their parents live. */
function killAll(): void {
  for (const pid of descendants()) tryKill(pid, 'SIGKILL');
  // Windows has no process groups. Elsewhere this ends us, too.
  if (process.platform !== 'win32') tryKill(-process.pid, 'SIGKILL');
  process.exit();
}

/** All processes below this one; none where there is no /proc. */
function descendants(): number[] {
  const children = new Map<number, number[]>();
  for (const pid of processes()) {
    const parent = parentOf(pid);
    if (parent !== null) children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [process.pid];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found.slice(1);
}

function processes(): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function parentOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold blanks; the state and the parent follow.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null; // It ended since the folder was read.
  }
}
