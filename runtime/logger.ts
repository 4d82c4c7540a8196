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

export interface LogSink {
  write(line: string): void;
}

/** Takes whole lines of JSON, ours or those of another process. */
export function openLogSink(isPretty = process.stderr.isTTY): LogSink {
  return isPretty
    ? pretty({ destination: STDERR, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' })
    : pino.destination({ dest: STDERR, sync: true });
}

/** A child has a level of its own, so that a change of level must reach each that is still in use. */
const loggers = new Set<WeakRef<Logger>>();
const forgotten = new FinalizationRegistry<WeakRef<Logger>>((ref) => loggers.delete(ref));

function remember(logger: Logger): void {
  const ref = new WeakRef(logger);
  loggers.add(ref);
  forgotten.register(logger, ref);
}

export function createLogger(options: LoggerOptions, sink = openLogSink(options.pretty)): Logger {
  const { level } = options;
  const logger = pino({ level, serializers: { err: pino.stdSerializers.err }, onChild: remember }, sink);
  remember(logger);
  return logger;
}

/** Of every logger of this process. */
export function setLogLevel(level: LogLevel): void {
  for (const ref of loggers) {
    const logger = ref.deref();
    if (logger) logger.level = level;
  }
}
