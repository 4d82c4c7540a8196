/**
 * Operator commands that a run is told as they are: cancel, pause, resume, approve, reject. The machine decides what
 * they mean to it. Its lines in the table of commands.ts are made here.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import type { Obeyed } from './answer.ts';
import { loadRun, notApplicable } from './begin.ts';
import type { OrchestratorContext } from './context.ts';
import { applyEvent } from './run-loop.ts';
import { senderOf } from './sender.ts';

type OperatorEvent = Extract<PipelineEvent, { force?: boolean | undefined }>;
type Told = Exclude<OperatorEvent['type'], 'operator.rollback'>;
type ToldData = { readonly runId: string } & Omit<OperatorEvent, 'type'>;

/** Throws RUN_UNKNOWN, RUN_ENDED, COMMAND_NOT_APPLICABLE. */
export const telling =
  (type: Told) =>
  async (o: OrchestratorContext, { runId, ...how }: ToldData, delivery: Delivery): Promise<Obeyed> => {
    await loadRun(o, runId);
    const { checkpoint, moved } = await applyEvent(
      o,
      runId,
      delivery.envelope.id,
      { ...how, type },
      senderOf(o, delivery).by,
    );
    if (moved || isAlready(checkpoint, type)) return { checkpoint, changed: moved };
    const state = statePath(checkpoint.value);
    if (checkpoint.status === 'done') {
      throw new PipelineError('RUN_ENDED', `run ${runId} has ended already (${state}); retry it, or start a new one`);
    }
    throw notApplicable(`run ${runId} stands in ${state}, where ${type.slice('operator.'.length)} has no meaning`);
  };

/** Whether the run stands already where the command wants it: somebody else, or an earlier command, was faster. */
function isAlready({ context, value, status }: Checkpoint, type: Told): boolean {
  const state = statePath(value);
  switch (type) {
    case 'operator.cancel':
      return context.outcome === 'cancelled' || state === 'rollingBack' || state === 'rolledBack';
    case 'operator.pause':
      return context.paused;
    case 'operator.resume':
      return status === 'active' && !context.paused && state !== 'needsOperator';
    case 'operator.approve':
      return context.approved;
    case 'operator.reject':
      return state === 'rejected' && context.failure?.code === 'APPROVAL_DENIED';
  }
}
