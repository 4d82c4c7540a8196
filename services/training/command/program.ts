/**
 * Runs an outside program without a shell: hands on its lines, asks it to end, and makes sure that neither it nor its
 * children are left behind. Knows nothing of training. Called by command.ts.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { PipelineError } from '../../../contracts/errors.ts';
import type { CommandConfig } from '../../../contracts/configuration/training.ts';

export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of both outputs, for the message of an error. */
  readonly lastLines: readonly string[];
}

export interface ProgramHandlers {
  /** Standard output; the next line waits until this settles, and the program waits once the pipe is full. Throws nothing. */
  readonly onLine: (line: string) => Promise<void>;
  /** Standard error. */
  readonly onLog: (line: string) => void;
  /** Aborted, the program gets SIGTERM, and SIGKILL after `graceMs`. */
  readonly stop: AbortSignal;
}

/** A longer line is cut: a program that never ends its line must not fill the memory. */
const LINE_CHARACTERS_MAX = 64 * 1024;
const LAST_LINES_MAX = 20;
/** In the message of an error. */
const LAST_LINE_CHARACTERS_MAX = 500;
/** Outputs that stay open after the program's end belong to a child in a session of its own. */
const DRAIN_MS = 5_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * `args` come after the configured ones. Settles when the program and all of its process group have ended. Throws
 * STRATEGY_UNAVAILABLE where it cannot be started.
 */
export async function runProgram(
  { argv, cwd, env, graceMs }: CommandConfig,
  args: readonly string[],
  { onLine, onLog, stop }: ProgramHandlers,
): Promise<ProgramEnd> {
  const [file, ...rest] = argv;
  // A group of its own, so that signals reach the workers that torchrun and the like start.
  const options = { cwd, env: { ...process.env, ...env }, detached: true, stdio: 'pipe' } as const;
  const child = await started(spawn(file!, [...rest, ...args], options), argv, cwd);
  const lastLines: string[] = [];
  const keep = (line: string) => {
    lastLines.push(line.slice(0, LAST_LINE_CHARACTERS_MAX));
    if (lastLines.length > LAST_LINES_MAX) lastLines.shift();
  };
  const reading = Promise.all([
    eachLine(child.stdout, async (line) => {
      keep(line);
      await onLine(line);
    }),
    eachLine(child.stderr, async (line) => {
      keep(line);
      onLog(line);
    }),
  ]);
  const { code, signal } = await ended(child, graceMs, stop);
  // Processes that it started and left behind would hold the outputs open, and the processors.
  signalGroup(child, 'SIGKILL');
  const drained = setTimeout(() => [child.stdout, child.stderr].forEach((stream) => stream.destroy()), DRAIN_MS);
  await reading;
  clearTimeout(drained);
  return { code, signal, lastLines };
}

async function started(child: Child, argv: readonly string[], cwd: string | undefined): Promise<Child> {
  // The program may end without having read its input, which stays empty.
  child.stdin.on('error', () => undefined);
  try {
    await once(child, 'spawn');
    return child;
  } catch (cause) {
    const missing =
      cwd !== undefined && !exists(cwd) ? `the folder ${cwd} of training.command.cwd does not exist` : null;
    const reason = missing ?? `${(cause as Error).message}; is it installed, and on the PATH of the trainer?`;
    const message = `training: the program ${argv[0]} of training.command.argv cannot be started: ${reason}`;
    throw new PipelineError('STRATEGY_UNAVAILABLE', message, { cause });
  }
}

async function ended(child: Child, graceMs: number, stop: AbortSignal) {
  let killing: NodeJS.Timeout | undefined;
  const terminate = () => {
    signalGroup(child, 'SIGTERM');
    killing = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
  };
  if (stop.aborted) terminate();
  else stop.addEventListener('abort', terminate, { once: true });
  try {
    const isOver = child.exitCode !== null || child.signalCode !== null;
    if (!isOver) await once(child, 'exit');
    return { code: child.exitCode, signal: child.signalCode };
  } finally {
    clearTimeout(killing);
    stop.removeEventListener('abort', terminate);
  }
}

/** Windows has no process groups: there only the program itself is ended. */
function signalGroup(child: Child, signal: NodeJS.Signals): void {
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid!, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Reads to the end, whatever the length of the lines. */
async function eachLine(stream: Readable, take: (line: string) => Promise<void>): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const pieces = (rest + chunk).split('\n');
      rest = pieces.pop()!.slice(0, LINE_CHARACTERS_MAX);
      for (const line of pieces) await take(line.slice(0, LINE_CHARACTERS_MAX).trimEnd());
    }
  } catch (cause) {
    // Destroyed above, because somebody else holds it open.
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw cause;
  }
  if (rest.length > 0) await take(rest);
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
