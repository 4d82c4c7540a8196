/**
 * The process's log: pino, always to stderr, because stdout belongs to the output of commands. Pretty on a terminal,
 * JSON lines elsewhere. Both write from this thread: a pino worker transport could outlive us or lose the last lines.
 */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';

export type { Logger };

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Defaults to whether stderr is a terminal. */
  readonly pretty?: boolean;
}

const STDERR = 2;

export function createLogger(options: LoggerOptions): Logger {
  const stream =
    (options.pretty ?? process.stderr.isTTY)
      ? pretty({ destination: STDERR, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' })
      : pino.destination({ dest: STDERR, sync: true });
  return pino({ level: options.level, serializers: { err: pino.stdSerializers.err } }, stream);
}
