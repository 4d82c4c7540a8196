/**
 * Tells the sender of an operator command what became of it: by an event under the command's id, and in an inbox if the
 * sender named one in the header `Nightshift-Reply-To`. Called when a command was obeyed or given up.
 */
import type { Failure } from '../../contracts/errors.ts';
import { REPLY_TO_HEADER, type Outcome } from '../../contracts/commands.ts';
import { commandAcceptedSubject, commandRefusedSubject, commandToken } from '../../contracts/subjects.ts';
import type { DeadDelivery, Delivery } from '../../infra/messaging/bus.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { recordCommand } from './audit.ts';
import type { OrchestratorContext } from './context.ts';
import { senderOf } from './sender.ts';

/** The effect of an obeyed command on its run, or on the configuration. */
export interface Obeyed {
  readonly checkpoint: Checkpoint | null;
  /** False if the run, or the configuration, stood already where the command wants it. */
  readonly changed: boolean;
  /** Of the configuration. */
  readonly revision?: number;
}

export async function accept(o: OrchestratorContext, delivery: Delivery, obeyed: Obeyed | null): Promise<void> {
  const commandId = delivery.envelope.id;
  const checkpoint = obeyed?.checkpoint ?? null;
  await recordCommand(o, delivery, checkpoint?.context ?? null);
  await tell(o, delivery, commandAcceptedSubject(commandToken(commandId)), {
    commandId,
    subject: delivery.subject,
    accepted: true,
    runId: checkpoint?.context.runId ?? null,
    state: checkpoint && statePath(checkpoint.value),
    changed: obeyed?.changed ?? true,
    failure: null,
    by: senderOf(o, delivery).by,
    ...(obeyed?.revision === undefined ? {} : { revision: obeyed.revision }),
  });
}

/** `id` is the command's own, so that the sender can find the answer. */
export async function refuse(o: OrchestratorContext, failure: Failure, id: string, delivery: DeadDelivery) {
  const { subject } = delivery;
  o.log.warn({ id, subject, ...failure }, 'orchestrator: operator command refused');
  await tell(o, delivery, commandRefusedSubject(commandToken(id)), {
    commandId: id,
    subject,
    accepted: false,
    runId: null,
    state: null,
    changed: false,
    failure,
    by: senderOf(o, delivery).by,
  });
}

async function tell(o: OrchestratorContext, { headers }: Pick<Delivery, 'headers'>, subject: string, outcome: Outcome) {
  const answer = outcome.accepted ? 'accepted' : 'refused';
  await o.bus.publish(subject, outcome, { id: `${outcome.commandId}.${answer}` });
  faultPoint('command.answered', `${outcome.subject} ${answer}`);
  const inbox = headers.get(REPLY_TO_HEADER);
  if (inbox !== undefined) o.bus.reply(inbox, outcome);
}
