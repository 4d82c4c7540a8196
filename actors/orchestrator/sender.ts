/** The sender of an operator command, by its subject, which the permissions of the server fix. Used by the command handlers. */
import { identityOf, type Identity } from '../../contracts/identity.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { Sent } from './begin.ts';
import type { OrchestratorContext } from './context.ts';
import type { Trigger } from './run-spans.ts';

/** Of a subject that is no command of ours, nothing is known but the role that may publish there. */
export function senderOf(o: OrchestratorContext, { subject }: Pick<Delivery, 'subject'>): Identity {
  const parsed = parseSubject(subject);
  return identityOf(parsed.family === 'operator-command' ? parsed.who : null, 'operator', o.isProven());
}

export const sentBy = (o: OrchestratorContext, delivery: Delivery): Sent => ({
  messageId: delivery.envelope.id,
  by: senderOf(o, delivery).by,
  trigger: triggerOf(delivery),
});

export const triggerOf = ({ time, envelope }: Pick<Delivery, 'time' | 'envelope'>): Trigger => ({
  at: time,
  traceparent: envelope.traceparent,
});
