/**
 * Core subscriptions: every listener hears a message once, now or never. For news that are worth hearing only while
 * they happen (a cancellation, progress on a terminal); messages that must not be lost go through consume.ts.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { openEnvelope, type Envelope } from '../../contracts/envelope.ts';
import { toFailure } from '../../contracts/errors.ts';
import type { Logger } from '../../runtime/logger.ts';
import { readerOf } from './publish.ts';
import { fromWire, hear } from './wire.ts';

export interface Heard {
  readonly subject: string;
  readonly envelope: Envelope;
}
export interface Listening {
  stop(): void;
}

/** A message that cannot be parsed, or whose handler throws, is logged and does not end the listening. */
export function listen(
  { nc, log }: { nc: NatsConnection; log: Logger },
  subject: string,
  handle: (heard: Heard) => void,
): Listening {
  const take = (message: Msg) => {
    try {
      handle({ subject: fromWire(nc, message.subject), envelope: open(nc, message) });
    } catch (error) {
      log.warn({ ...toFailure(error), subject: message.subject }, 'a message that was heard could not be handled');
    }
  };
  const subscription = hear(nc, subject, (error, message) =>
    error ? log.warn({ err: error, subject }, 'listening ended') : take(message),
  );
  return { stop: () => subscription.unsubscribe() };
}

// Core messages have no sequence; the time makes a bare message's id unique enough for a log line.
const open = (nc: NatsConnection, { subject, data, headers }: Msg) =>
  openEnvelope({
    ...{ subject: fromWire(nc, subject), body: data, header: readerOf(headers) },
    ...{ fallbackId: `heard-${Date.now()}`, time: new Date() },
  });
