/** Why a run is not going to complete, where the machine itself has to say so: deadlines, refusals, operators. */
import type { Failure } from '../contracts/errors.ts';
import type { PipelineContext } from './context.ts';
import type { PipelineEvent } from './events.ts';

export const timeout = (c: PipelineContext, what: string): Failure => ({
  code: 'STAGE_TIMEOUT',
  message: `run ${c.runId}: ${c.stage ?? 'deployment'} ${what}`,
  retryable: false,
});

/** By an operator, or by the silence of all of them. */
export const rejection = (event: PipelineEvent): Failure => ({
  code: 'APPROVAL_DENIED',
  message:
    reasonOf(event) || (event.type === 'operator.reject' ? 'rejected by an operator' : 'nobody approved in time'),
  retryable: false,
});

export const cancellation = (event: PipelineEvent): Failure => ({
  code: 'CANCELLED',
  message: reasonOf(event) || 'cancelled by an operator',
  retryable: false,
});

const reasonOf = (event: PipelineEvent) => ('reason' in event ? event.reason : undefined);
