/**
 * The means that an actor lends to a service while it works: a way to be stopped, a way to report progress, a logger, a
 * clock. Services know nothing else of the outside.
 */
import type { Progress } from '../contracts/progress.ts';

export interface WorkContext {
  /** Aborted with a PipelineError CANCELLED as its reason; long work looks at it at least once a second. */
  readonly signal: AbortSignal;
  /** Cheap to call often: the actor publishes at most a few per second. */
  readonly progress: (report: Progress) => void;
  readonly log: WorkLog;
  /** Milliseconds, monotonic, for durations. */
  readonly now: () => number;
}

/** The part of a pino logger that services use. */
export interface WorkLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
