/**
 * Writes a line into the audit log for each command that was obeyed, before its sender is told. A crash in between
 * repeats both under the same ids. Commands that were refused stand in a stream of their own (refusals.ts).
 */
import type { AuditEntry } from '../../contracts/audit.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { auditSubject, CTL, STREAMS } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { PipelineContext } from '../../machines/pipeline.machine.ts';
import type { OrchestratorContext } from './context.ts';
import { senderOf } from './sender.ts';

/** Fields of the commands' data that say what a command is about. */
const ABOUT = ['model', 'runId', 'newRunId', 'from', 'release', 'seq', 'by', 'revision', 'expected'] as const;
/** `nightshift.ctl.` is left out. */
const FAMILY_LENGTH = CTL.pipelineStart.indexOf('pipeline.start');

/** `run`: that which the command moved or made, if it was about one. */
export async function recordCommand(
  o: OrchestratorContext,
  delivery: Delivery,
  run: Pick<PipelineContext, 'model' | 'runId'> | null,
): Promise<void> {
  const parsed = parseSubject(delivery.subject);
  if (parsed.family !== 'operator-command') return; // It would not have been obeyed.
  const action = parsed.command.slice(FAMILY_LENGTH);
  const { id, data } = delivery.envelope;
  // Its schema has taken it: an object, with a reason of 500 characters at most.
  const said = data as Readonly<Record<string, unknown>>;
  const entry: AuditEntry = {
    at: o.now().toISOString(),
    action,
    ...senderOf(o, delivery),
    id,
    about: { ...aboutOf(said), ...(run ? { model: run.model, run: run.runId } : {}) },
    person: null,
    reason: typeof said['reason'] === 'string' ? said['reason'] : null,
  };
  // The place of the command, not the id that its sender chose: one that comes again must not pass unseen.
  await o.bus.publish(auditSubject(action), entry, { id: `audit.${STREAMS.ctl}-${delivery.seq}` });
}

function aboutOf(said: Readonly<Record<string, unknown>>): Record<string, string | number> {
  const about: Record<string, string | number> = {};
  for (const field of ABOUT) {
    const value = said[field];
    if (typeof value === 'string' || typeof value === 'number') about[field] = value;
  }
  return about;
}

/** Newest first. */
export const listAudit = async (o: OrchestratorContext, since: string | undefined, limit: number) => {
  const { entries, total } = await o.audit.newest(limit, since === undefined ? null : new Date(since));
  return { total, entries: [...entries] };
};
