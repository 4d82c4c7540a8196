/**
 * Runs an outside program without a shell, behind a guard: hands on its lines, asks it to end, and makes sure that neither
 * it nor its children are left behind, not even if this process is killed. Knows nothing of training. Called by command.ts.
 */
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { PipelineError } from '../../../contracts/errors.ts';
import type { CommandConfig } from '../../../contracts/configuration/training.ts';
import { cleanEnvironment } from '../../../runtime/environment.ts';
import { createMask } from '../../../runtime/masking.ts';
import { startGroup, tryKill } from '../../../runtime/processes.ts';
import { readValues } from '../../secrets.ts';
import type { FromGuard, ToGuard } from './guard.messages.ts';

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
/** In which a guard does as it is told; it has nothing else to do. */
const GUARD_MS = 1_000;

type Guard = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * `args` come after the configured ones. Settles when the program and all of its process group have ended. Throws
 * STRATEGY_UNAVAILABLE where it cannot be started, CONFIG_INVALID where a secret of its environment is not there.
 */
export async function runProgram(
  command: CommandConfig,
  args: readonly string[],
  { onLine, onLog, stop }: ProgramHandlers,
): Promise<ProgramEnd> {
  const { values: env, secrets } = readValues('training.command.env', command.env);
  const masked = createMask(secrets);
  const guard = startGroup('services/training/command/guard.process');
  // The program may end without having read its input, which stays empty.
  guard.stdin.on('error', () => undefined);
  const gone = once(guard, 'exit');
  const end = endOf(guard);
  await start(guard, gone, { ...command, env }, args);
  const lastLines: string[] = [];
  const keep = (line: string) => {
    lastLines.push(line.slice(0, LAST_LINE_CHARACTERS_MAX));
    if (lastLines.length > LAST_LINES_MAX) lastLines.shift();
  };
  const reading = Promise.all([
    eachLine(guard.stdout, masked, async (line) => {
      keep(line);
      await onLine(line);
    }),
    eachLine(guard.stderr, masked, async (line) => {
      keep(line);
      onLog(line);
    }),
  ]);
  const { code, signal } = await stopping(guard, end, command.graceMs, stop);
  await gone;
  // The guard has done so, unless it was killed itself.
  signalGroup(guard, 'SIGKILL');
  const drained = setTimeout(() => [guard.stdout, guard.stderr].forEach((stream) => stream.destroy()), DRAIN_MS);
  await reading;
  clearTimeout(drained);
  return { code, signal, lastLines };
}

async function start(
  guard: Guard,
  gone: Promise<unknown>,
  { argv, cwd, env, inheritEnv }: CommandConfig & ReadEnvironment,
  args: readonly string[],
): Promise<void> {
  const [file, ...rest] = argv;
  const said = once(guard, 'message') as Promise<[FromGuard]>;
  tell(guard, {
    type: 'start',
    file: file!, // The schema wants one.
    args: [...rest, ...args],
    cwd,
    env: { ...cleanEnvironment(inheritEnv), ...env },
  });
  const [message] = await Promise.race([said, gone.then(endedAtOnce)]);
  if (message.type !== 'unstartable') return;
  const missing = cwd !== undefined && !exists(cwd) ? `the folder ${cwd} of training.command.cwd does not exist` : null;
  const reason = missing ?? `${message.reason}; is it installed, and on the PATH of the trainer?`;
  throw new PipelineError(
    'STRATEGY_UNAVAILABLE',
    `training: the program ${file} of training.command.argv cannot be started: ${reason}`,
  );
}

/** Its secrets as well. */
interface ReadEnvironment {
  readonly env: Readonly<Record<string, string>>;
}

function endedAtOnce(): never {
  const message = 'training: the guard of the program was ended before it could start the program';
  throw new PipelineError('TRAINING_FAILED', message, { retryable: true });
}

type End = Pick<ProgramEnd, 'code' | 'signal'>;

/** A guard that says nothing about the end was killed, and its program with it. */
function endOf(guard: Guard): Promise<End> {
  return new Promise((resolve) => {
    guard.on('message', (message: FromGuard) => {
      if (message.type === 'ended') resolve(message);
    });
    guard.once('disconnect', () => resolve({ code: null, signal: 'SIGKILL' }));
  });
}

/** Waits for the end, and sees to it once it is wanted. */
async function stopping(guard: Guard, end: Promise<End>, graceMs: number, stop: AbortSignal): Promise<End> {
  let killing: NodeJS.Timeout | undefined;
  const kill = () => {
    tell(guard, { type: 'kill' });
    killing = setTimeout(() => signalGroup(guard, 'SIGKILL'), GUARD_MS);
  };
  const terminate = () => {
    signalGroup(guard, 'SIGTERM');
    killing = setTimeout(kill, graceMs);
  };
  if (stop.aborted) terminate();
  else stop.addEventListener('abort', terminate, { once: true });
  try {
    return await end;
  } finally {
    clearTimeout(killing);
    stop.removeEventListener('abort', terminate);
  }
}

/** A guard that has just ended hears nothing, which `endOf` notices. */
const tell = (guard: Guard, message: ToGuard) => void guard.send(message, undefined, undefined, () => {});

/** Windows has no process groups: there the guard ends the program. */
function signalGroup(guard: Guard, signal: NodeJS.Signals): void {
  if (process.platform === 'win32') guard.kill(signal);
  else tryKill(-guard.pid!, signal);
}

/** Reads to the end, whatever the length of the lines. Secrets go before a line is cut, which would leave a part of one. */
async function eachLine(
  stream: Readable,
  masked: (text: string) => string,
  take: (line: string) => Promise<void>,
): Promise<void> {
  let rest = '';
  stream.setEncoding('utf8');
  try {
    for await (const chunk of stream as AsyncIterable<string>) {
      const pieces = (rest + chunk).split('\n');
      rest = pieces.pop()!.slice(0, LINE_CHARACTERS_MAX);
      for (const line of pieces) await take(masked(line).slice(0, LINE_CHARACTERS_MAX).trimEnd());
    }
  } catch (cause) {
    // Destroyed above, because somebody else holds it open.
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw cause;
  }
  if (rest.length > 0) await take(masked(rest));
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
