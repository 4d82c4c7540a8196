/**
 * W3C trace context (https://www.w3.org/TR/trace-context/) without a library. A run is one trace, and the ids of its spans
 * are derived from what is stored of it: any process can name a span that another one makes, and a span that is made twice,
 * after a kill, has the same id.
 */
import { hash, randomBytes } from 'node:crypto';

export interface SpanContext {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  /** Its maker keeps it, and wants what follows from it to be kept. */
  readonly isSampled: boolean;
}

const hex = (text: string, digits: number) => hash('sha256', text).slice(0, digits);

/** All messages, spans and log lines of a run have this one. */
export const traceIdOf = (runId: string): string => hex(runId, 32);
/** Of a span that is known by a name of its own, such as the id of a message. */
export const spanIdOf = (name: string): string => hex(name, 16);

/** The whole run, from its start to its end. */
export const runSpanId = (runId: string): string => spanIdOf(`run:${runId}`);
/** One attempt at a stage. */
export const stageSpanId = (runId: string, stage: string, attempt: number): string =>
  spanIdOf(`stage:${runId}.${stage}.${attempt}`);

/** A run deploys once. */
export const deploySpanId = (runId: string): string => stageSpanId(runId, 'deploy', 1);

/** Of a span in the trace of a run; runs are always kept. */
export const inRun = (runId: string, spanId: string): SpanContext => ({
  traceId: traceIdOf(runId),
  spanId,
  isSampled: true,
});

/** What a message of a run carries: its own span is derived from its id, so a repetition has the same. */
export const traceparentOf = (runId: string, messageId: string): string =>
  `00-${traceIdOf(runId)}-${spanIdOf(messageId)}-01`;

/** Of requests, which nothing is stored of. */
export const randomTraceId = (): string => randomBytes(16).toString('hex');
export const randomSpanId = (): string => randomBytes(8).toString('hex');

export const writeTraceparent = ({ traceId, spanId, isSampled }: SpanContext): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/** Null for what is none: a sender's mistake there must not cost a message. */
export function readTraceparent(text: string | null | undefined): SpanContext | null {
  const [, version, traceId, spanId, flags, more] = FORM.exec(text ?? '') ?? [];
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return null;
  if (version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The fields by which a log line is found beside its trace, as OpenTelemetry names them. */
export const logFieldsOf = ({ traceId, spanId }: SpanContext) => ({ trace_id: traceId, span_id: spanId });
