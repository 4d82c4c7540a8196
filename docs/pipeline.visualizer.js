/**
 * The pipeline machine in one file, for the Stately visualizer (https://stately.ai/viz): paste it as it is.
 * Generated from machines/ by `npm run machine:export`; edits here are lost. The config stands at the end,
 * the functions that it names above it. { fn: '...' } stands for the function of that name, which computes the value.
 */

// machines/setup.ts
import { assign, setup } from 'xstate';

// machines/failures.ts
var timeout = (c, what) => ({
  code: 'STAGE_TIMEOUT',
  message: `run ${c.runId}: ${c.stage ?? 'deployment'} ${what}`,
  retryable: false,
});
var rejection = (event) => ({
  code: 'APPROVAL_DENIED',
  message:
    reasonOf(event) || (event.type === 'operator.reject' ? 'rejected by an operator' : 'nobody approved in time'),
  retryable: false,
});
var cancellation = (event) => ({
  code: 'CANCELLED',
  message: reasonOf(event) || 'cancelled by an operator',
  retryable: false,
});
var reasonOf = (event) => ('reason' in event ? event.reason : void 0);

// machines/stages.ts
var STAGES = {
  collect: {
    deadline: 'collectDeadline',
    command: ({ runId, model, pipeline, champion }) => ({
      runId,
      model,
      pipeline: {
        noun: pipeline.noun,
        sources: pipeline.sources,
        strangers: pipeline.strangers,
        image: pipeline.image,
        faces: pipeline.faces,
        split: pipeline.split,
        checks: pipeline.checks,
        decision: pipeline.decision,
      },
      champion,
    }),
  },
  train: {
    deadline: 'trainDeadline',
    command: ({ runId, model, dataset, pipeline, champion }) => ({
      runId,
      model,
      dataset,
      training: pipeline.training,
      champion,
    }),
  },
  verify: {
    deadline: 'verifyDeadline',
    command: ({ runId, model, dataset, candidate, champion, pipeline, history }) => ({
      runId,
      model,
      dataset,
      candidate,
      champion,
      noun: pipeline.noun,
      verification: pipeline.verification,
      decision: pipeline.decision,
      history: [...history],
      refit: pipeline.training.refit,
    }),
  },
};
var STAGE_NAMES = Object.keys(STAGES);

// machines/params.ts
var commandId = (c) => `${c.runId}.${c.stage}.${c.attempt}`;
function startCommand({ context }) {
  const stage = context.stage;
  return { id: commandId(context), stage, verb: 'start', data: STAGES[stage].command(context) };
}
var reportCommand = ({ context }) => ask(context, 'report', context.asks);
var cancelCommand = ({ context }) => ask(context, 'cancel', context.undoAttempt);
var ask = (c, verb, count) => ({
  id: `${commandId(c)}.${verb}.${count}`,
  stage: c.stage,
  verb,
  data: { runId: c.runId, model: c.model, startId: commandId(c) },
});
var announcement = ({ context: c }) => ({
  change: 'announce',
  pair: c.target ?? {
    model: c.verification.refit ?? c.candidate,
    ...(c.verification.refit ? { judged: c.candidate } : {}),
    gallery: c.verification.gallery,
    golden: c.verification.golden,
    runId: c.runId,
    dataset: c.dataset,
    ...(c.verification.faces ? { faces: c.verification.faces } : {}),
  },
});
var wholeEvent = ({ event }) => event;
var deployedOfEvent = ({ event }) => event.deployed;

// machines/plan.ts
var initialContext = ({ input }) => ({
  ...input,
  plan: planOf(input),
  undoAttempt: 1,
  undoFailure: null,
  paused: false,
  approved: input.blessing !== null,
  // By the person who blessed the candidate.
  holds: [],
  attempt: 0,
  extensions: 0,
  asks: 0,
  stage: firstStage(input),
  dataset: input.forkedFrom?.dataset ?? null,
  content: input.forkedFrom?.content ?? null,
  candidate: input.forkedFrom?.candidate ?? null,
  verification: input.forkedFrom?.verification ?? null,
  windows: { canary: null, guard: null },
  failure: null,
  outcome: 'failed',
});
function planOf({ kind, forkedFrom, target }) {
  if (kind === 'rollback' && !target) return [{ undo: 'roll back', status: 'due' }];
  const skipped = STAGE_NAMES.findIndex((stage) => stage === forkedFrom?.stage);
  const stages = target || forkedFrom?.stage === 'deploy' ? [] : STAGE_NAMES.slice(Math.max(0, skipped));
  const stops = stages.map((stage) => `stop ${stage}`).reverse();
  return ['roll back', 'withdraw', ...stops].map((undo) => ({ undo, status: 'planned' }));
}
function firstStage({ kind, forkedFrom }) {
  if (kind === 'rollback') return null;
  return STAGE_NAMES.find((stage) => stage === (forkedFrom?.stage ?? STAGE_NAMES[0])) ?? null;
}
var marked = (plan, marks) => plan.map((step) => ({ ...step, status: marks[step.undo] ?? step.status }));
var markedStop = ({ plan, stage }, status) => (stage ? marked(plan, { [`stop ${stage}`]: status }) : plan);
var isDue = ({ plan }, undo) => plan.some((step) => step.undo === undo && step.status === 'due');

// machines/guards.ts
var EXTENSIONS_MAX = 3;
var isCurrent = ({ context, event }) => 'commandId' in event && event.commandId === commandId(context);
var hasAttemptsLeft = ({ context }) => context.attempt < context.pipeline.retry.attemptsMax;
var isIn =
  (stage) =>
  ({ context }) =>
    context.stage === stage;
var inCollect = isIn('collect');
var inVerify = isIn('verify');
var guards = {
  isRollback: ({ context }) => context.kind === 'rollback',
  /** A first release, or one that an operator wants, is compared with nothing. */
  hasCanary: ({ context: { pipeline, champion, target } }) =>
    pipeline.deployment.strategy === 'canary' && champion !== null && target === void 0,
  hasTarget: ({ context }) => context.target !== void 0,
  isCurrent,
  /** The worker has ended this work, in whatever way. */
  isStopped: (asked) => isCurrent(asked) && asked.event.type !== `${asked.context.stage}.working`,
  /** The snapshot is that of the last verdict, and so are configuration and champion. */
  isUnchanged: (asked) =>
    inCollect(asked) &&
    asked.event.type === 'collect.completed' &&
    asked.event.content !== void 0 &&
    asked.event.content === asked.context.unchangedContent,
  /** The candidate may serve. */
  isAdmitted: (asked) => inVerify(asked) && asked.event.type === 'verify.completed' && asked.event.admitted,
  mayRetry: (asked) =>
    hasAttemptsLeft(asked) && ('failure' in asked.event ? asked.event.failure.retryable : true) && isCurrent(asked),
  mayExtend: (asked) => asked.context.extensions < EXTENSIONS_MAX && isCurrent(asked),
  hasAttemptsLeft,
  mayUndoAgain: ({ context }) => context.undoAttempt < context.pipeline.retry.attemptsMax,
  inCollect,
  inTrain: isIn('train'),
  inVerify,
  nothingUnderWay: ({ context }) => context.stage === null,
  /** Its stage's command was never sent. */
  nothingSent: ({ context }) => context.stage === null || context.attempt === 0,
  mustRollBack: ({ context }) => isDue(context, 'roll back'),
  mustWithdraw: ({ context }) => isDue(context, 'withdraw'),
  isPaused: ({ context }) => context.paused,
  isNotPaused: ({ context }) => !context.paused,
  /** Tonight's data is unlike that of the champion, and nobody has said that it may be trained on. */
  isHeld: ({ context }) => context.stage === 'train' && context.holds.length > 0,
  isForced: ({ event }) => 'force' in event && event.force === true,
  needsApproval: ({ context }) => context.pipeline.deployment.approval.required && !context.approved,
  isApprovedByDefault: ({ context }) => context.pipeline.deployment.approval.onTimeout === 'approve',
  wasCancelled: ({ context }) => context.outcome === 'cancelled',
};

// machines/waits.ts
var waits = {
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
};
var waitMs = ({ pipeline: { retry } }, attempt, name) =>
  Math.round(
    Math.min(retry.backoffMaxMs, retry.backoffMs * 2 ** (attempt - 1)) * (1 - chance(`${name}.${attempt}`) / 2),
  );
function chance(text) {
  let hash = 2166136261;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619);
  return (hash >>> 0) / 2 ** 32;
}

// machines/setup.ts
var pipelineSetup = setup({
  types: {
    context: {},
    events: {},
    input: {},
    /** observed: the replicas' reports decide. beating: the worker's heartbeats are watched. */
    tags: {},
  },
  actions: {
    // Effects.
    command: (_, _params) => {},
    deployment: (_, _params) => {},
    publishDeployed: (_, _params) => {},
    publishRolledBack: (_, _params) => {},
    // Memory: the way from stage to stage.
    begin: assign(({ context }, { stage }) => ({
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
    keepDataset: assign((_, { dataset, content = null, findings = [] }) => ({
      ...{ dataset, content },
      holds: findings.filter(({ action }) => action === 'hold').map(({ message }) => message),
    })),
    keepCandidate: assign({ candidate: (_, { model }) => model }),
    keepVerification: assign({ verification: (_, verification) => verification }),
    noteCanary: assign(({ context }, { figures = null }) => ({
      windows: { ...context.windows, canary: figures },
    })),
    noteGuard: assign(({ context }, { figures = null }) => ({
      windows: { ...context.windows, guard: figures },
    })),
    // Memory: why the run will not complete.
    remember: assign((_, { failure }) => ({ failure })),
    rememberTimeout: assign({
      failure: ({ context }) => timeout(context, 'passed its deadline and nobody answered for it'),
    }),
    rememberLoss: assign({
      failure: ({ context }) => timeout(context, `lost its worker, in attempt ${context.attempt}; does one run?`),
    }),
    rememberRejection: assign({ failure: ({ event }) => rejection(event) }),
    rememberCancel: assign(({ event }) => ({ outcome: 'cancelled', failure: cancellation(event) })),
    // Memory: what is taken back.
    mark: assign({ plan: ({ context }, marks) => marked(context.plan, marks) }),
    /** The worker's stage has to be stopped, is stopped, or nobody has said so. */
    markStop: assign({
      plan: ({ context }, { status }) => markedStop(context, status),
    }),
    nextUndo: assign({ undoAttempt: ({ context }) => context.undoAttempt + 1 }),
    undoAgain: assign({ undoAttempt: 1, undoFailure: null }),
    undoFailed: assign((_, { failure }) => ({ undoFailure: failure })),
    undoTimedOut: assign({
      undoFailure: ({ context }) => timeout(context, 'was not taken back within its deadline by every live replica'),
    }),
  },
  guards,
  delays: waits,
});

// machines/pipeline.machine.ts
var functions = {
  announcement,
  cancelCommand,
  deployedOfEvent,
  initialContext,
  reportCommand,
  startCommand,
  wholeEvent,
};
var withFunctions = (value) => {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(withFunctions);
  if (typeof value.fn === 'string') return functions[value.fn];
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withFunctions(inner)]));
};
var { createMachine: make } = pipelineSetup;
var named = { createMachine: (config) => make(withFunctions(config)) };
var pipelineMachine = named.createMachine({
  id: 'pipeline',
  context: { fn: 'initialContext' },
  initial: 'routing',
  on: {
    'collect.completed': [
      {
        guard: 'isUnchanged',
        target: '.unchanged',
        actions: ['idle', { type: 'keepDataset', params: { fn: 'wholeEvent' } }],
      },
      {
        guard: 'inCollect',
        target: '.next',
        actions: [
          { type: 'keepDataset', params: { fn: 'wholeEvent' } },
          { type: 'begin', params: { stage: 'train' } },
        ],
      },
    ],
    'train.completed': {
      guard: 'inTrain',
      target: '.next',
      actions: [
        { type: 'keepCandidate', params: { fn: 'wholeEvent' } },
        { type: 'begin', params: { stage: 'verify' } },
      ],
    },
    'verify.completed': [
      {
        guard: 'isAdmitted',
        target: '.next',
        actions: [
          { type: 'keepVerification', params: { fn: 'wholeEvent' } },
          { type: 'begin', params: { stage: null } },
        ],
      },
      {
        guard: 'inVerify',
        target: '.rejected',
        actions: ['idle', { type: 'keepVerification', params: { fn: 'wholeEvent' } }],
      },
    ],
    'collect.failed': [
      { guard: 'mayRetry', target: '.retrying' },
      {
        guard: 'isCurrent',
        target: '.compensating',
        actions: ['idle', { type: 'remember', params: { fn: 'wholeEvent' } }],
      },
    ],
    'collect.absent': [
      { guard: 'mayRetry', target: '.retrying' },
      { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
    ],
    'train.failed': [
      { guard: 'mayRetry', target: '.retrying' },
      {
        guard: 'isCurrent',
        target: '.compensating',
        actions: ['idle', { type: 'remember', params: { fn: 'wholeEvent' } }],
      },
    ],
    'train.absent': [
      { guard: 'mayRetry', target: '.retrying' },
      { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
    ],
    'verify.failed': [
      { guard: 'mayRetry', target: '.retrying' },
      {
        guard: 'isCurrent',
        target: '.compensating',
        actions: ['idle', { type: 'remember', params: { fn: 'wholeEvent' } }],
      },
    ],
    'verify.absent': [
      { guard: 'mayRetry', target: '.retrying' },
      { guard: 'isCurrent', target: '.compensating', actions: ['rememberLoss', 'idle'] },
    ],
  },
  states: {
    routing: {
      always: [
        { guard: 'hasTarget', target: 'deploying' },
        { guard: 'isRollback', target: 'rollingBack' },
        { target: 'next' },
      ],
    },
    next: {
      always: [
        { guard: 'isPaused', target: 'paused' },
        { guard: 'inCollect', target: 'collecting' },
        { guard: 'isHeld', target: 'awaitingApproval' },
        { guard: 'inTrain', target: 'training' },
        { guard: 'inVerify', target: 'verifying' },
        { guard: 'needsApproval', target: 'awaitingApproval' },
        { target: 'deploying' },
      ],
    },
    paused: {
      on: {
        'operator.resume': { target: 'next', actions: 'proceed' },
        'operator.cancel': [
          { guard: 'nothingSent', target: 'compensating', actions: ['idle', 'rememberCancel'] },
          { target: 'compensating', actions: 'rememberCancel' },
        ],
      },
    },
    collecting: {
      entry: ['attempt', { type: 'command', params: { fn: 'startCommand' } }],
      initial: 'working',
      states: {
        working: {
          initial: 'beating',
          after: { collectDeadline: 'asking' },
          states: {
            beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
            missing: {
              entry: { type: 'command', params: { fn: 'reportCommand' } },
              on: { 'collect.working': { guard: 'isCurrent', target: 'beating', actions: 'heard' } },
              after: {
                answerDeadline: [
                  { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                  { target: '#pipeline.compensating', actions: 'rememberLoss' },
                ],
              },
            },
          },
        },
        asking: {
          entry: { type: 'command', params: { fn: 'reportCommand' } },
          on: { 'collect.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
        held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
      },
      on: {
        'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },
    training: {
      entry: ['attempt', { type: 'command', params: { fn: 'startCommand' } }],
      initial: 'working',
      states: {
        working: {
          initial: 'beating',
          after: { trainDeadline: 'asking' },
          states: {
            beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
            missing: {
              entry: { type: 'command', params: { fn: 'reportCommand' } },
              on: { 'train.working': { guard: 'isCurrent', target: 'beating', actions: 'heard' } },
              after: {
                answerDeadline: [
                  { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                  { target: '#pipeline.compensating', actions: 'rememberLoss' },
                ],
              },
            },
          },
        },
        asking: {
          entry: { type: 'command', params: { fn: 'reportCommand' } },
          on: { 'train.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
        held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
      },
      on: {
        'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },
    verifying: {
      entry: ['attempt', { type: 'command', params: { fn: 'startCommand' } }],
      initial: 'working',
      states: {
        working: {
          initial: 'beating',
          after: { verifyDeadline: 'asking' },
          states: {
            beating: { tags: 'beating', on: { 'worker.silent': { guard: 'isCurrent', target: 'missing' } } },
            missing: {
              entry: { type: 'command', params: { fn: 'reportCommand' } },
              on: { 'verify.working': { guard: 'isCurrent', target: 'beating', actions: 'heard' } },
              after: {
                answerDeadline: [
                  { guard: 'hasAttemptsLeft', target: '#pipeline.retrying' },
                  { target: '#pipeline.compensating', actions: 'rememberLoss' },
                ],
              },
            },
          },
        },
        asking: {
          entry: { type: 'command', params: { fn: 'reportCommand' } },
          on: { 'verify.working': { guard: 'mayExtend', target: 'working', actions: 'extend' } },
          after: { answerDeadline: { target: '#pipeline.compensating', actions: 'rememberTimeout' } },
        },
        held: { on: { 'operator.resume': { target: 'working', actions: 'proceed' } } },
      },
      on: {
        'operator.pause': { guard: 'isNotPaused', target: '.held', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },
    retrying: {
      after: { backoff: 'next' },
      on: {
        'operator.resume': { guard: 'isPaused', actions: 'proceed' },
        'operator.pause': { guard: 'isNotPaused', target: 'paused', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: 'rememberCancel' },
      },
    },
    awaitingApproval: {
      after: {
        approvalWindow: [
          { guard: 'isHeld', target: 'rejected', actions: ['idle', 'rememberRejection'] },
          { guard: 'isApprovedByDefault', target: 'deploying', actions: 'approve' },
          { target: 'rejected', actions: 'rememberRejection' },
        ],
      },
      on: {
        'operator.approve': [
          { guard: 'isHeld', target: 'next', actions: 'believe' },
          { target: 'deploying', actions: 'approve' },
        ],
        'operator.reject': { target: 'rejected', actions: ['idle', 'rememberRejection'] },
        'operator.pause': { target: 'paused', actions: 'pause' },
        'operator.cancel': { target: 'compensating', actions: ['idle', 'rememberCancel'] },
      },
    },
    deploying: {
      initial: 'preparing',
      states: {
        preparing: {
          tags: 'observed',
          entry: [
            { type: 'mark', params: { withdraw: 'due' } },
            { type: 'deployment', params: { fn: 'announcement' } },
          ],
          after: { deployDeadline: { target: '#pipeline.withdrawing', actions: 'rememberTimeout' } },
          on: {
            'deploy.prepared': [{ guard: 'hasCanary', target: 'canary' }, { target: 'committing' }],
            'deploy.refused': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: { fn: 'wholeEvent' } },
            },
            'deploy.failed': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: { fn: 'wholeEvent' } },
            },
            'operator.cancel': { target: '#pipeline.withdrawing', actions: 'rememberCancel' },
          },
        },
        canary: {
          entry: { type: 'deployment', params: { change: 'startCanary', pair: null } },
          initial: 'watching',
          states: {
            watching: { tags: 'observed', after: { canaryWindow: 'judging' } },
            judging: {
              tags: 'observed',
              after: { deployDeadline: { target: '#pipeline.withdrawing', actions: 'rememberTimeout' } },
            },
          },
          on: {
            'deploy.prepared': { target: 'committing', actions: { type: 'noteCanary', params: { fn: 'wholeEvent' } } },
            'deploy.refused': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: { fn: 'wholeEvent' } },
            },
            'deploy.failed': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: { fn: 'wholeEvent' } },
            },
            'operator.cancel': { target: '#pipeline.withdrawing', actions: 'rememberCancel' },
          },
        },
        committing: {
          tags: 'observed',
          entry: [
            { type: 'mark', params: { withdraw: 'unneeded', 'roll back': 'due' } },
            { type: 'deployment', params: { change: 'commit', pair: null } },
          ],
          after: { deployDeadline: { target: '#pipeline.rollingBack', actions: 'rememberTimeout' } },
          on: {
            'deploy.switched': [
              {
                guard: 'isRollback',
                target: '#pipeline.rolledBack',
                actions: [
                  { type: 'mark', params: { 'roll back': 'unneeded' } },
                  { type: 'publishRolledBack', params: { fn: 'deployedOfEvent' } },
                ],
              },
              { target: 'guarding', actions: { type: 'publishDeployed', params: { fn: 'deployedOfEvent' } } },
            ],
            'deploy.failed': {
              target: '#pipeline.withdrawing',
              actions: { type: 'remember', params: { fn: 'wholeEvent' } },
            },
            'operator.rollback': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
            'operator.cancel': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
          },
        },
        guarding: {
          initial: 'watching',
          states: {
            watching: { tags: 'observed', after: { guardWindow: 'judging' } },
            judging: {
              tags: 'observed',
              on: {
                'deploy.kept': {
                  target: '#pipeline.completed',
                  actions: { type: 'noteGuard', params: { fn: 'wholeEvent' } },
                },
              },
            },
          },
          on: {
            'deploy.breached': {
              target: '#pipeline.rollingBack',
              actions: { type: 'remember', params: { fn: 'wholeEvent' } },
            },
            'operator.rollback': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
            'operator.cancel': { target: '#pipeline.rollingBack', actions: 'rememberCancel' },
          },
        },
      },
    },
    rollingBack: {
      tags: 'observed',
      entry: [
        { type: 'mark', params: { withdraw: 'unneeded', 'roll back': 'due' } },
        { type: 'deployment', params: { change: 'rollBack', pair: null } },
      ],
      after: { deployDeadline: { target: 'undoFailed', actions: 'undoTimedOut' } },
      on: {
        'deploy.switched': {
          target: 'rolledBack',
          actions: [
            { type: 'mark', params: { 'roll back': 'done' } },
            { type: 'publishRolledBack', params: { fn: 'deployedOfEvent' } },
          ],
        },
        'deploy.failed': { target: 'undoFailed', actions: { type: 'undoFailed', params: { fn: 'wholeEvent' } } },
      },
    },
    withdrawing: {
      entry: [
        { type: 'mark', params: { withdraw: 'due', 'roll back': 'unneeded' } },
        { type: 'deployment', params: { change: 'withdraw', pair: null } },
      ],
      after: { deployDeadline: { target: 'undoFailed', actions: 'undoTimedOut' } },
      on: {
        'deploy.withdrawn': { target: 'compensating', actions: { type: 'mark', params: { withdraw: 'done' } } },
        'deploy.failed': { target: 'undoFailed', actions: { type: 'undoFailed', params: { fn: 'wholeEvent' } } },
      },
    },
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
        stopping: {
          entry: { type: 'command', params: { fn: 'cancelCommand' } },
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
        'collect.*': [
          { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
          {},
        ],
        'train.*': [
          { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
          {},
        ],
        'verify.*': [
          { guard: 'isStopped', target: 'undone', actions: { type: 'markStop', params: { status: 'done' } } },
          {},
        ],
        'operator.cancel': {
          guard: 'isForced',
          target: 'undone',
          actions: ['rememberCancel', { type: 'markStop', params: { status: 'unanswered' } }],
        },
      },
    },
    undoFailed: {
      initial: 'deciding',
      states: {
        deciding: { always: [{ guard: 'mayUndoAgain', target: 'waiting' }, { target: '#pipeline.needsOperator' }] },
        waiting: { after: { undoBackoff: { target: '#pipeline.compensating', actions: 'nextUndo' } } },
      },
    },
    undone: { always: [{ guard: 'wasCancelled', target: 'cancelled' }, { target: 'failed' }] },
    needsOperator: {
      on: {
        'operator.resume': { target: 'compensating', actions: 'undoAgain' },
        'operator.cancel': { target: 'undone', actions: 'rememberCancel' },
      },
    },
    completed: { type: 'final', entry: { type: 'mark', params: { 'roll back': 'unneeded' } } },
    rejected: { type: 'final' },
    unchanged: { type: 'final' },
    failed: { type: 'final' },
    rolledBack: { type: 'final' },
    cancelled: { type: 'final' },
  },
});
export { pipelineMachine };
