/**
 * What actors know of traces: a span is a plain object that is made when it has ended, and a tracer takes it. Null in place
 * of a tracer: nobody asked for traces, and nothing is made. otlp.ts sends them.
 */
import type { SpanContext } from '../../runtime/trace-context.ts';

export interface Span {
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly context: SpanContext;
  /** In the same trace; absent: it is the first of its trace. */
  readonly parentId?: string | undefined;
  /** Milliseconds since 1970, with their fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** Why it did not go well, as a code; absent or null: it did. */
  readonly error?: string | null | undefined;
  /** Spans of other traces that belong to it. */
  readonly links?: readonly SpanContext[] | undefined;
}

/** Absent values are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Tracer {
  /** Never throws and never waits: a span for which there is no room is dropped. */
  emit(span: Span): void;
  /** Share of the requests that are traced if their sender does not decide; runs always are. */
  readonly requestShare: number;
  /** Sends what is left, for a moment at most. */
  close(): Promise<void>;
}

/** Our own attributes; those of messages are OpenTelemetry's (message-spans.ts). */
export const ATTRIBUTE = {
  runId: 'nightshift.run_id',
  model: 'nightshift.model',
  stage: 'nightshift.stage',
  attempt: 'nightshift.attempt',
  phase: 'nightshift.phase',
  state: 'nightshift.state',
  cause: 'nightshift.cause',
  by: 'nightshift.by',
  kind: 'nightshift.kind',
  transition: 'nightshift.transition',
  release: 'nightshift.release',
  replica: 'nightshift.replica',
  verb: 'nightshift.verb',
  images: 'nightshift.batch.images',
  cut: 'nightshift.cut',
} as const;

/** The clock of the machine is set now and then; below this, spans of one trace stay in their order. */
const DRIFT_MAX_MS = 20;
let originMs = performance.timeOrigin;

/** Of a moment that was measured by performance.now(), to its microsecond. */
export function sinceEpoch(atMs: number): number {
  const driftMs = Date.now() - originMs - performance.now();
  if (Math.abs(driftMs) > DRIFT_MAX_MS) originMs += driftMs;
  return originMs + atMs;
}
