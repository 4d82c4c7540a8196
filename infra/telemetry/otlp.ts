/**
 * Sends spans to a collector by OTLP over HTTP as JSON, with OpenTelemetry's own exporter and queue. It is the only file that
 * imports OpenTelemetry, and open-tracer.ts loads it if somebody wants traces. Spans are made by hand and not by its tracer,
 * because their ids are derived and many end in another process than they began in.
 */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { SpanKind, SpanStatusCode, TraceFlags, type HrTime } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { detectResources, envDetector, resourceFromAttributes, type Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { Logger } from '../../runtime/logger.ts';
import { programVersion } from '../../runtime/program.ts';
import type { SpanContext } from '../../runtime/trace-context.ts';
import type { Attributes, Span, Tracer } from './tracer.ts';

export interface OtlpOptions {
  /** Whole, with its path. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly actor: string;
  readonly namespace: string;
  readonly requestShare: number;
  readonly log: Logger;
  /** The endpoint, for people. */
  readonly shown: string;
}

/** A night has some fifty spans; a collector that is away for a while costs this much memory and then spans. */
const QUEUE_MAX = 2_048;
const BATCH_MAX = 512;
/** Soon enough to watch a night, seldom enough for a busy replica. */
const SEND_EVERY_MS = 1_000;
/** Of one sending, its second tries with it. Less than the grace of a process that ends. */
const SEND_TIMEOUT_MS = 3_000;

export function createTracer(options: OtlpOptions): Tracer {
  const { endpoint: url, headers, requestShare, log } = options;
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: SEND_TIMEOUT_MS });
  const queue = new BatchSpanProcessor({
    exporter: telling(exporter, options),
    maxQueueSize: QUEUE_MAX,
    maxExportBatchSize: BATCH_MAX,
    scheduledDelayMillis: SEND_EVERY_MS,
    exportTimeoutMillis: SEND_TIMEOUT_MS,
  });
  const resource = resourceOf(options);
  return {
    requestShare,
    emit: (span) => queue.onEnd(readable(span, resource)),
    close: async () => {
      const late = new AbortController();
      const limit = delay(SEND_TIMEOUT_MS, undefined, { signal: late.signal, ref: false }).catch(() => {});
      // What is not sent is told by `telling`.
      const sent = queue.shutdown().catch((err: unknown) => log.debug({ err }, 'traces: the last spans were not sent'));
      await Promise.race([sent, limit]);
      late.abort();
    },
  };
}

/** A collector that is away costs spans and nothing else. It is said once, and again when it is back. */
function telling(exporter: SpanExporter, { shown, log }: OtlpOptions): SpanExporter {
  let isAway = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const { error } = result;
        if (error && !isAway) {
          const text = `traces: ${shown} takes no spans (${error.message}); they are dropped until it does, and nothing else is changed by that`;
          log.warn({ collector: shown }, text);
        }
        if (!error && isAway) log.info({ collector: shown }, `traces: ${shown} takes spans again`);
        isAway = error !== undefined;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word. */
function resourceOf({ actor, namespace }: OtlpOptions): Resource {
  const own = resourceFromAttributes({
    'service.name': `nightshift-${actor}`,
    'service.namespace': namespace,
    'service.version': programVersion(),
    'host.name': hostname(),
    'process.pid': process.pid,
  });
  return own.merge(detectResources({ detectors: [envDetector] }));
}

const SCOPE = { name: 'nightshift', version: programVersion() };
const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const satisfies Record<Span['kind'], SpanKind>;

function readable(span: Span, resource: Resource): ReadableSpan {
  const { name, context, parentId, startMs, error = null, links = [] } = span;
  const endMs = Math.max(span.endMs, startMs); // Clocks of two machines may disagree.
  const spanContext = contextOf(context);
  return {
    name,
    kind: KINDS[span.kind],
    spanContext: () => spanContext,
    ...(parentId === undefined ? {} : { parentSpanContext: contextOf({ ...context, spanId: parentId }) }),
    startTime: timeOf(startMs),
    endTime: timeOf(endMs),
    duration: timeOf(endMs - startMs),
    status: error === null ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: error },
    attributes: given({ ...span.attributes, 'error.type': error }),
    links: links.map((link) => ({ context: contextOf(link) })),
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

const contextOf = ({ traceId, spanId, isSampled }: SpanContext) => ({
  traceId,
  spanId,
  traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
});

const given = (attributes: Attributes): Record<string, string | number | boolean> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name, value] as const],
    ),
  );

const NANOSECONDS_PER_MS = 1e6;
/** Seconds, and nanoseconds besides. */
function timeOf(ms: number): HrTime {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.min(999_999_999, Math.round((ms - 1_000 * seconds) * NANOSECONDS_PER_MS))];
}
