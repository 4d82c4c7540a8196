/** A deadline for one side of the verification. Its breach names the side, so that a person knows what to change. */
import { PipelineError } from '../../contracts/errors.ts';
import { linkAbort } from '../../runtime/linked-abort.ts';

export interface SideDeadline {
  readonly runId: string;
  /** The side, as the setting `verification.<side>MaxMs` names it. */
  readonly side: 'accuracy' | 'performance';
  readonly maxMs: number;
}

/** The work ends early when `parent` is aborted or the time is over. Throws STAGE_TIMEOUT in the latter case. */
export async function withDeadline<T>(
  { runId, side, maxMs }: SideDeadline,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const linked = linkAbort(parent);
  const setting = `verification.${side}MaxMs`;
  const message = `verifier: run ${runId}: ${side} was not measured within ${maxMs} ms; raise ${setting}, or verify on fewer images`;
  const timer = setTimeout(() => linked.abort(new PipelineError('STAGE_TIMEOUT', message)), maxMs);
  try {
    return await work(linked.signal);
  } finally {
    clearTimeout(timer);
    linked.unlink();
  }
}
