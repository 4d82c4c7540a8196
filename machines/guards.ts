/** The conditions of the machine's transitions, each a question to the memory of the run and to the event. */
import type { WorkStage } from '../contracts/subjects.ts';
import type { PipelineContext } from './context.ts';
import type { PipelineEvent } from './events.ts';
import { commandId } from './params.ts';
import { isDue } from './plan.ts';

/** After this many deadlines at which the worker still worked, the stage counts as stuck. */
const EXTENSIONS_MAX = 3;

interface Asked {
  readonly context: PipelineContext;
  readonly event: PipelineEvent;
}
type Guard = (asked: Asked) => boolean;

/** An answer to an earlier attempt does not decide about the current one. */
const isCurrent = ({ context, event }: Asked) => 'commandId' in event && event.commandId === commandId(context);
const hasAttemptsLeft = ({ context }: Asked) => context.attempt < context.pipeline.retry.attemptsMax;
const isIn =
  (stage: WorkStage) =>
  ({ context }: Asked) =>
    context.stage === stage;
const inCollect = isIn('collect');
const inVerify = isIn('verify');

export const guards = {
  isRollback: ({ context }) => context.kind === 'rollback',
  /** A first release, or one that an operator wants, is compared with nothing. */
  hasCanary: ({ context: { pipeline, champion, target } }) =>
    pipeline.deployment.strategy === 'canary' && champion !== null && target === undefined,
  hasTarget: ({ context }) => context.target !== undefined,
  isCurrent,
  /** The worker has ended this work, in whatever way. */
  isStopped: (asked) => isCurrent(asked) && asked.event.type !== `${asked.context.stage}.working`,
  /** The snapshot is that of the last verdict, and so are configuration and champion. */
  isUnchanged: (asked) =>
    inCollect(asked) &&
    asked.event.type === 'collect.completed' &&
    asked.event.content !== undefined &&
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
} satisfies Readonly<Record<string, Guard>>;
