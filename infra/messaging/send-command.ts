/**
 * Publishes an operator command and waits for its outcome, by the events that any NATS client may hear. Called by the
 * command line and by the request-and-reply side of the commands.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { OutcomeSchema, type Outcome } from '../../contracts/commands.ts';
import { commandAcceptedSubject, commandRefusedSubject, commandToken } from '../../contracts/subjects.ts';
import type { Bus } from './bus.ts';
import type { Heard } from './listen.ts';

export interface OperatorCommand {
  /** Of CTL, perhaps with the token of a named person behind it. */
  readonly subject: string;
  readonly data: unknown;
  /** Of the message; its answer names it. */
  readonly id: string;
  /** The advice for a person, if nothing is heard in time. */
  readonly silence: string;
  readonly timeoutMs?: number;
}

export interface FollowedCommand extends OperatorCommand {
  /** Event subjects: the first event that is heard tells the outcome. */
  readonly ends: readonly string[];
  /** Narrows them down; every event of these subjects is an end without it. */
  readonly isEnd?: (heard: Heard) => boolean;
}

/** Rolling back takes milliseconds, stopping a run as long as its worker needs to notice: later, nobody is there. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Resolves when the command is obeyed, which is not yet the run's end. Throws if it is refused, or at the time limit. */
export async function sendCommand(
  bus: Bus,
  { subject, data, id, silence, timeoutMs }: OperatorCommand,
): Promise<Outcome> {
  const ends = [commandAcceptedSubject(commandToken(id))];
  const { envelope } = await followCommand(bus, {
    subject,
    data,
    id,
    silence,
    ends,
    ...(timeoutMs ? { timeoutMs } : {}),
  });
  return OutcomeSchema.parse(envelope.data);
}

/** Resolves with the event that ends the command. Throws if it is refused, or at the time limit. */
export function followCommand(bus: Bus, command: FollowedCommand): Promise<Heard> {
  const { subject, data, id, ends, isEnd = () => true, silence, timeoutMs = ANSWER_TIMEOUT_MS } = command;
  return new Promise((resolve, reject) => {
    const finish = (outcome: () => void) => {
      clearTimeout(timer);
      for (const listening of listenings) listening.stop();
      outcome();
    };
    const listenings = [
      ...ends.map((end) => bus.listen(end, (heard) => isEnd(heard) && finish(() => resolve(heard)))),
      bus.listen(commandRefusedSubject(commandToken(id)), ({ envelope }) => {
        const { failure } = OutcomeSchema.parse(envelope.data);
        finish(() => reject(new PipelineError(failure?.code ?? 'INTERNAL', failure?.message ?? `${id} was refused`)));
      }),
    ];
    const timer = setTimeout(() => finish(() => reject(new PipelineError('DEADLINE_EXCEEDED', silence))), timeoutMs);
    bus.publish(subject, data, { id }).catch((error) => finish(() => reject(error)));
  });
}
