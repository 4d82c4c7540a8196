/**
 * The pipeline machine: what happens next in a run, and nothing else. It is pure data to the pure `transition`
 * function of XState; step.ts turns its actions into effects, and actors/orchestrator carries them out. It knows no
 * clock, no NATS and no model. Pastes into the Stately visualizer as it is: everything imported from us is a type.
 */
import { assign, setup } from 'xstate';
import type { Failure } from '../contracts/errors.ts';
import type { Completed, ModelDeployed, StartCommand } from '../contracts/messages.ts';
import type { PipelineConfig } from '../contracts/pipeline.ts';
import type { CommandVerb, Noun } from '../contracts/subjects.ts';
import type { BlobRef, Candidate, ModelPair, WindowFigures } from '../contracts/values.ts';

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
  readonly target?: Candidate | undefined;
  /** Of a rollback: what the operator said. */
  readonly reason?: string | undefined;
}

export interface PipelineContext extends PipelineInput {
  /** Attempt of the current stage, from 1. */
  readonly attempt: number;
  /** How often the current attempt was found still working after its deadline. */
  readonly extensions: number;
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
  /** Verdicts of the deployment policy over what the replicas report. */
  | { type: 'deployment.prepared' | 'deployment.kept'; figures?: WindowFigures | undefined }
  | { type: 'deployment.switched'; deployed: ModelDeployed }
  | { type: 'deployment.refused' | 'deployment.breached'; failure: Failure }
  /** A change of the deployment record that could not be made. */
  | { type: 'deployment.failed'; failure: Failure }
  | { type: 'operator.cancel' | 'operator.rollback' | 'operator.resume'; reason?: string | undefined };

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
  readonly pair: Candidate | null;
}

/** After this many deadlines at which the worker still worked, the stage counts as stuck. */
const EXTENSIONS_MAX = 3;

const commandId = (c: PipelineContext) => `${c.runId}.${c.stage}.${c.attempt}`;
const ask = (c: PipelineContext, verb: 'cancel' | 'report'): CommandParams => ({
  id: `${commandId(c)}.${verb}.${c.extensions}`,
  noun: c.stage!, // Both verbs are sent only from states in which a stage is under way.
  verb,
  data: { runId: c.runId, model: c.model, startId: commandId(c) },
});

const timedOut = (c: PipelineContext): Failure => ({
  code: 'STAGE_TIMEOUT',
  message: `run ${c.runId}: ${c.stage ?? 'deployment'} passed its deadline and nobody answered for it`,
  retryable: false,
});

/** An operator names a pair, or passing verification makes one: it exists in every state that deploys. */
const candidatePair = (c: PipelineContext): Candidate =>
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
    tags: {} as 'observed',
  },
  actions: {
    // Effects: named here, carried out by the orchestrator from the checkpoint's outbox.
    command: (_, _params: CommandParams) => {},
    deployment: (_, _params: DeploymentParams) => {},
    publishDeployed: (_, _params: ModelDeployed) => {},
    publishRolledBack: (_, _params: ModelDeployed) => {},
    // Memory.
    begin: assign((_, { stage }: { stage: Noun | null }) => ({ stage, attempt: 1, extensions: 0 })),
    extend: assign({ extensions: ({ context }) => context.extensions + 1 }),
    nextAttempt: assign({ attempt: ({ context }) => context.attempt + 1, extensions: 0 }),
    remember: assign((_, { failure }: { failure: Failure }) => ({ failure })),
    rememberTimeout: assign({ failure: ({ context }) => timedOut(context) }),
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
    idle: assign({ stage: null }),
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
    isPassed: ({ event }) => event.type === 'verification.completed' && event.verdict === 'passed',
    mayRetry: ({ context, event }) =>
      context.attempt < context.pipeline.retry.attemptsMax &&
      ('failure' in event ? event.failure.retryable : true) &&
      'commandId' in event &&
      event.commandId === commandId(context),
    mayExtend: ({ context, event }) =>
      context.extensions < EXTENSIONS_MAX && 'commandId' in event && event.commandId === commandId(context),
    inCollection: ({ context }) => context.stage === 'collection',
    inTraining: ({ context }) => context.stage === 'training',
    nothingUnderWay: ({ context }) => context.stage === null,
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
    backoff: ({ context }) =>
      Math.min(context.pipeline.retry.backoffMaxMs, context.pipeline.retry.backoffMs * 2 ** (context.attempt - 1)),
  },
}).createMachine({
  id: 'pipeline',
  context: ({ input }) => ({
    ...input,
    attempt: 1,
    extensions: 0,
    stage: null,
    dataset: null,
    candidate: null,
    verification: null,
    windows: { canary: null, guard: null },
    failure: null,
    outcome: 'failed',
  }),
  initial: 'routing',
  states: {
    /** Nothing has happened; left at once. */
    routing: {
      always: [
        { guard: 'hasTarget', target: 'deploying' },
        { guard: 'isRollback', target: 'rollingBack' },
        { target: 'collecting', actions: { type: 'begin', params: { stage: 'collection' } } },
      ],
    },

    /** A collector holds the command to make a dataset snapshot. Undo: nothing, a snapshot is only a file. */
    collecting: {
      entry: {
        type: 'command',
        params: ({ context }) => ({
          id: commandId(context),
          noun: 'collection',
          verb: 'start',
          data: { runId: context.runId, model: context.model, pipeline: context.pipeline },
        }),
      },
      initial: 'working',
      states: {
        working: { after: { collectDeadline: 'asking' } },
        asking: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
          on: { 'collection.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
      },
      on: {
        'collection.completed': {
          target: 'training',
          actions: [
            assign({ dataset: ({ event }) => event.dataset }),
            { type: 'begin', params: { stage: 'training' } },
          ],
        },
        'collection.absent': { guard: 'mayRetry', target: 'retrying' },
        'collection.failed': [
          { guard: 'mayRetry', target: 'retrying' },
          {
            guard: 'isCurrent',
            target: 'compensating',
            actions: ['idle', { type: 'remember', params: ({ event }) => event }],
          },
        ],
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** A snapshot exists; a trainer holds the command to make a candidate. Undo: tell it to stop. */
    training: {
      entry: {
        type: 'command',
        params: ({ context }) => ({
          id: commandId(context),
          noun: 'training',
          verb: 'start',
          data: {
            runId: context.runId,
            model: context.model,
            dataset: context.dataset!, // Assigned by the transition that entered this state.
            training: context.pipeline.training,
            champion: context.champion,
          },
        }),
      },
      initial: 'working',
      states: {
        working: { after: { trainDeadline: 'asking' } },
        asking: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
          on: { 'training.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
      },
      on: {
        'training.completed': {
          target: 'verifying',
          actions: [
            assign({ candidate: ({ event }) => event.model }),
            { type: 'begin', params: { stage: 'verification' } },
          ],
        },
        'training.absent': { guard: 'mayRetry', target: 'retrying' },
        'training.failed': [
          { guard: 'mayRetry', target: 'retrying' },
          {
            guard: 'isCurrent',
            target: 'compensating',
            actions: ['idle', { type: 'remember', params: ({ event }) => event }],
          },
        ],
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** A candidate exists; a verifier holds the command to judge it. Undo: tell it to stop. */
    verifying: {
      entry: {
        type: 'command',
        params: ({ context }) => ({
          id: commandId(context),
          noun: 'verification',
          verb: 'start',
          data: {
            runId: context.runId,
            model: context.model,
            dataset: context.dataset!, // Assigned before training, the candidate before this state.
            candidate: context.candidate!,
            champion: context.champion,
            verification: context.pipeline.verification,
          },
        }),
      },
      initial: 'working',
      states: {
        working: { after: { verifyDeadline: 'asking' } },
        asking: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'report') },
          on: { 'verification.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
      },
      on: {
        'verification.completed': [
          {
            guard: 'isPassed',
            target: 'deploying',
            actions: [assign({ verification: ({ event }) => event }), { type: 'begin', params: { stage: null } }],
          },
          { target: 'rejected', actions: ['idle', assign({ verification: ({ event }) => event })] },
        ],
        'verification.absent': { guard: 'mayRetry', target: 'retrying' },
        'verification.failed': [
          { guard: 'mayRetry', target: 'retrying' },
          {
            guard: 'isCurrent',
            target: 'compensating',
            actions: ['idle', { type: 'remember', params: ({ event }) => event }],
          },
        ],
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },

    /** An attempt failed in a way that may pass. A durable timer leads back to the stage that failed. */
    retrying: {
      after: {
        backoff: [
          { guard: 'inCollection', target: 'collecting', actions: 'nextAttempt' },
          { guard: 'inTraining', target: 'training', actions: 'nextAttempt' },
          { target: 'verifying', actions: 'nextAttempt' },
        ],
      },
      on: { 'operator.cancel': { target: 'compensating', actions: ['idle', 'rememberCancel'] } },
    },

    /** The candidate passed, or an operator wants a retained pair back. Replicas converge on the deployment record. */
    deploying: {
      initial: 'preparing',
      states: {
        /** Announced: replicas load and check the candidate; the champion serves. Undo: withdraw it. */
        preparing: {
          tags: 'observed',
          entry: {
            type: 'deployment',
            params: ({ context }) => ({ change: 'announce', pair: candidatePair(context) }),
          },
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
          entry: { type: 'deployment', params: { change: 'commit', pair: null } },
          after: { deployDeadline: { target: '#pipeline.rollingBack', actions: 'rememberTimeout' } },
          on: {
            'deployment.switched': [
              // An operator chose this pair knowing it; a guard would only bring back what was to go.
              {
                guard: 'isRollback',
                target: '#pipeline.rolledBack',
                actions: { type: 'publishRolledBack', params: ({ event }) => event.deployed },
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

    /** The record names the previous pair again; replicas switch to it. */
    rollingBack: {
      tags: 'observed',
      entry: { type: 'deployment', params: { change: 'rollBack', pair: null } },
      after: { deployDeadline: { target: 'needsOperator', actions: 'rememberTimeout' } },
      on: {
        'deployment.switched': {
          target: 'rolledBack',
          actions: { type: 'publishRolledBack', params: ({ event }) => event.deployed },
        },
        'deployment.failed': {
          target: 'needsOperator',
          actions: { type: 'remember', params: ({ event }) => event },
        },
      },
    },

    /** The candidate is taken out of the record; the champion has served all along. Left once that is written. */
    withdrawing: {
      entry: { type: 'deployment', params: { change: 'withdraw', pair: null } },
      always: 'compensating',
    },

    /** The run will not complete; work under way is told to stop. The champion serves. */
    compensating: {
      initial: 'deciding',
      states: {
        deciding: { always: [{ guard: 'nothingUnderWay', target: '#pipeline.undone' }, { target: 'stopping' }] },
        stopping: {
          entry: { type: 'command', params: ({ context }) => ask(context, 'cancel') },
          on: {
            'collection.*': { guard: 'isStopped', target: '#pipeline.undone' },
            'training.*': { guard: 'isStopped', target: '#pipeline.undone' },
            'verification.*': { guard: 'isStopped', target: '#pipeline.undone' },
          },
          // A worker that stays silent has lost its run: whatever it still says finds the run ended.
          after: { answerDeadline: '#pipeline.undone' },
        },
      },
    },

    /** Everything is undone; the reason for it names the end. Left at once. */
    undone: {
      always: [{ guard: 'wasCancelled', target: 'cancelled' }, { target: 'failed' }],
    },

    /** A compensation failed. The record stands as it is; `resume` tries again, `cancel` gives up. */
    needsOperator: {
      on: { 'operator.resume': 'rollingBack', 'operator.cancel': { target: 'undone', actions: 'rememberCancel' } },
    },

    /** The candidate is the champion. */
    completed: { type: 'final' },
    /** Verification said no: the champion stays, and the report says why. */
    rejected: { type: 'final' },
    /** A stage failed for good; the champion stays. */
    failed: { type: 'final' },
    /** An earlier pair serves again. */
    rolledBack: { type: 'final' },
    cancelled: { type: 'final' },
  },
});
