/**
 * Takes a durable consumer's messages, one at a time and lane, for as long as it is told to: waits for a consumer that
 * is not there yet, and comes back after it was lost. The fate of a message is decided in conclude.ts. Called by
 * bus.ts.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, ConsumerMessages } from '@nats-io/jetstream';
import { millis } from '@nats-io/nats-core';
import { FOREVER, retry, type RetryPolicy } from '../../runtime/retry.ts';
import { conclude, type ConsumeOptions, type Context } from './conclude.ts';
import { clientOf, localMessage } from './jetstream.ts';

export interface Consumption {
  /** Fetches no more and waits for the handlers under way, at most `timeoutMs`. */
  stop(timeoutMs?: number): Promise<void>;
}

/** Long enough for a step, short enough for Ctrl-C; an unfinished message is delivered again. */
const STOP_TIMEOUT_MS = 10_000;
/** A consumer that does not exist (yet), or was deleted, is looked for this often. */
const REOPEN: Omit<RetryPolicy, 'isWorthIt'> = { attemptsMax: FOREVER, pauseMs: 500 };
/** A message that arrived during the stop is somebody else's after this. */
const HANDED_BACK_MS = 250;
/** An event loop may be busy for most of the ack wait before its message is given to another. */
const SIGNALS_PER_ACK_WAIT = 5;
/** How long one pull waits at the server, and when a silent server is noticed. */
const PULL_EXPIRES_MS = 30_000;
const PULL_HEARTBEAT_MS = 5_000;

/** One lane per hand: each pulls one message at a time, so none waits behind another and runs out of its ack wait. */
export function startConsuming(context: Context, options: ConsumeOptions): Consumption {
  const stopping = new AbortController();
  // Each lane listens for the stop; Node warns of a leak from the eleventh listener on.
  setMaxListeners(2 * options.concurrency + 1, stopping.signal);
  const lanes = Array.from({ length: options.concurrency }, () => runLane(context, options, stopping.signal));
  const ended = Promise.all(lanes);
  return {
    stop: async (timeoutMs = STOP_TIMEOUT_MS) => {
      stopping.abort();
      const late = new AbortController();
      await Promise.race([ended, delay(timeoutMs, undefined, { signal: late.signal }).catch(() => {})]);
      late.abort();
    },
  };
}

async function runLane(context: Context, options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  const log = context.log.child({ stream: options.stream, consumer: options.consumer });
  const isOver = () => signal.aborted || context.nc.isClosed();
  const onFailure = (err: unknown) => log.warn({ err }, 'cannot consume (not there yet, or deleted); trying again');
  const work = async () => {
    while (!signal.aborted) {
      const consumer = await clientOf(context.nc).consumers.get(options.stream, options.consumer);
      await drain({ ...context, log }, options, consumer, signal);
    }
  };
  try {
    await retry({ ...REOPEN, isWorthIt: () => !isOver(), signal, onFailure }, work);
  } catch (error) {
    if (!isOver()) throw error;
  }
}

/** Returns when stopped; throws when the consumer or stream is gone. The next pull waits for the handler's end. */
async function drain(context: Context, options: ConsumeOptions, consumer: Consumer, signal: AbortSignal) {
  const info = await consumer.info(true);
  const messages: ConsumerMessages = await consumer.consume({
    max_messages: 1,
    expires: PULL_EXPIRES_MS,
    idle_heartbeat: PULL_HEARTBEAT_MS,
    // Without it, a deleted consumer leaves this loop waiting for ever.
    abort_on_missing_resource: true,
  });
  const stop = () => messages.stop();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    // Nothing was handed out yet when a stop is noticed here: the server delivers it again, to somebody else.
    for await (const message of messages) {
      if (signal.aborted) message.nak(HANDED_BACK_MS);
      else {
        const signalMs = millis(info.config.ack_wait ?? 0) / SIGNALS_PER_ACK_WAIT;
        await conclude(context, options, localMessage(context.nc, message), signalMs);
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
