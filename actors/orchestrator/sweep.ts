/**
 * The operator command that has the janitor delete what nothing refers to any more, or look what that would be. It goes beside
 * runs, so it is handed on as it is. A line in the table of commands.ts.
 */
import type { CommandData } from '../../contracts/commands.ts';
import { commandToken, sweepCommandSubject, type CTL } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { OrchestratorContext } from './context.ts';

export async function orderSweep(
  { bus }: OrchestratorContext,
  { mode }: CommandData<typeof CTL.storeSweep>,
  { envelope }: Delivery,
): Promise<null> {
  const id = commandToken(envelope.id);
  await bus.publish(sweepCommandSubject(id), { id, mode }, { id: `${id}.janitor` });
  return null;
}
