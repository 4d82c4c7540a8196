/** Operators of a saga under test: what they publish, what they are answered, and work that a test holds under way. */
import { randomUUID } from 'node:crypto';
import type { Outcome } from '../../contracts/commands.ts';
import {
  CTL,
  pipelineEventSubject,
  type CtlSubject,
  type WorkStage,
  type PipelineFact,
} from '../../contracts/subjects.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import { statePath } from '../../machines/step.ts';
import { trivialWorks, type Saga, type Works } from './saga.ts';
import { createGate, until } from './wait.ts';

export const start = (saga: Saga, runId: string) =>
  saga.bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id: `${runId}.start` });

/** The answer of an orchestrator; throws what it refuses with. */
export const tell = (saga: Saga, subject: CtlSubject, data: object, id: string = randomUUID()): Promise<Outcome> =>
  sendCommand(saga.bus, { subject, data, id, silence: `nobody answered ${subject} ${id}` });

export const ended = (saga: Saga, runId: string, fact: PipelineFact) => saga.event(pipelineEventSubject(fact, runId));

/** `training.working.beating`, or null where the run is not stored yet. */
export async function stateOf(saga: Saga, runId: string): Promise<string | null> {
  const stored = await saga.orchestrator.runs.load(`run.${runId}`);
  return stored && statePath(stored.value.value);
}

export const reached = (saga: Saga, runId: string, state: string) =>
  until(async () => ((await stateOf(saga, runId)) ?? '').startsWith(state), `${runId} in ${state}`);

export const contextOf = async (saga: Saga, runId: string) =>
  (await saga.orchestrator.runs.load(`run.${runId}`))!.value.context; // Asked of runs that exist.

/** Trivial work of every stage, after what a test wants to happen first: a wait, or a failure. */
export function worksAfter(before: (stage: WorkStage, runId: string, signal: AbortSignal) => Promise<void>): Works {
  return {
    collect: async (command, context) => {
      await before('collect', command.runId, context.signal);
      return trivialWorks.collect(command, context);
    },
    train: async (command, context) => {
      await before('train', command.runId, context.signal);
      return trivialWorks.train(command, context);
    },
    verify: async (command, context) => {
      await before('verify', command.runId, context.signal);
      return trivialWorks.verify(command, context);
    },
  };
}

export interface Held {
  readonly works: Works;
  /** Runs whose work of that stage was begun. */
  readonly taken: readonly string[];
  /** Lets the work under way, and all that follows, end. */
  release(): void;
}

/** The work of one stage does not end before it is released; a cancellation ends it as it should. */
export function hold(held: WorkStage): Held {
  const gate = createGate();
  const taken: string[] = [];
  const works = worksAfter(async (stage, runId, signal) => {
    if (stage !== held) return;
    taken.push(runId);
    const aborted = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    await Promise.race([gate.opened, aborted]);
  });
  return { works, taken, release: () => gate.open() };
}
