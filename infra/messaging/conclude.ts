/**
 * One message from its arrival to its end: the only place that turns errors into ack, nak with delay, refusal, or dead
 * letter and term. A handler may see a message again at any time and must be idempotent. Called by consume.ts.
 */
import type { JsMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { openEnvelope, type Envelope } from '../../contracts/envelope.ts';
import { PipelineError, toFailure, type Failure } from '../../contracts/errors.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import type { Logger } from '../../runtime/logger.ts';
import { pauseOf } from '../../runtime/retry.ts';
import { logFieldsOf, readTraceparent } from '../../runtime/trace-context.ts';
import { handlingOf, whileHandling } from '../telemetry/message-spans.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { keepDeadLetter } from './dead-letter.ts';
import { unlessDenied } from './denial.ts';
import { fallbackIdOf, MESSAGE_BYTES_MAX, readerOf, tooLarge } from './publish.ts';

export interface Delivery {
  readonly subject: string;
  readonly envelope: Envelope;
  /** Place in the stream. */
  readonly seq: number;
  /** 1 at the first delivery. */
  readonly deliveryCount: number;
  /** When the stream stored the message. */
  readonly time: Date;
  readonly headers: ReadonlyMap<string, string>;
  /** Of the span of this handling; absent without traces. */
  readonly spanId?: string | undefined;
  /** Says that the handler is alive; also said automatically while it runs. */
  working(): void;
}

/** A message that was given up, as far as it is known; `envelope` is null if it could not be read. */
export type DeadDelivery = Omit<Delivery, 'envelope' | 'working'> & { readonly envelope: Envelope | null };

/** A message that was refused, with its bytes as they came. */
export type RefusedDelivery = DeadDelivery & { readonly body: Uint8Array };

export interface ConsumeOptions {
  readonly stream: string;
  readonly consumer: string;
  /** Messages handled at the same time by this process. No message is fetched before there is a free hand for it. */
  readonly concurrency: number;
  handle(delivery: Delivery): Promise<void>;
  /** A message whose handler fails (or takes the process down) this often becomes a dead letter. */
  readonly deliveriesMax?: number;
  /** Wait before the second delivery; doubles with each one. */
  readonly backoffMs?: number;
  /** The longest of these waits. */
  readonly backoffMaxMs?: number;
  /** Called when the dead letter is stored, so that the sender can be answered. May be called twice. */
  onDeadLetter?(failure: Failure, delivery: DeadDelivery): Promise<void>;
  /**
   * Given where people send messages: one that repeating cannot cure was refused and is not lost, so it is handed to
   * this and becomes no dead letter. May be called twice.
   */
  onRefused?(failure: Failure, delivery: RefusedDelivery): Promise<void>;
}

export interface Context {
  readonly nc: NatsConnection;
  readonly log: Logger;
  readonly tracer?: Tracer | null | undefined;
}

const DELIVERIES_MAX = 10;
/** A message that fails for long is delivered every half minute: soon enough when the cause has gone. */
const PAUSE_MS = 250;
const PAUSE_MAX_MS = 30_000;
/** Local and fsynced it takes a millisecond; a server that restarts answers nothing. */
const ACK_TIMEOUT_MS = 5_000;

/** Handles one message to its end. Throws only if the connection is closed: the message then comes again. */
export async function conclude(
  context: Context,
  options: ConsumeOptions,
  message: JsMsg,
  heartbeatMs: number,
): Promise<void> {
  const working = () => {
    if (!context.nc.isClosed()) message.working();
  };
  const heartbeat = setInterval(working, heartbeatMs);
  try {
    await handle(context, options, message, working);
  } catch (error) {
    return await concludeFailure(context, options, message, error);
  } finally {
    clearInterval(heartbeat);
  }
  faultPoint('message.handled', `${options.consumer} ${message.subject}`);
  await acknowledge(context, message);
}

/**
 * Confirmed, so that a process that stops right after this leaves nothing to be delivered again. Without confirmation
 * the message may come again, to a handler that knows it already.
 */
async function acknowledge(context: Context, message: JsMsg): Promise<void> {
  try {
    await message.ackAck({ timeout: ACK_TIMEOUT_MS });
  } catch (err) {
    context.log.warn({ err, subject: message.subject, seq: message.seq }, 'acknowledgement was not confirmed');
  }
}

async function handle(
  { tracer }: Context,
  options: ConsumeOptions,
  message: JsMsg,
  working: () => void,
): Promise<void> {
  if (message.info.deliveryCount > limitOf(options)) throw exhausted(options, message);
  const delivery: Delivery = { ...describe(message), envelope: open(options.stream, message), working };
  if (!tracer) return options.handle(delivery);
  const { subject, deliveryCount, envelope } = delivery;
  const { id, traceparent } = envelope;
  const handled = { subject, id, traceparent, deliveryCount, consumer: options.consumer };
  const span = handlingOf(handled);
  if (!span) return options.handle(delivery);
  return whileHandling(tracer, handled, span, () => options.handle({ ...delivery, spanId: span.spanId }));
}

const limitOf = (options: ConsumeOptions) => options.deliveriesMax ?? DELIVERIES_MAX;

/** Reached only when no handler lived to report a failure: it took its process down, or hung, each time. */
const exhausted = ({ stream, consumer }: ConsumeOptions, { subject, seq, info }: JsMsg) =>
  new PipelineError(
    'DELIVERIES_EXHAUSTED',
    `${consumer}: ${subject} (${stream} ${seq}) was delivered ${info.deliveryCount} times without an answer`,
  );

function open(stream: string, message: JsMsg): Envelope {
  const { subject, data, seq, time, headers: meta } = message;
  const fallbackId = fallbackIdOf(stream, seq);
  if (data.length > MESSAGE_BYTES_MAX) throw tooLarge(subject, fallbackId, data.length);
  return openEnvelope({ subject, body: data, header: readerOf(meta), fallbackId, time });
}

function describe(message: JsMsg): Omit<DeadDelivery, 'envelope'> {
  const { subject, seq, time, info } = message;
  const headers = new Map<string, string>();
  for (const [name, values] of message.headers ?? []) headers.set(name, values[0] ?? '');
  return { subject, seq, time, deliveryCount: info.deliveryCount, headers };
}

/** Exponential, never zero: a bare nak would spend all deliveries within milliseconds. */
export const backoffOf = (deliveryCount: number, pauseMs = PAUSE_MS, pauseMaxMs = PAUSE_MAX_MS) =>
  pauseOf({ pauseMs, growth: { factor: 2, pauseMaxMs } }, deliveryCount);

async function concludeFailure(
  context: Context,
  options: ConsumeOptions,
  message: JsMsg,
  thrown: unknown,
): Promise<void> {
  const error = unlessDenied(thrown, context.nc);
  const failure = toFailure(error);
  const { deliveryCount } = message.info;
  const retryMs = backoffOf(deliveryCount, options.backoffMs, options.backoffMaxMs);
  const traced = readTraceparent(openOrNull(options.stream, message)?.traceparent);
  const facts = {
    ...{ subject: message.subject, seq: message.seq, deliveryCount, code: failure.code },
    ...(traced ? logFieldsOf(traced) : {}),
  };
  try {
    if (failure.retryable && deliveryCount < limitOf(options)) {
      context.log.info({ ...facts, retryMs, err: error }, 'message failed; it will be delivered again');
      message.nak(retryMs);
      return;
    }
    if (options.onRefused && isRefusal(failure)) {
      await options.onRefused(failure, { ...describeDead(options, message), body: message.data });
      faultPoint('message.refused', `${options.consumer} ${message.subject}`);
      // Not `term`: the server would announce that the message was given up.
      return await acknowledge(context, message);
    }
    context.log.error({ ...facts, err: error }, 'message given up: it goes to the dead letters');
    await bury(context, options, message, failure);
  } catch (err) {
    // No connection, or nobody to store the copy or to answer: the message stays with the server and comes again.
    context.log.error({ ...facts, err }, 'message could not be concluded; it will be delivered again');
    message.nak(retryMs);
  }
}

/** Whether the message itself is at fault, and not that nobody lived to handle it. */
const isRefusal = ({ retryable, code }: Failure) => !retryable && code !== 'DELIVERIES_EXHAUSTED';

const describeDead = ({ stream }: ConsumeOptions, message: JsMsg): DeadDelivery => ({
  ...describe(message),
  envelope: openOrNull(stream, message),
});

/** First the copy, then the answer to the sender, then the end: a crash between them repeats the ones before. */
async function bury(context: Context, options: ConsumeOptions, message: JsMsg, failure: Failure): Promise<void> {
  const { stream, consumer } = options;
  const dead = describeDead(options, message);
  const own = message.headers ?? headers();
  await keepDeadLetter(context.nc, { stream, consumer, ...dead, body: message.data, failure, headers: own });
  faultPoint('message.buried', `${consumer} ${message.subject}`);
  await answer(context, options, failure, dead);
  message.term(failure.code);
  await context.nc.flush();
}

/**
 * A hook that fails is called again with the message's next delivery, up to the limit, so that it cannot go on for
 * ever.
 */
async function answer({ log }: Context, options: ConsumeOptions, failure: Failure, delivery: DeadDelivery) {
  try {
    await options.onDeadLetter?.(failure, delivery);
  } catch (err) {
    if (delivery.deliveryCount < limitOf(options)) throw err;
    log.error({ err, subject: delivery.subject, seq: delivery.seq }, 'the sender of a dead letter was not answered');
  }
}

function openOrNull(stream: string, message: JsMsg): Envelope | null {
  try {
    return open(stream, message);
  } catch {
    // The message is given up for this very reason.
    return null;
  }
}
