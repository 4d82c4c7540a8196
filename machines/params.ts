/**
 * Parameters of the machine's actions: ids and data of commands, changes of the deployment record, and what an event
 * carries. A function that stands in the machine's config has a name here, by which the exports show it.
 */
import type { StartCommand } from '../contracts/messages.ts';
import type { CommandVerb, WorkStage } from '../contracts/subjects.ts';
import type { Announced } from '../contracts/release.ts';
import type { PipelineContext } from './context.ts';
import { STAGES } from './stages.ts';

/** A command's id names its run, stage and attempt, so that the same decision always yields the same id. */
export interface CommandParams {
  readonly id: string;
  readonly stage: WorkStage;
  readonly verb: CommandVerb;
  readonly data:
    | { readonly [N in WorkStage]: StartCommand<N> }[WorkStage]
    | { readonly runId: string; readonly model: string; readonly startId: string };
}

export interface DeploymentParams {
  readonly change: 'announce' | 'startCanary' | 'commit' | 'rollBack' | 'withdraw';
  readonly pair: Announced | null;
}

export const commandId = (c: PipelineContext) => `${c.runId}.${c.stage}.${c.attempt}`;

interface OfContext {
  readonly context: PipelineContext;
}

/** To the stage of the context, which is the one whose state is entered. */
export function startCommand({ context }: OfContext): CommandParams {
  const stage = context.stage!; // Used only in states in which a stage is under way, as the next two are.
  return { id: commandId(context), stage, verb: 'start', data: STAGES[stage].command(context) };
}

export const reportCommand = ({ context }: OfContext) => ask(context, 'report', context.asks);

export const cancelCommand = ({ context }: OfContext) => ask(context, 'cancel', context.undoAttempt);

const ask = (c: PipelineContext, verb: 'cancel' | 'report', count: number): CommandParams => ({
  id: `${commandId(c)}.${verb}.${count}`,
  stage: c.stage!,
  verb,
  data: { runId: c.runId, model: c.model, startId: commandId(c) },
});

/** An operator names a pair, or a verified candidate is one: it exists in every state that deploys. */
export const announcement = ({ context: c }: OfContext): DeploymentParams => ({
  change: 'announce',
  pair: c.target ?? {
    model: c.verification!.refit ?? c.candidate!,
    ...(c.verification!.refit ? { judged: c.candidate! } : {}),
    gallery: c.verification!.gallery,
    golden: c.verification!.golden,
    runId: c.runId,
    dataset: c.dataset!,
    ...(c.verification!.faces ? { faces: c.verification!.faces } : {}),
  },
});

/** The action reads from the event what it needs. */
export const wholeEvent = <E>({ event }: { readonly event: E }): E => event;

export const deployedOfEvent = <D>({ event }: { readonly event: { readonly deployed: D } }): D => event.deployed;
