/**
 * Operator commands by request and reply: `nats req nightshift.api.pipeline.pause '{"runId":"..."}'` answers with the
 * command's outcome. The command itself goes the durable way, through its stream, so any orchestrator may obey it; that
 * one also parses the command's data.
 */
import { randomUUID } from 'node:crypto';
import type { Outcome } from '../../contracts/commands.ts';
import { apiOfCommand, commandAs, CTL, type ApiOfCommand, type CtlSubject } from '../../contracts/subjects.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import type { OrchestratorContext } from './context.ts';

/** Shorter than the five seconds for which the NATS CLI waits by default. */
const OUTCOME_TIMEOUT_MS = 4_500;

/** Endpoint subject -> handler, as infra/messaging/api.ts serves them. It throws the command's refusal. */
export const commandEndpointsOf = ({ bus }: OrchestratorContext) =>
  Object.fromEntries(
    Object.values(CTL).map((subject) => [apiOfCommand(subject), (data: unknown) => send(bus, subject, data)]),
    // One for each command, which fromEntries loses.
  ) as { readonly [S in ApiOfCommand<CtlSubject>]: (body: unknown) => Promise<Outcome> };

/** The same for named people: the token behind the subject is the one that their permissions fix. */
export const namedEndpointsOf = ({ bus }: OrchestratorContext) =>
  Object.fromEntries(
    Object.values(CTL).map((subject) => [
      `${apiOfCommand(subject)}.*`,
      (data: unknown, asked: string) => send(bus, commandAs(subject, asked.split('.').at(-1) ?? ''), data),
    ]),
  ) as { readonly [named in `${ApiOfCommand<CtlSubject>}.*`]: (body: unknown, asked: string) => Promise<Outcome> };

function send(bus: Bus, subject: string, data: unknown): Promise<Outcome> {
  const id = `api-${randomUUID()}`;
  const silence = `${subject}: not obeyed yet; it is stored as ${id} and is answered in nightshift.evt.operator.*`;
  return sendCommand(bus, { subject, data, id, silence, timeoutMs: OUTCOME_TIMEOUT_MS });
}
