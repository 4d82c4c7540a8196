/**
 * The spans of recognition by HTTP: of the request as the gateway has it, under the span of its sender, and within it of each
 * question to the replicas, which becomes the parent of theirs. Only there if somebody wants traces; recognise.ts and
 * oip/routes.ts call it.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toFailure } from '../../contracts/errors.ts';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import type { InferVerb } from '../../contracts/subjects.ts';
import { ATTRIBUTE, sinceEpoch, type Attributes, type Tracer } from '../../infra/telemetry/tracer.ts';
import {
  randomSpanId,
  randomTraceId,
  readTraceparent,
  writeTraceparent,
  type SpanContext,
} from '../../runtime/trace-context.ts';
import { statusOf } from './problems.ts';

/** As the client allows it; one that is longer is none. */
const TRACEPARENT_MAX = 256;
/** From here on a fault is ours. */
const STATUS_OURS = 500;

/** One question to the replicas, with the `traceparent` to send; absent: none is sent. */
export type Ask<T> = (traceparent: string | undefined) => Promise<T>;

export interface RequestTrace {
  /** Resolves or rejects as the question does. */
  around<T>(verb: InferVerb, ask: Ask<T>): Promise<T>;
}

export interface RequestTraces {
  begin(request: FastifyRequest, reply: FastifyReply): RequestTrace;
}

/** Without a tracer the header of the sender goes on as it came, and nothing else is done. */
export const createRequestTraces = (tracer: Tracer | null): RequestTraces => ({
  begin: (request, reply) => {
    const header = headerOf(request);
    if (!tracer) return handingOn(header);
    const parent = readTraceparent(header);
    const isTraced = parent ? parent.isSampled : Math.random() < tracer.requestShare;
    const context = { traceId: parent?.traceId ?? randomTraceId(), spanId: randomSpanId(), isSampled: isTraced };
    // It is decided here for the replicas, too.
    if (!isTraced) return handingOn(parent ? header : writeTraceparent(context));
    reply.raw.once('close', () => endOf(tracer, context, parent?.spanId, request, reply));
    return { around: (verb, ask) => asking(tracer, context, { verb, model: modelOf(request) }, ask) };
  },
});

function headerOf({ headers }: FastifyRequest): string | undefined {
  const sent = headers[INFER_HEADERS.traceparent];
  return typeof sent === 'string' && sent !== '' && sent.length <= TRACEPARENT_MAX ? sent : undefined;
}

const handingOn = (traceparent: string | undefined): RequestTrace => ({ around: (_verb, ask) => ask(traceparent) });

const modelOf = ({ params }: FastifyRequest) => (params as { model?: string }).model ?? null; // Of the path; all texts.

/** By the conventions of OpenTelemetry for HTTP: a mistake of the client's is no failure of ours. */
function endOf(
  tracer: Tracer,
  context: SpanContext,
  parentId: string | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { method, routeOptions, arrivedAtMs } = request;
  const isAnswered = reply.raw.writableFinished;
  const route = routeOptions.url ?? 'none';
  const status = isAnswered ? reply.statusCode : null;
  tracer.emit({
    ...{ name: `${method} ${route}`, kind: 'server', context, parentId },
    ...{ startMs: sinceEpoch(arrivedAtMs), endMs: sinceEpoch(performance.now()) },
    attributes: {
      ...{ 'http.request.method': method, 'http.route': route, 'http.response.status_code': status },
      ...{ [ATTRIBUTE.model]: modelOf(request), 'nightshift.refused': isAnswered ? null : 'CANCELLED' },
    },
    error: status !== null && status >= STATUS_OURS ? String(status) : null,
  });
}

interface Asked {
  readonly verb: InferVerb;
  readonly model: string | null;
}

async function asking<T>(tracer: Tracer, parent: SpanContext, { verb, model }: Asked, ask: Ask<T>): Promise<T> {
  const startedAtMs = performance.now();
  const context = { ...parent, spanId: randomSpanId() };
  const end = (more: Attributes, error: string | null) =>
    tracer.emit({
      ...{ name: `ask ${verb}`, kind: 'client', context, parentId: parent.spanId },
      ...{ startMs: sinceEpoch(startedAtMs), endMs: sinceEpoch(performance.now()) },
      attributes: { [ATTRIBUTE.verb]: verb, [ATTRIBUTE.model]: model, 'messaging.system': 'nats', ...more },
      error,
    });
  try {
    const reply = await ask(writeTraceparent(context));
    end({}, null);
    return reply;
  } catch (error) {
    const { code } = toFailure(error);
    // A client that has gone is no failure either.
    const isOurs = code !== 'CANCELLED' && statusOf(code) >= STATUS_OURS;
    end({ 'nightshift.refused': isOurs ? null : code }, isOurs ? code : null);
    throw error;
  }
}
