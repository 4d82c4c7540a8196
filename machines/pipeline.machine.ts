/**
 * The pipeline machine: what happens next in a run, and nothing else. It is pure data to the pure `transition`
 * function of XState; step.ts turns its actions into effects, and actors/orchestrator carries them out. It knows no
 * clock, no NATS and no model. Pastes into the Stately visualizer as it is: everything imported from us is a type.
 */
import { assign, setup } from 'xstate';
import type { Failure } from '../contracts/errors.ts';
import type { Completed, ModelDeployed, StageName, StartCommand } from '../contracts/messages.ts';
import type { PipelineConfig } from '../contracts/configuration/pipeline.ts';
import type { CommandVerb, Noun } from '../contracts/subjects.ts';
import type { BlobRef } from '../contracts/references.ts';
import type { Announced, ModelPair } from '../contracts/release.ts';
import type { WindowFigures } from '../contracts/replica.ts';

export interface PipelineInput {
  readonly runId: string;
  readonly model: string;
  /** `night` goes through every stage; `rollback` only puts the previous epoch back. */
  readonly kind: 'night' | 'rollback';
  /** The configuration of the model when the run started: later edits of the file do not reach into a run. */
  readonly pipeline: PipelineConfig;
  /** The pair in service when the run started. */
  readonly champion: ModelPair | null;
  /** Of a rollback to a pair that is no longer resident: it is prepared and committed, as a candidate is. */
  readonly target?: Announced | undefined;
  /** Of a rollback: what the operator said. */
  readonly reason?: string | undefined;
  /** The run whose results this one goes on from, and the stage at which it begins; null for a run from scratch. */
  readonly forkedFrom: ForkOrigin | null;
}

export interface ForkOrigin {
  readonly runId: string;
  readonly stage: StageName;
  readonly dataset: BlobRef | null;
  readonly candidate: BlobRef | null;
  readonly verification: Completed<'verification'> | null;
}

/** One thing that a run may have to take back. */
export interface UndoStep {
  readonly undo: 'roll back' | 'withdraw candidate' | `stop ${Noun}`;
  /**
   * planned: its stage has not begun. due: to be taken back if the run is given up. done: taken back. unneeded: its
   * stage has ended by itself. unanswered: the worker was told to stop and never said that it has.
   */
  readonly status: 'planned' | 'due' | 'done' | 'unneeded' | 'unanswered';
}

export interface PipelineContext extends PipelineInput {
  /** Written when the run starts, last stage first: the order in which compensation goes through it. */
  readonly plan: readonly UndoStep[];
  /** Attempt of the compensation step under way, from 1. */
  readonly undoAttempt: number;
  /** Why the compensation does not get on; null while it does. */
  readonly undoFailure: Failure | null;
  /** An operator holds the run: what is under way may end, nothing new begins. */
  readonly paused: boolean;
  readonly approved: boolean;
  /** Attempt of the current stage, from 1; 0 until its command is sent. */
  readonly attempt: number;
  /** How often the current attempt was found still working after its deadline. */
  readonly extensions: number;
  /** How often the worker of the current attempt was asked after a silence, and answered. */
  readonly asks: number;
  /** Whose work is under way; null in a deployment and at rest. */
  readonly stage: Noun | null;
  readonly dataset: BlobRef | null;
  readonly candidate: BlobRef | null;
  readonly verification: Completed<'verification'> | null;
  /** What was watched of the candidate, and of the epoch after it; null before, or where nothing was watched. */
  readonly windows: { readonly canary: WindowFigures | null; readonly guard: WindowFigures | null };
  /** Why the run is not going to complete. */
  readonly failure: Failure | null;
  /** The end to which compensation leads. */
  readonly outcome: 'failed' | 'cancelled';
}

type WorkEvent = { readonly commandId: string };
export type PipelineEvent =
  | (WorkEvent & { type: 'collection.completed' } & Completed<'collection'>)
  | (WorkEvent & { type: 'training.completed' } & Completed<'training'>)
  | (WorkEvent & { type: 'verification.completed' } & Completed<'verification'>)
  | (WorkEvent & { type: `${Noun}.failed`; failure: Failure })
  | (WorkEvent & { type: `${Noun}.cancelled` | `${Noun}.working` | `${Noun}.absent` })
  /** No sign of life from the worker within its heartbeat window. */
  | (WorkEvent & { type: 'worker.silent' })
  /** The deployment record does not name the run's candidate any more. */
  | { type: 'deployment.withdrawn' }
  /** Verdicts of the deployment policy over what the replicas report. */
  | { type: 'deployment.prepared' | 'deployment.kept'; figures?: WindowFigures | undefined }
  | { type: 'deployment.switched'; deployed: ModelDeployed }
  | { type: 'deployment.refused' | 'deployment.breached'; failure: Failure }
  /** A change of the deployment record that could not be made. */
  | { type: 'deployment.failed'; failure: Failure }
  | {
      type: `operator.${'cancel' | 'rollback' | 'pause' | 'resume' | 'approve' | 'reject'}`;
      /** Of a cancellation: end the run without waiting for its worker. */
      force?: boolean | undefined;
      reason?: string | undefined;
    };

/** A command's id names its run, stage and attempt, so that the same decision always yields the same id. */
export interface CommandParams {
  readonly id: string;
  readonly noun: Noun;
  readonly verb: CommandVerb;
  readonly data:
    | { readonly [N in Noun]: StartCommand<N> }[Noun]
    | { readonly runId: string; readonly model: string; readonly startId: string };
}
export interface DeploymentParams {
  readonly change: 'announce' | 'try' | 'commit' | 'rollBack' | 'withdraw';
  readonly pair: Announced | null;
}

/** After this many deadlines at which the worker still worked, the stage counts as stuck. */
const EXTENSIONS_MAX = 3;

export const commandId = (c: PipelineContext) => `${c.runId}.${c.stage}.${c.attempt}`;
const ask = (c: PipelineContext, verb: 'cancel' | 'report'): CommandParams => ({
  id: `${commandId(c)}.${verb}.${verb === 'report' ? c.asks : c.undoAttempt}`,
  noun: c.stage!, // Both verbs are sent only from states in which a stage is under way.
  verb,
  data: { runId: c.runId, model: c.model, startId: commandId(c) },
});

const timeout = (c: PipelineContext, what: string): Failure => ({
  code: 'STAGE_TIMEOUT',
  message: `run ${c.runId}: ${c.stage ?? 'deployment'} ${what}`,
  retryable: false,
});

const STAGES = ['collection', 'training', 'verification'] as const;
/** A rollback does at once what other runs may have to. A forked run has not done what comes before its stage. */
const planOf = ({ kind, forkedFrom, target }: PipelineInput): UndoStep[] => {
  if (kind === 'rollback' && !target) return [{ undo: 'roll back', status: 'due' }];
  const skipped = STAGES.findIndex((noun) => noun === forkedFrom?.stage);
  const stages = target || forkedFrom?.stage === 'deployment' ? [] : STAGES.slice(Math.max(0, skipped));
  const stops = stages.map((noun) => `stop ${noun}` as const).reverse();
  return (['roll back', 'withdraw candidate', ...stops] as const).map((undo) => ({ undo, status: 'planned' }));
};
const firstStage = ({ kind, forkedFrom }: PipelineInput): Noun | null =>
  kind === 'rollback' ? null : (STAGES.find((noun) => noun === (forkedFrom?.stage ?? 'collection')) ?? null);
type Marks = Readonly<Partial<Record<UndoStep['undo'], UndoStep['status']>>>;
const marked = (plan: readonly UndoStep[], marks: Marks) =>
  plan.map((step) => ({ ...step, status: marks[step.undo] ?? step.status }));
const isDue = (c: PipelineContext, undo: UndoStep['undo']) =>
  c.plan.some((step) => step.undo === undo && step.status === 'due');
const stopOf = (c: PipelineContext) => `stop ${c.stage!}` as const; // Used while a stage is under way.

/** 0..1 out of a text (FNV-1a, 32 bits): a jitter that a replay finds again. */
const chance = (text: string) => {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
};
/** Doubles from attempt to attempt; each wait is shortened by up to half, by chance. */
const waitMs = ({ pipeline: { retry } }: PipelineContext, attempt: number, name: string) =>
  Math.round(
    Math.min(retry.backoffMaxMs, retry.backoffMs * 2 ** (attempt - 1)) * (1 - chance(`${name}.${attempt}`) / 2),
  );

/** An operator names a pair, or passing verification makes one: it exists in every state that deploys. */
const candidatePair = (c: PipelineContext): Announced =>
  c.target ?? {
    model: c.candidate!,
    gallery: c.verification!.gallery,
    golden: c.verification!.golden,
    runId: c.runId,
  };

export const pipelineMachine = setup({
  types: {
    context: {} as PipelineContext,
    events: {} as PipelineEvent,
    input: {} as PipelineInput,
    /** observed: the replicas' reports decide. beating: the worker's heartbeats are watched. */
    tags: {} as 'observed' | 'beating',
  },
  actions: {
    // Effects: named here, carried out by the orchestrator from the checkpoint's outbox.
    command: (_, _params: CommandParams) => {},
    deployment: (_, _params: DeploymentParams) => {},
    publishDeployed: (_, _params: ModelDeployed) => {},
    publishRolledBack: (_, _params: ModelDeployed) => {},
    // Memory.
    begin: assign(({ context }, { stage }: { stage: Noun | null }) => ({
      plan: context.stage ? marked(context.plan, { [stopOf(context)]: 'unneeded' }) : context.plan,
      stage,
      attempt: 0,
    })),
    /** Enters the stage: from here on there is something to stop. */
    attempt: assign(({ context }) => ({
      plan: marked(context.plan, { [stopOf(context)]: 'due' }),
      attempt: context.attempt + 1,
      extensions: 0,
      asks: 0,
    })),
    mark: assign({ plan: ({ context }, marks: Marks) => marked(context.plan, marks) }),
    /** The worker's stage has to be stopped, is stopped, or nobody has said so. */
    markStop: assign({
      plan: ({ context }, { status }: { status: UndoStep['status'] }) =>
        context.stage ? marked(context.plan, { [stopOf(context)]: status }) : context.plan,
    }),
    heard: assign({ asks: ({ context }) => context.asks + 1 }),
    extend: assign({ extensions: ({ context }) => context.extensions + 1, asks: ({ context }) => context.asks + 1 }),
    nextUndo: assign({ undoAttempt: ({ context }) => context.undoAttempt + 1 }),
    undoAgain: assign({ undoAttempt: 1, undoFailure: null }),
    undoFailed: assign((_, { failure }: { failure: Failure }) => ({ undoFailure: failure })),
    undoTimedOut: assign({
      undoFailure: ({ context }) => timeout(context, 'was not taken back within its deadline by every live replica'),
    }),
    pause: assign({ paused: true }),
    proceed: assign({ paused: false }),
    approve: assign({ approved: true }),
    remember: assign((_, { failure }: { failure: Failure }) => ({ failure })),
    rememberTimeout: assign({
      failure: ({ context }) => timeout(context, 'passed its deadline and nobody answered for it'),
    }),
    rememberLoss: assign({
      failure: ({ context }) => timeout(context, `lost its worker, in attempt ${context.attempt}; does one run?`),
    }),
    rememberRejection: assign(({ event }) => ({
      failure: {
        code: 'APPROVAL_DENIED' as const,
        message:
          ('reason' in event && event.reason) ||
          (event.type === 'operator.reject' ? 'rejected by an operator' : 'nobody approved the candidate in time'),
        retryable: false,
      },
    })),
    rememberCancel: assign(({ event }) => ({
      outcome: 'cancelled' as const,
      failure: {
        code: 'CANCELLED' as const,
        message: ('reason' in event && event.reason) || 'cancelled by an operator',
        retryable: false,
      },
    })),
    noteCanary: assign(
      ({ context: { windows } }, { figures = null }: { figures?: WindowFigures | null | undefined }) => ({
        windows: { ...windows, canary: figures },
      }),
    ),
    noteGuard: assign(
      ({ context: { windows } }, { figures = null }: { figures?: WindowFigures | null | undefined }) => ({
        windows: { ...windows, guard: figures },
      }),
    ),
    idle: assign(({ context }) => ({
      plan: context.stage ? marked(context.plan, { [stopOf(context)]: 'unneeded' }) : context.plan,
      stage: null,
    })),
  },
  guards: {
    isRollback: ({ context }) => context.kind === 'rollback',
    /** A first epoch, or one that an operator wants, is compared with nothing. */
    isTried: ({ context: { pipeline, champion, target } }) =>
      pipeline.deployment.strategy === 'canary' && champion !== null && target === undefined,
    hasTarget: ({ context }) => context.target !== undefined,
    /** An answer to an earlier attempt does not decide about the current one. */
    isCurrent: ({ context, event }) => 'commandId' in event && event.commandId === commandId(context),
    /** The worker has ended this work, in whatever way. */
    isStopped: ({ context, event }) =>
      'commandId' in event && event.commandId === commandId(context) && event.type !== `${context.stage}.working`,
    isPassed: ({ context, event }) =>
      context.stage === 'verification' && event.type === 'verification.completed' && event.verdict === 'passed',
    mayRetry: ({ context, event }) =>
      context.attempt < context.pipeline.retry.attemptsMax &&
      ('failure' in event ? event.failure.retryable : true) &&
      'commandId' in event &&
      event.commandId === commandId(context),
    mayExtend: ({ context, event }) =>
      context.extensions < EXTENSIONS_MAX && 'commandId' in event && event.commandId === commandId(context),
    hasAttemptsLeft: ({ context }) => context.attempt < context.pipeline.retry.attemptsMax,
    mayUndoAgain: ({ context }) => context.undoAttempt < context.pipeline.retry.attemptsMax,
    inCollection: ({ context }) => context.stage === 'collection',
    inTraining: ({ context }) => context.stage === 'training',
    inVerification: ({ context }) => context.stage === 'verification',
    nothingUnderWay: ({ context }) => context.stage === null,
    /** Its stage's command was never sent. */
    nothingSent: ({ context }) => context.stage === null || context.attempt === 0,
    mustRollBack: ({ context }) => isDue(context, 'roll back'),
    mustWithdraw: ({ context }) => isDue(context, 'withdraw candidate'),
    isPaused: ({ context }) => context.paused,
    isNotPaused: ({ context }) => !context.paused,
    isForced: ({ event }) => 'force' in event && event.force === true,
    needsApproval: ({ context }) => context.pipeline.deployment.approval.required && !context.approved,
    isApprovedByDefault: ({ context }) => context.pipeline.deployment.approval.onTimeout === 'approve',
    wasCancelled: ({ context }) => context.outcome === 'cancelled',
  },
  delays: {
    collectDeadline: ({ context }) => context.pipeline.timeouts.collectMs,
    trainDeadline: ({ context }) => context.pipeline.timeouts.trainMs,
    verifyDeadline: ({ context }) => context.pipeline.timeouts.verifyMs,
    deployDeadline: ({ context }) => context.pipeline.timeouts.deployMs,
    answerDeadline: ({ context }) => context.pipeline.timeouts.answerMs,
    canaryWindow: ({ context }) => context.pipeline.deployment.canary.windowMs,
    guardWindow: ({ context }) => context.pipeline.deployment.guardMs,
    approvalWindow: ({ context }) => context.pipeline.deployment.approval.timeoutMs,
    backoff: ({ context }) => waitMs(context, context.attempt, `${context.runId}.${context.stage}`),
    undoBackoff: ({ context }) => waitMs(context, context.undoAttempt, `${context.runId}.undo`),
  },
}).createMachine({
  id: 'pipeline',
  context: ({ input }) => ({
    ...input,
    plan: planOf(input),
    undoAttempt: 1,
    undoFailure: null,
    paused: false,
    approved: false,
    attempt: 0,
    extensions: 0,
    asks: 0,
    stage: firstStage(input),
    dataset: input.forkedFrom?.dataset ?? null,
    candidate: input.forkedFrom?.candidate ?? null,
    verification: input.forkedFrom?.verification ?? null,
    windows: { canary: null, guard: null },
    failure: null,
    outcome: 'failed',
  }),
  initial: 'routing',
  /**
   * What a worker says of the current stage counts whenever it comes, also between two attempts: a result is never
   * asked for twice. Of failures only that of the current attempt counts.
   */
  on: {
    'collection.completed': {
      guard: 'inCollection',
      target: '.next',
      actions: [assign({ dataset: ({ event }) => event.dataset }), { type: 'begin', params: { stage: 'training' } }],
    },
    'training.completed': {
      guard: 'inTraining',
      target: '.next',
      actions: [
        assign({ candidate: ({ event }) => event.model }),
        { type: 'begin', params: { stage: 'verification' } },
      ],
    },
    'verification.completed': [
      {
        guard: 'isPassed',
        target: '.next',
        actions: [assign({ verification: ({ event }) => event }), { type: 'begin', params: { stage: null } }],
      },
      {
        guard: 'inVerification',
        target: '.rejected',
        actions: ['idle', assign({ verification: ({ event }) => event })],
      },
    ],
    'collection.failed': [
      { guard: 'mayRetry', target: '.retrying' },
      {
        guard: 'isCurrent',
        target: '.compensating',
        actions: ['idle', { type: 'remember', params: ({ event }) => event }],
      },
    ],
    'training.failed': [
      { guard: 'mayRetry', target: '.retrying' },
      {
        guard: 'isCurrent',
        target: '.compensating',
        actions: ['idle', { type: 'remember', params: ({ event }) => event }],
      },
    ],
    'verification.failed': [
      { guard: 'mayRetry', target: '.retrying' },
      {
        guard: 'isCurrent',
        target: '.compensating',
        actions: ['idle', { type: 'remember', params: ({ event }) => event }],
      },
    ],
    'collection.absent': [
      { guard: 'mayRetry', target: '.retrying' },
      { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
    ],
    'training.absent': [
      { guard: 'mayRetry', target: '.retrying' },
      { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
    ],
    'verification.absent': [
      { guard: 'mayRetry', target: '.retrying' },
      { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
    ],
  },
  states: {
    /** Nothing has happened; left at once. */
    routing: {
      always: [
        { guard: 'hasTarget', target: 'deploying' },
        { guard: 'isRollback', target: 'rollingBack' },
        { target: 'next' },
      ],
    },

    /** A stage has ended; the next one is that of the context, the deployment where it names none. Left at once. */
    next: {
      always: [
        { guard: 'isPaused', target: 'paused' },
        { guard: 'inCollection', target: 'collecting' },
        { guard: 'inTraining', target: 'training' },
        { guard: 'inVerification', target: 'verifying' },
        { guard: 'needsApproval', target: 'awaitingApproval' },
        { target: 'deploying' },
      ],
    },

    /** Nothing is under way and nothing begins. `resume` leads on to where the run stood. No deadline. */
    paused: {
      on: {
        'operator.resume': { target: 'next', actions: 'proceed' },
        'operator.cancel': [
          { guard: 'nothingSent', target: 'compensating', actions: ['idle', 'rememberCancel'] },
          { target: 'compensating', actions: 'rememberCancel' },
        ],
      },
    },

    /** A collector holds the command to make a dataset snapshot. Undo: tell it to stop; a snapshot is only a file. */
    collecting: {
      entry: [
        'attempt',
        {
          type: 'command',
          params: ({ context }) => ({
            id: commandId(context),
            noun: 'collection',
            verb: 'start',
            data: { runId: context.runId, model: context.model, pipeline: context.pipeline },
          }),
        },
      ],
      initial: 'working',
      states: {
        working: {
          initial: 'beating',
          after: { collectDeadline: 'asking' },
          states: {
            beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
            /** No sign of life for a while: asked, and given up for another attempt if nobody answers. */
            missing: {
              entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
              on: { 'collection.working': { guard: 'isCurrent', target: 'beating', actions: 'heard' } },
              after: {
                answerDeadline: [
                  { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                  { target: '#pipeline.compensating', actions: 'rememberLoss' },
                ],
              },
            },
          },
        },
        /** The deadline has passed: whoever works at it gets more time, a few times. */
        asking: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
          on: { 'collection.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
        /** Paused: the worker may end its stage, however long that takes. */
        held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
      },
      on: {
        'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** A snapshot exists; a trainer holds the command to make a candidate. Undo: tell it to stop. */
    training: {
      entry: [
        'attempt',
        {
          type: 'command',
          params: ({ context }) => ({
            id: commandId(context),
            noun: 'training',
            verb: 'start',
            data: {
              runId: context.runId,
              model: context.model,
              dataset: context.dataset!, // Assigned by the transition that led here, or by the fork.
              training: context.pipeline.training,
              champion: context.champion,
            },
          }),
        },
      ],
      initial: 'working',
      states: {
        working: {
          initial: 'beating',
          after: { trainDeadline: 'asking' },
          states: {
            beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
            /** No sign of life for a while: asked, and given up for another attempt if nobody answers. */
            missing: {
              entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
              on: { 'training.working': { guard: 'isCurrent', target: 'beating', actions: 'heard' } },
              after: {
                answerDeadline: [
                  { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                  { target: '#pipeline.compensating', actions: 'rememberLoss' },
                ],
              },
            },
          },
        },
        /** The deadline has passed: whoever works at it gets more time, a few times. */
        asking: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
          on: { 'training.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
        /** Paused: the worker may end its stage, however long that takes. */
        held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
      },
      on: {
        'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** A candidate exists; a verifier holds the command to judge it. Undo: tell it to stop. */
    verifying: {
      entry: [
        'attempt',
        {
          type: 'command',
          params: ({ context }) => ({
            id: commandId(context),
            noun: 'verification',
            verb: 'start',
            data: {
              runId: context.runId,
              model: context.model,
              dataset: context.dataset!, // Both are assigned before this state, or by the fork.
              candidate: context.candidate!,
              champion: context.champion,
              verification: context.pipeline.verification,
            },
          }),
        },
      ],
      initial: 'working',
      states: {
        working: {
          initial: 'beating',
          after: { verifyDeadline: 'asking' },
          states: {
            beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
            /** No sign of life for a while: asked, and given up for another attempt if nobody answers. */
            missing: {
              entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
              on: { 'verification.working': { guard: 'isCurrent', target: 'beating', actions: 'heard' } },
              after: {
                answerDeadline: [
                  { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                  { target: '#pipeline.compensating', actions: 'rememberLoss' },
                ],
              },
            },
          },
        },
        /** The deadline has passed: whoever works at it gets more time, a few times. */
        asking: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
          on: { 'verification.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
        /** Paused: the worker may end its stage, however long that takes. */
        held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
      },
      on: {
        'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** An attempt failed in a way that may pass, or lost its worker. A durable timer leads back to its stage. */
    retrying: {
      after: { backoff: 'next' },
      on: {
        // Held while its stage was under way, which then failed.
        'operator.resume': { guard: 'isPaused', actions: 'proceed' },
        'operator.pause': { guard: 'isNotPaused', target: 'paused', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** The candidate passed, and a person has to agree before it is deployed. Undo: nothing. */
    awaitingApproval: {
      after: {
        approvalWindow: [
          { guard: 'isApprovedByDefault', target: 'deploying', actions: 'approve' },
          { target: 'rejected', actions: 'rememberRejection' },
        ],
      },
      on: {
        'operator.approve': { target: 'deploying', actions: 'approve' },
        'operator.reject': { target: 'rejected', actions: 'rememberRejection' },
        'operator.pause': { target: 'paused', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** The candidate passed, or an operator wants a retained pair back. Replicas converge on the deployment record. */
    deploying: {
      initial: 'preparing',
      states: {
        /** Announced: replicas load and check the candidate; the champion serves. Undo: withdraw it. */
        preparing: {
          tags: 'observed',
          entry: [
            { type: 'mark', params: { 'withdraw candidate': 'due' } },
            { type: 'deployment', params: ({ context }) => ({ change: 'announce', pair: candidatePair(context) }) },
          ],
          after: { deployDeadline: { target: '#pipeline.withdrawing', actions: 'rememberTimeout' } },
          on: {
            'deployment.prepared': [{ guard: 'isTried', target: 'trying' }, { target: 'committing' }],
            'deployment.refused': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: ({ event }) => event },
            },
            'deployment.failed': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: ({ event }) => event },
            },
            'operator.cancel': { target: '#pipeline.withdrawing', actions: 'rememberCancel' },
          },
        },
        /** The candidate answers a share of the requests, and the champion the rest. Undo: withdraw it. */
        trying: {
          entry: { type: 'deployment', params: { change: 'try', pair: null } },
          initial: 'watching',
          states: {
            watching: { tags: 'observed', after: { canaryWindow: 'judging' } },
            judging: {
              tags: 'observed',
              after: { deployDeadline: { target: '#pipeline.withdrawing', actions: 'rememberTimeout' } },
            },
          },
          on: {
            'deployment.prepared': {
              target: 'committing',
              actions: { type: 'noteCanary', params: ({ event }) => event },
            },
            'deployment.refused': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: ({ event }) => event },
            },
            'deployment.failed': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: ({ event }) => event },
            },
            'operator.cancel': { target: '#pipeline.withdrawing', actions: 'rememberCancel' },
          },
        },
        /** The record names the new epoch; replicas switch. Undo: the same compare-and-put with the previous pair. */
        committing: {
          tags: 'observed',
          entry: [
            { type: 'mark', params: { 'withdraw candidate': 'unneeded', 'roll back': 'due' } },
            { type: 'deployment', params: { change: 'commit', pair: null } },
          ],
          after: { deployDeadline: { target: '#pipeline.rollingBack', actions: 'rememberTimeout' } },
          on: {
            'deployment.switched': [
              // An operator chose this pair knowing it; a guard would only bring back what was to go.
              {
                guard: 'isRollback',
                target: '#pipeline.rolledBack',
                actions: [
                  { type: 'mark', params: { 'roll back': 'unneeded' } },
                  { type: 'publishRolledBack', params: ({ event }) => event.deployed },
                ],
              },
              { target: 'guarding', actions: { type: 'publishDeployed', params: ({ event }) => event.deployed } },
            ],
            // The commit itself did not happen: the champion still serves, so there is nothing to roll back.
            'deployment.failed': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: ({ event }) => event },
            },
            'operator.rollback': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
            'operator.cancel': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
          },
        },
        /** The new epoch serves everywhere and is watched; the previous one is resident. */
        guarding: {
          initial: 'watching',
          states: {
            watching: { tags: 'observed', after: { guardWindow: 'judging' } },
            judging: {
              tags: 'observed',
              on: {
                'deployment.kept': {
                  target: '#pipeline.completed',
                  actions: { type: 'noteGuard', params: ({ event }) => event },
                },
              },
            },
          },
          on: {
            'deployment.breached': {
              target: '#pipeline.rollingBack',
              actions: { type: 'remember', params: ({ event }) => event },
            },
            'operator.rollback': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
            'operator.cancel': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
          },
        },
      },
    },

    /** The record names the previous pair again; replicas switch to it. Repeated with back-off until they have. */
    rollingBack: {
      tags: 'observed',
      entry: [
        { type: 'mark', params: { 'withdraw candidate': 'unneeded', 'roll back': 'due' } },
        { type: 'deployment', params: { change: 'rollBack', pair: null } },
      ],
      after: { deployDeadline: { target: 'undoFailed', actions: 'undoTimedOut' } },
      on: {
        'deployment.switched': {
          target: 'rolledBack',
          actions: [
            { type: 'mark', params: { 'roll back': 'done' } },
            { type: 'publishRolledBack', params: ({ event }) => event.deployed },
          ],
        },
        'deployment.failed': {
          target: 'undoFailed',
          actions: { type: 'undoFailed', params: ({ event }) => event },
        },
      },
    },

    /** The candidate is taken out of the record; the champion has served all along. */
    withdrawing: {
      entry: [
        { type: 'mark', params: { 'withdraw candidate': 'due', 'roll back': 'unneeded' } },
        { type: 'deployment', params: { change: 'withdraw', pair: null } },
      ],
      after: { deployDeadline: { target: 'undoFailed', actions: 'undoTimedOut' } },
      on: {
        'deployment.withdrawn': {
          target: 'compensating',
          actions: { type: 'mark', params: { 'withdraw candidate': 'done' } },
        },
        'deployment.failed': {
          target: 'undoFailed',
          actions: { type: 'undoFailed', params: ({ event }) => event },
        },
      },
    },

    /** The run will not complete: what is due in its plan is taken back, the latest first. The champion serves. */
    compensating: {
      initial: 'deciding',
      states: {
        deciding: {
          always: [
            { guard: 'mustRollBack', target: '#pipeline.rollingBack' },
            { guard: 'mustWithdraw', target: '#pipeline.withdrawing' },
            { guard: 'nothingUnderWay', target: '#pipeline.undone' },
            { target: 'stopping' },
          ],
        },
        /** The worker is told to stop. The command waits for it where it is away, so it is stopped in the end. */
        stopping: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'cancel') },
          always: {
            guard: 'isForced',
            target: '#pipeline.undone',
            actions: { type: 'markStop', params: { status: 'unanswered' } },
          },
          after: {
            answerDeadline: [
              { guard: 'mayUndoAgain', target: 'silent' },
              { target: '#pipeline.undone', actions: { type: 'markStop', params: { status: 'unanswered' } } },
            ],
          },
        },
        silent: { after: { undoBackoff: { target: 'stopping', actions: 'nextUndo' } } },
      },
      on: {
        'collection.*': [
          { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
          {}, // A result that comes now does not revive the run.
        ],
        'training.*': [
          { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
          {},
        ],
        'verification.*': [
          { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
          {},
        ],
        // Whatever the worker still says finds the run ended.
        'operator.cancel': {
          guard: 'isForced',
          target: 'undone',
          actions: ['rememberCancel', { type: 'markStop', params: { status: 'unanswered' } }],
        },
      },
    },

    /** A step of the compensation failed: tried again after a durable wait, then left to an operator. */
    undoFailed: {
      initial: 'deciding',
      states: {
        deciding: { always: [{ guard: 'mayUndoAgain', target: 'waiting' }, { target: '#pipeline.needsOperator' }] },
        waiting: { after: { undoBackoff: { target: '#pipeline.compensating', actions: 'nextUndo' } } },
      },
    },

    /** Everything is undone; the reason for it names the end. Left at once. */
    undone: {
      always: [{ guard: 'wasCancelled', target: 'cancelled' }, { target: 'failed' }],
    },

    /** A compensation failed for good. The record stands as it is; `resume` tries again, `cancel` gives up. */
    needsOperator: {
      on: {
        'operator.resume': { target: 'compensating', actions: 'undoAgain' },
        'operator.cancel': { target: 'undone', actions: 'rememberCancel' },
      },
    },

    /** The candidate is the champion. */
    completed: { type: 'final', entry: { type: 'mark', params: { 'roll back': 'unneeded' } } },
    /** Verification, or a person, said no: the champion stays, and the report or the failure says why. */
    rejected: { type: 'final' },
    /** A stage failed for good; the champion stays. */
    failed: { type: 'final' },
    /** An earlier pair serves again. */
    rolledBack: { type: 'final' },
    cancelled: { type: 'final' },
  },
});
