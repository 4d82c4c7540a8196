/**
 * The spans of messages: one for each that is published with a trace, and one for each time that it is handled, named by
 * OpenTelemetry's conventions for messaging. Called by bus.ts and conclude.ts, where there is a tracer.
 */
import { typeOfSubject } from '../../contracts/envelope.ts';
import { toFailure } from '../../contracts/errors.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { readTraceparent, spanIdOf, type SpanContext } from '../../runtime/trace-context.ts';
import { ATTRIBUTE, sinceEpoch, type Attributes, type Span, type Tracer } from './tracer.ts';

export interface SentMessage {
  readonly subject: string;
  readonly id: string;
  /** It has the span of the message itself. */
  readonly traceparent: string | undefined;
  readonly parentSpanId: string | undefined;
}

/** Resolves or rejects as `send` does. */
export async function whileSending<T>(tracer: Tracer, message: SentMessage, send: () => Promise<T>): Promise<T> {
  const context = readTraceparent(message.traceparent);
  if (!context?.isSampled) return send();
  const { parentSpanId: parentId } = message;
  return spanAround(tracer, { ...named('send', message), kind: 'producer', context, parentId }, send);
}

export interface HandledMessage {
  readonly subject: string;
  readonly id: string;
  readonly traceparent: string | undefined;
  readonly consumer: string;
  readonly deliveryCount: number;
}

/** The span of this handling: whatever the handler sends is caused by it. Null if the message is in no trace that is kept. */
export function handlingOf({ traceparent, consumer, id, deliveryCount }: HandledMessage): SpanContext | null {
  const from = readTraceparent(traceparent);
  if (!from?.isSampled) return null;
  return { ...from, spanId: spanIdOf(`process:${consumer}:${id}:${deliveryCount}`) };
}

export function whileHandling<T>(
  tracer: Tracer,
  message: HandledMessage,
  context: SpanContext,
  handle: () => Promise<T>,
): Promise<T> {
  const parentId = readTraceparent(message.traceparent)?.spanId;
  const { name, attributes } = named('process', message);
  const own = { 'messaging.consumer.group.name': message.consumer, 'nightshift.delivery': message.deliveryCount };
  const span = { name, attributes: { ...attributes, ...own }, kind: 'consumer' as const, context, parentId };
  return spanAround(tracer, span, handle);
}

type Unended = Omit<Span, 'startMs' | 'endMs' | 'error'>;

async function spanAround<T>(tracer: Tracer, span: Unended, act: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const end = (error: string | null) => {
    tracer.emit({ ...span, startMs: sinceEpoch(startedAt), endMs: sinceEpoch(performance.now()), error });
  };
  try {
    const result = await act();
    end(null);
    return result;
  } catch (error) {
    end(toFailure(error).code);
    throw error;
  }
}

type Operation = 'send' | 'process';

/** By its subject without the last token: the name of a span tells what is done, not to which run. */
function named(operation: Operation, { subject, id }: { subject: string; id: string }) {
  const template = typeOfSubject(subject);
  const attributes: Attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.template': template,
    'messaging.message.id': id,
    ...ofRun(subject),
  };
  return { name: `${operation} ${template}`, attributes };
}

function ofRun(subject: string): Attributes {
  const parsed = parseSubject(subject);
  return {
    [ATTRIBUTE.runId]: 'runId' in parsed ? parsed.runId : null,
    [ATTRIBUTE.stage]: 'stage' in parsed ? parsed.stage : null,
    [ATTRIBUTE.model]: 'model' in parsed ? parsed.model : null,
  };
}
