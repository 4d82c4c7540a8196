/**
 * Operator commands. A command that cannot be obeyed throws; the bus dead-letters it and answer.ts says why. A repeated
 * command finds the run where the first one brought it, and is answered alike.
 */
import { PipelineError } from '../../contracts/errors.ts';
import { parseData } from '../../contracts/envelope.ts';
import { CtlSchemas } from '../../contracts/messages.ts';
import { CTL } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { statePath, type Checkpoint } from '../../machines/step.ts';
import { accept, type Obeyed } from './answer.ts';
import { derivedRunId, forkRun, loadRun, notApplicable, retryRun, beginNight } from './begin.ts';
import type { OrchestratorContext } from './context.ts';
import { handleDeadLetterCommand, isDeadLetterCommand } from './dead-letters.ts';
import { rollBackModel } from './roll-back.ts';
import { applyEvent, type Moved } from './run-loop.ts';
import { handleScheduleCommand, isScheduleCommand } from './schedule.ts';

/** Returns when the command is obeyed and its sender told. Takes its place in the order at once, before it waits. */
export function handleOperator(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const tell = async () => {
    faultPoint('command.received', delivery.subject);
    const obeyed = await obey(o, delivery);
    faultPoint('command.obeyed', delivery.subject);
    await accept(o, delivery, obeyed);
  };
  if (delivery.subject !== CTL.pipelineStart) return o.commandOrder.alone(tell);
  const start = CtlSchemas[CTL.pipelineStart].safeParse(delivery.envelope.data);
  return start.success ? o.commandOrder.start(start.data.model, tell) : tell();
}

async function obey(o: OrchestratorContext, delivery: Delivery): Promise<Obeyed | null> {
  const { envelope, subject } = delivery;
  switch (subject) {
    case CTL.pipelineStart: {
      const { model, runId = derivedRunId('run', delivery) } = parseData(CtlSchemas[subject], envelope);
      return begun(beginNight(o, { model, runId, messageId: envelope.id }));
    }
    case CTL.pipelineRetry: {
      const { runId } = parseData(CtlSchemas[subject], envelope);
      return begun(retryRun(o, runId, envelope.id));
    }
    case CTL.pipelineFork: {
      const { newRunId = derivedRunId('fork', delivery), ...fork } = parseData(CtlSchemas[subject], envelope);
      return begun(forkRun(o, { ...fork, newRunId }, envelope.id));
    }
    case CTL.pipelineCancel:
    case CTL.pipelinePause:
    case CTL.pipelineResume:
    case CTL.pipelineApprove:
    case CTL.pipelineReject: {
      const { runId, ...how } = parseData(CtlSchemas[subject], envelope);
      return tellRun(o, delivery, runId, { ...how, type: TOLD[subject] });
    }
    case CTL.modelRollback:
      return rollBackModel(o, delivery, parseData(CtlSchemas[subject], envelope));
    default:
      if (isScheduleCommand(subject)) return handleScheduleCommand(o, delivery).then(() => null);
      if (isDeadLetterCommand(subject)) return handleDeadLetterCommand(o, delivery).then(() => null);
      throw new PipelineError(
        'MESSAGE_MALFORMED',
        `orchestrator: no command ${subject}; there are ${Object.values(CTL).join(', ')}`,
      );
  }
}

const TOLD = {
  [CTL.pipelineCancel]: 'operator.cancel',
  [CTL.pipelinePause]: 'operator.pause',
  [CTL.pipelineResume]: 'operator.resume',
  [CTL.pipelineApprove]: 'operator.approve',
  [CTL.pipelineReject]: 'operator.reject',
} as const;
type Told = Extract<PipelineEvent, { force?: boolean | undefined }> & { type: (typeof TOLD)[keyof typeof TOLD] };

async function begun(beginning: Promise<Moved>): Promise<Obeyed> {
  const { checkpoint, moved } = await beginning;
  return { checkpoint, changed: moved };
}

/** Throws RUN_UNKNOWN, RUN_ENDED, COMMAND_NOT_APPLICABLE. */
async function tellRun(o: OrchestratorContext, { envelope }: Delivery, runId: string, event: Told) {
  await loadRun(o, runId);
  const { checkpoint, moved } = await applyEvent(o, runId, envelope.id, event);
  if (moved || isAlready(checkpoint, event.type)) return { checkpoint, changed: moved };
  const state = statePath(checkpoint.value);
  if (checkpoint.status === 'done') {
    throw new PipelineError('RUN_ENDED', `run ${runId} has ended already (${state}); retry it, or start a new one`);
  }
  throw notApplicable(`run ${runId} stands in ${state}, where ${event.type.split('.')[1]} has no meaning`);
}

/** Whether the run stands already where the command wants it: somebody else, or an earlier command, was faster. */
function isAlready({ context, value, status }: Checkpoint, type: Told['type']): boolean {
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
