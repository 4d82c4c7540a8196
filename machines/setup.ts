/**
 * All that the machine's states refer to by name: its types, actions, guards and delays. Effects are named here and
 * carried out by the orchestrator from the checkpoint's outbox; every other action is memory.
 */
import { assign, setup } from 'xstate';
import type { Failure } from '../contracts/errors.ts';
import type { DataFinding } from '../contracts/dataset.ts';
import type { Completed, ModelDeployed } from '../contracts/messages.ts';
import type { WorkStage } from '../contracts/subjects.ts';
import type { BlobRef } from '../contracts/references.ts';
import type { WindowFigures } from '../contracts/replica.ts';
import type { PipelineContext, PipelineInput, UndoStep } from './context.ts';
import type { PipelineEvent } from './events.ts';
import { cancellation, rejection, timeout } from './failures.ts';
import { guards } from './guards.ts';
import type { CommandParams, DeploymentParams } from './params.ts';
import { marked, markedStop, type Marks } from './plan.ts';
import { waits } from './waits.ts';

interface Collected {
  readonly dataset: BlobRef;
  readonly content?: string | null | undefined;
  readonly findings?: readonly DataFinding[] | undefined;
}

interface Watched {
  readonly figures?: WindowFigures | null | undefined;
}

export const pipelineSetup = setup({
  types: {
    context: {} as PipelineContext,
    events: {} as PipelineEvent,
    input: {} as PipelineInput,
    /** observed: the replicas' reports decide. beating: the worker's heartbeats are watched. */
    tags: {} as 'observed' | 'beating',
  },
  actions: {
    // Effects.
    command: (_, _params: CommandParams) => {},
    deployment: (_, _params: DeploymentParams) => {},
    publishDeployed: (_, _params: ModelDeployed) => {},
    publishRolledBack: (_, _params: ModelDeployed) => {},
    // Memory: the way from stage to stage.
    begin: assign(({ context }, { stage }: { stage: WorkStage | null }) => ({
      plan: markedStop(context, 'unneeded'),
      stage,
      attempt: 0,
    })),
    /** Enters the stage: from here on there is something to stop. */
    attempt: assign(({ context }) => ({
      plan: markedStop(context, 'due'),
      attempt: context.attempt + 1,
      extensions: 0,
      asks: 0,
    })),
    idle: assign(({ context }) => ({ plan: markedStop(context, 'unneeded'), stage: null })),
    heard: assign({ asks: ({ context }) => context.asks + 1 }),
    extend: assign({ extensions: ({ context }) => context.extensions + 1, asks: ({ context }) => context.asks + 1 }),
    pause: assign({ paused: true }),
    proceed: assign({ paused: false }),
    approve: assign({ approved: true }),
    believe: assign({ holds: [] }),
    // Memory: results.
    keepDataset: assign((_, { dataset, content = null, findings = [] }: Collected) => ({
      ...{ dataset, content },
      holds: findings.filter(({ action }) => action === 'hold').map(({ message }) => message),
    })),
    keepCandidate: assign({ candidate: (_, { model }: { model: BlobRef }) => model }),
    keepVerification: assign({ verification: (_, verification: Completed<'verify'>) => verification }),
    noteCanary: assign(({ context }, { figures = null }: Watched) => ({
      windows: { ...context.windows, canary: figures },
    })),
    noteGuard: assign(({ context }, { figures = null }: Watched) => ({
      windows: { ...context.windows, guard: figures },
    })),
    // Memory: why the run will not complete.
    remember: assign((_, { failure }: { failure: Failure }) => ({ failure })),
    rememberTimeout: assign({
      failure: ({ context }) => timeout(context, 'passed its deadline and nobody answered for it'),
    }),
    rememberLoss: assign({
      failure: ({ context }) => timeout(context, `lost its worker, in attempt ${context.attempt}; does one run?`),
    }),
    rememberRejection: assign({ failure: ({ event }) => rejection(event) }),
    rememberCancel: assign(({ event }) => ({ outcome: 'cancelled' as const, failure: cancellation(event) })),
    // Memory: what is taken back.
    mark: assign({ plan: ({ context }, marks: Marks) => marked(context.plan, marks) }),
    /** The worker's stage has to be stopped, is stopped, or nobody has said so. */
    markStop: assign({
      plan: ({ context }, { status }: { status: UndoStep['status'] }) => markedStop(context, status),
    }),
    nextUndo: assign({ undoAttempt: ({ context }) => context.undoAttempt + 1 }),
    undoAgain: assign({ undoAttempt: 1, undoFailure: null }),
    undoFailed: assign((_, { failure }: { failure: Failure }) => ({ undoFailure: failure })),
    undoTimedOut: assign({
      undoFailure: ({ context }) => timeout(context, 'was not taken back within its deadline by every live replica'),
    }),
  },
  guards,
  delays: waits,
});
