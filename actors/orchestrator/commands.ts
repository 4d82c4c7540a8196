/**
 * Every operator command has one line here, with its handler. The forms of their data are the table of
 * contracts/commands.ts, under the same subjects. A command is parsed here, once; operator.ts obeys it in its turn.
 */
import type { z } from 'zod';
import { COMMANDS, type CommandData } from '../../contracts/commands.ts';
import { parseData } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { CTL, type CtlSubject } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { Obeyed } from './answer.ts';
import { forkRun, retryRun } from './again.ts';
import { keepApproval } from './approvals.ts';
import { beginNight, derivedRunId, loadRun } from './begin.ts';
import { blessRun } from './bless.ts';
import { applyConfig, removeConfig, rollBackConfig } from './config-commands.ts';
import type { OrchestratorContext } from './context.ts';
import { dropLetter, redriveLetter } from './dead-letters.ts';
import { forgetPerson } from './forget.ts';
import { rollBackModel } from './roll-back.ts';
import type { Moved } from './run-loop.ts';
import { pauseSchedule, resumeSchedule } from './schedule.ts';
import { sentBy } from './sender.ts';
import { orderSweep } from './sweep.ts';
import { telling } from './tell-run.ts';

interface Handler<S extends CtlSubject> {
  /** Throws if the command is refused. Null: it was about no run. */
  obey(o: OrchestratorContext, data: CommandData<S>, delivery: Delivery): Promise<Obeyed | null>;
  /** The model that the command is about, if it need not wait for commands about others: see command-order.ts. */
  besides?(data: CommandData<S>): string;
}

export const HANDLERS: { readonly [S in CtlSubject]: Handler<S> } = {
  [CTL.pipelineStart]: { obey: startRun, besides: ({ model }) => model },
  [CTL.pipelineCancel]: { obey: telling('operator.cancel') },
  [CTL.pipelinePause]: { obey: telling('operator.pause') },
  [CTL.pipelineResume]: { obey: telling('operator.resume') },
  [CTL.pipelineApprove]: { obey: approve },
  [CTL.pipelineReject]: { obey: telling('operator.reject') },
  [CTL.pipelineRetry]: { obey: (o, { runId }, delivery) => begun(retryRun(o, runId, sentBy(o, delivery))) },
  [CTL.pipelineFork]: { obey: startFork },
  [CTL.pipelineBless]: { obey: bless },
  [CTL.modelRollback]: { obey: rollBackModel },
  [CTL.dlqRedrive]: { obey: redriveLetter },
  [CTL.dlqDrop]: { obey: dropLetter },
  [CTL.schedulePause]: { obey: pauseSchedule },
  [CTL.scheduleResume]: { obey: resumeSchedule },
  [CTL.personForget]: { obey: forgetPerson },
  [CTL.storeSweep]: { obey: orderSweep },
  [CTL.configApply]: { obey: applyConfig },
  [CTL.configRollback]: { obey: rollBackConfig },
  [CTL.configRemove]: { obey: removeConfig },
};

/** A command in hand, parsed and not yet obeyed. */
export interface ParsedCommand {
  readonly besides: string | null;
  obey(o: OrchestratorContext): Promise<Obeyed | null>;
}

/** Throws MESSAGE_MALFORMED if there is no such command, or its data does not fit. */
export function parseCommand(delivery: Delivery): ParsedCommand {
  const parsed = parseSubject(delivery.subject);
  if (parsed.family === 'operator-command') return withData(parsed.command, delivery);
  const known = Object.values(CTL).join(', ');
  throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: no command ${delivery.subject}; there are ${known}`);
}

function withData<S extends CtlSubject>(subject: S, delivery: Delivery): ParsedCommand {
  // The subject chooses schema and handler; TypeScript does not follow the correlation through the index.
  const schema = COMMANDS[subject].data as unknown as z.ZodType<CommandData<S>>;
  const handler: Handler<S> = HANDLERS[subject];
  const data = parseData(schema, delivery.envelope);
  return { besides: handler.besides?.(data) ?? null, obey: (o) => handler.obey(o, data, delivery) };
}

function startRun(o: OrchestratorContext, data: CommandData<typeof CTL.pipelineStart>, delivery: Delivery) {
  const { model, force, runId = derivedRunId('run', delivery) } = data;
  return begun(beginNight(o, { model, runId, force, ...sentBy(o, delivery) }));
}

function startFork(o: OrchestratorContext, data: CommandData<typeof CTL.pipelineFork>, delivery: Delivery) {
  const { newRunId = derivedRunId('fork', delivery), ...fork } = data;
  return begun(forkRun(o, { ...fork, newRunId }, sentBy(o, delivery)));
}

async function approve(o: OrchestratorContext, data: CommandData<typeof CTL.pipelineApprove>, delivery: Delivery) {
  const { approval, ...told } = data;
  const { context } = await loadRun(o, data.runId);
  await keepApproval(o, data.runId, context, approval);
  return telling('operator.approve')(o, told, delivery);
}

async function bless(o: OrchestratorContext, data: CommandData<typeof CTL.pipelineBless>, delivery: Delivery) {
  const { newRunId = derivedRunId('bless', delivery), approval, ...blessed } = data;
  const { context } = await loadRun(o, data.runId);
  await keepApproval(o, newRunId, context, approval);
  return begun(blessRun(o, { ...blessed, newRunId }, sentBy(o, delivery)));
}

async function begun(beginning: Promise<Moved>): Promise<Obeyed> {
  const { checkpoint, moved } = await beginning;
  return { checkpoint, changed: moved };
}
