/**
 * Keeps the operator commands that were refused in a bounded stream of their own, apart from the dead letters: nothing
 * was lost, and noise must not drive out what was. Called when a command was given up; `nightshift refused` lists them.
 */
import type { Refusal } from '../../contracts/refusal.ts';
import type { Failure } from '../../contracts/errors.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { refusedSubject, STREAMS } from '../../contracts/subjects.ts';
import type { RefusedDelivery } from '../../infra/messaging/bus.ts';
import { refuse } from './answer.ts';
import type { OrchestratorContext } from './context.ts';
import { senderOf } from './sender.ts';

/** Enough to see what was meant. The command was the sender's to keep. */
const BODY_LENGTH_MAX = 1_000;
/** Of texts that a sender chooses: a subject may have thousands of characters. */
const TEXT_LENGTH_MAX = 500;
/** Of our own words about it, which may list settings and quote what was sent. */
const MESSAGE_LENGTH_MAX = 3_000;

/** Kept first, then the sender is told: a crash between the two repeats both under the same ids. */
export async function refuseCommand(
  o: OrchestratorContext,
  failure: Failure,
  delivery: RefusedDelivery,
): Promise<void> {
  const { subject, seq, time, envelope, body } = delivery;
  const commandId = envelope?.id ?? `${STREAMS.ctl}-${seq}`;
  const short = { ...failure, message: cut(failure.message, MESSAGE_LENGTH_MAX) };
  const parsed = parseSubject(subject);
  const refusal: Refusal = {
    commandId,
    subject: cut(subject),
    by: senderOf(o, delivery).by,
    source: envelope && cut(envelope.source),
    code: failure.code,
    error: short.message,
    sequence: seq,
    storedAt: time.toISOString(),
    body: new TextDecoder().decode(body.subarray(0, BODY_LENGTH_MAX)),
    bytes: body.length,
  };
  const command = parsed.family === 'operator-command' ? parsed.command : null;
  await o.bus.publish(refusedSubject(command), refusal, { id: `refused.${STREAMS.ctl}-${seq}` });
  await refuse(o, short, commandId, { ...delivery, subject: refusal.subject });
}

/** The newest first. */
export const listRefusals = async (o: OrchestratorContext, limit: number) => {
  const { refusals, total } = await o.refusals.newest(limit);
  return { total, refusals: [...refusals] };
};

const cut = (text: string, max = TEXT_LENGTH_MAX) => (text.length > max ? `${text.slice(0, max)}...` : text);
