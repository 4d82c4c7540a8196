/**
 * The delays of the machine: deadlines and windows as they are configured, and the back-off between two attempts. Each
 * becomes a durable timer.
 */
import type { PipelineContext } from './context.ts';

type Wait = (args: { context: PipelineContext }) => number;

export const waits = {
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
} satisfies Readonly<Record<string, Wait>>;

/** Doubles from attempt to attempt; each wait is shortened by up to half, by chance. */
const waitMs = ({ pipeline: { retry } }: PipelineContext, attempt: number, name: string) =>
  Math.round(
    Math.min(retry.backoffMaxMs, retry.backoffMs * 2 ** (attempt - 1)) * (1 - chance(`${name}.${attempt}`) / 2),
  );

/** 0..1 out of a text (FNV-1a, 32 bits): a jitter that a replay finds again. */
function chance(text: string): number {
  let hash = 0x811c9dc5;
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0) / 2 ** 32;
}
