/**
 * `nightshift ready [name]`: whether the processes of this machine can work, for a healthcheck or a script that waits. It reads
 * what they note themselves and asks no server. Exit code 0 if they can, 1 if one cannot or none is there.
 */
import { systemOf } from '../../infra/config/system.ts';
import { notesOf } from '../../runtime/readiness.ts';
import type { GlobalOptions } from '../global-options.ts';
import { configOf } from '../with-client.ts';

export function readyCommand(
  name: string | undefined,
  { json = false }: { json?: boolean },
  global: GlobalOptions,
): void {
  const all = notesOf(systemOf(configOf(global)));
  const notes = name === undefined ? all : all.filter((note) => note.name === name);
  const isReady = notes.length > 0 && notes.every(({ lacking }) => lacking.length === 0);
  if (!isReady) process.exitCode = 1;
  if (json) return void process.stdout.write(`${JSON.stringify({ ready: isReady, processes: notes })}\n`);
  const lines = notes.map(
    ({ name: who, pid, lacking }) => `${who.padEnd(13)} ${pid}  ${lacking.join('; ') || 'ready'}`,
  );
  if (lines.length === 0) lines.push(`no process of ${name ?? 'this system'} runs here`);
  process.stdout.write(`${lines.join('\n')}\n`);
}
