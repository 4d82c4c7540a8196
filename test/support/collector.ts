/** A collector of OpenTelemetry as far as tests need one: a web server that takes spans as JSON on /v1/traces. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Logger } from '../../runtime/logger.ts';
import { openTracer } from '../../infra/telemetry/open-tracer.ts';
import { TracesConfigSchema } from '../../infra/config/traces.ts';
import type { Tracer } from '../../infra/telemetry/tracer.ts';

const ValueSchema = z.union([
  z.strictObject({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.strictObject({ boolValue: z.boolean() }).transform(({ boolValue }) => boolValue),
  z.strictObject({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
  z.strictObject({ intValue: z.coerce.number() }).transform(({ intValue }) => intValue),
]);
const AttributesSchema = z
  .array(z.object({ key: z.string(), value: ValueSchema }))
  .default([])
  .transform((all) => Object.fromEntries(all.map(({ key, value }) => [key, value])));
const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const nanoseconds = z.string().transform((text) => Number(BigInt(text) / 1_000n) / 1_000);

const SpanSchema = z.object({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: hex(16).optional(),
  name: z.string().min(1),
  kind: z.number().int().min(1).max(5),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds,
  attributes: AttributesSchema,
  links: z.array(z.object({ traceId: hex(32), spanId: hex(16) })).default([]),
  status: z.object({ code: z.number().int().default(0), message: z.string().optional() }),
});

const RequestSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: AttributesSchema }),
      scopeSpans: z.array(z.object({ spans: z.array(SpanSchema) })),
    }),
  ),
});

export interface CollectedSpan extends Omit<z.infer<typeof SpanSchema>, 'startTimeUnixNano' | 'endTimeUnixNano'> {
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly endMs: number;
  readonly resource: Readonly<Record<string, string | number | boolean>>;
}

export interface Collector {
  /** Without a path. */
  readonly url: string;
  /** With what it answers from now on; null: not at all. */
  answerWith(status: number | null): void;
  /** Those that it took, in their order. */
  readonly spans: CollectedSpan[];
  /** The headers of each time that it was asked. */
  readonly asked: IncomingHttpHeaders[];
}

/** A request that is no OTLP fails the test. */
export async function withCollector<T>(use: (collector: Collector) => Promise<T>): Promise<T> {
  const [spans, asked, broken]: [CollectedSpan[], IncomingHttpHeaders[], unknown[]] = [[], [], []];
  let status: number | null = 200;
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') throw new Error(`${request.method} ${request.url}`);
    const taken = spansIn(JSON.parse(await text(request)));
    asked.push(request.headers);
    if (status === null) return;
    if (status < 300) spans.push(...taken);
    response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
  };
  const server = createServer((request, response) => {
    take(request, response).catch((error: unknown) => {
      broken.push(error);
      response.writeHead(400).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // It listens on a port.
  try {
    const result = await use({ url, spans, asked, answerWith: (answer) => void (status = answer) });
    if (broken.length > 0) throw broken[0];
    return result;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

function spansIn(body: unknown): CollectedSpan[] {
  return RequestSchema.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ startTimeUnixNano: startMs, endTimeUnixNano: endMs, ...span }) => ({
        ...{ ...span, startMs, endMs },
        resource: resource.attributes,
      })),
    ),
  );
}

/** A tracer as an actor opens it. */
export async function tracerTo({ url }: Pick<Collector, 'url'>, log: Logger, config: object = {}): Promise<Tracer> {
  const traces = TracesConfigSchema.parse({ endpoint: url, ...config });
  const nats = { namespace: 'nightshift' };
  return (await openTracer({ config: { traces, nats }, actor: 'test', log, env: {} }))!; // Configured.
}

/** Its ancestors by name, the nearest first; the last is `?` if that one was not collected. */
export function lineOf(span: CollectedSpan, all: readonly CollectedSpan[]): string[] {
  if (span.parentSpanId === undefined) return [];
  const parent = all.find(({ traceId, spanId }) => traceId === span.traceId && spanId === span.parentSpanId);
  return parent ? [parent.name, ...lineOf(parent, all)] : ['?'];
}
