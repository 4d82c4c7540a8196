/**
 * The operator command that has a person forgotten, looked for, or let in again: checks that no run is under way and hands
 * it to the janitor. A line in the table of commands.ts.
 */
import type { CommandData } from '../../contracts/commands.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { commandToken, janitorCommandSubject, type CTL } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { activeRun } from './begin.ts';
import { configuredModels } from './configuration.ts';
import type { OrchestratorContext } from './context.ts';

/** Throws RUN_ACTIVE: a run may be at work with what the janitor takes apart. */
export async function forgetPerson(
  o: OrchestratorContext,
  data: CommandData<typeof CTL.personForget>,
  { envelope }: Delivery,
): Promise<null> {
  for (const model of data.mode === 'forget' ? await configuredModels(o) : []) {
    const run = await activeRun(o, model);
    if (!run) continue;
    const { runId } = run.context;
    const hint = `wait for its end, or cancel it with \`nightshift cancel ${runId}\``;
    throw new PipelineError('RUN_ACTIVE', `model ${model}: run ${runId} is under way; ${hint}`);
  }
  const id = commandToken(envelope.id);
  await o.bus.publish(janitorCommandSubject(id), { ...data, id }, { id: `${id}.janitor` });
  return null;
}
