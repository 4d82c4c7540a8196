/**
 * Whether an answer may go where the sender of a request wants it. An actor may answer on any subject, and write to some
 * that its sender may not: a request with such a subject in place of an inbox would have the actor write there. Asked by
 * all that answers, before anything is done: the data plane, and the questions of api.ts.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import type { Logger } from '../../runtime/logger.ts';

/**
 * The server's own subjects, buckets among them, and ours, of whatever namespace: a replica of one must not be made to write
 * a command of another. All streams are filled from these.
 */
const NO_INBOX = /^(\$|nightshift\.|[a-z][a-z0-9-]*\.(ctl|cmd|evt|timer|dlq|refused|audit|pending|enrol|api|infer)\.)/;

/** A request without any is nobody's to answer, and harms nobody. */
export function isAnswerable({ subject, reply = '' }: Pick<Msg, 'subject' | 'reply'>, log: Logger): boolean {
  if (!NO_INBOX.test(reply)) return true;
  log.warn({ subject, reply }, 'a request is dropped: its answer should go to a subject that is no inbox');
  return false;
}

/** The same connection, whose callbacks hear answerable requests alone. For a library that answers by itself. */
export function answerable(nc: NatsConnection, log: Logger): NatsConnection {
  const subscribe: NatsConnection['subscribe'] = (subject, options = {}) => {
    const { callback } = options;
    if (!callback) return nc.subscribe(subject, options);
    return nc.subscribe(subject, {
      ...options,
      callback: (error, message) => {
        if (error || isAnswerable(message, log)) void callback(error, message);
      },
    });
  };
  // All else is that of the connection itself.
  return Object.create(nc, { subscribe: { value: subscribe } }) as NatsConnection;
}
