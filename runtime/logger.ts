/**
 * The process's log: pino, always to stderr, because stdout belongs to the output of commands. Pretty on a terminal,
 * JSON lines elsewhere. Both write from this thread: a pino worker transport could outlive us or lose the last lines.
 */
import pino, { type Logger } from 'pino';
import pretty from 'pino-pretty';
import { noteLine } from './log-tail.ts';
import { traceIdOf } from './trace-context.ts';

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
    ? pretty({
        destination: STDERR,
        sync: true,
        ignore: 'pid,hostname,trace_id,span_id',
        translateTime: 'SYS:HH:MM:ss.l',
      })
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

/** The fields of a child do not pass the formatter of its lines. */
function adopt(child: Logger): void {
  const fields = child.bindings();
  const traced = withTrace(fields);
  if (traced !== fields) child.setBindings({ trace_id: traced['trace_id'] });
  remember(child);
}

export function createLogger(options: LoggerOptions, sink = openLogSink(options.pretty)): Logger {
  const { level } = options;
  const formatters = { log: withTrace };
  const logger = pino(
    { level, serializers: { err: pino.stdSerializers.err }, formatters, onChild: adopt },
    noted(sink),
  );
  remember(logger);
  return logger;
}

const noted = (sink: LogSink): LogSink => ({
  write(line) {
    sink.write(line);
    noteLine(line);
  },
});

/** A line about a run carries the id of its trace, which is derived from the run's: nothing has to be handed down for it. */
function withTrace(fields: Record<string, unknown>): Record<string, unknown> {
  const { runId } = fields;
  return typeof runId === 'string' && !('trace_id' in fields) ? { ...fields, trace_id: traceIdOf(runId) } : fields;
}

/** Of every logger of this process. */
export function setLogLevel(level: LogLevel): void {
  for (const ref of loggers) {
    const logger = ref.deref();
    if (logger) logger.level = level;
  }
}
