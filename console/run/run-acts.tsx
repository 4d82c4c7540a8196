/** What may be done with a run as it stands: the acts that its state has an answer to. */
import type { RunMemory, RunSummary } from '../../contracts/api.ts';
import { CTL, type CtlSubject } from '../../contracts/subjects.ts';
import type { Act } from '../parts/acts.tsx';
import { holdsIn } from './reasons.ts';
import { topOf } from './stages.ts';

/** With its memory, if that is known: approving means something else before the training. */
export function runActs({ runId, state, status, context }: RunSummary & { context?: RunMemory }): readonly Act[] {
  const top = topOf(state);
  if (status === 'done') return ['failed', 'cancelled'].includes(top) ? [retry(runId)] : [];
  return [
    ...(top === 'awaitingApproval'
      ? context && holdsIn(context).length > 0
        ? [believe(runId), refuse(runId)]
        : [approve(runId), reject(runId)]
      : []),
    ...(['paused', 'needsOperator'].includes(top) || state.endsWith('.held') ? [resume(runId)] : []),
    ...(['collecting', 'training', 'verifying', 'retrying'].includes(top) && !state.endsWith('.held')
      ? [pause(runId)]
      : []),
    cancel(runId),
  ];
}

const about = (runId: string) => (reason: string | undefined) => ({
  runId,
  ...(reason === undefined ? {} : { reason }),
});

const act = (subject: CtlSubject, runId: string, label: string, body: string, look: Act['look'] = 'plain'): Act => ({
  ...{ subject, data: about(runId), label, look, asksReason: true },
  title: `${label}: ${runId}`,
  body: <p>{body}</p>,
});

const approve = (runId: string) =>
  act(CTL.pipelineApprove, runId, 'Approve', 'The candidate goes into service on all replicas.', 'main');
const reject = (runId: string) =>
  act(CTL.pipelineReject, runId, 'Reject', 'The candidate stays out; the model in service stays.', 'danger');
const believe = (runId: string) =>
  act(CTL.pipelineApprove, runId, 'Approve', 'The data of the night is right, and the run goes on with it.', 'main');
const refuse = (runId: string) =>
  act(CTL.pipelineReject, runId, 'Reject', 'Nothing is trained on this data; the model in service stays.', 'danger');
const resume = (runId: string) => act(CTL.pipelineResume, runId, 'Resume', 'The run goes on where it stands.', 'main');
const pause = (runId: string) =>
  act(CTL.pipelinePause, runId, 'Pause', 'The stage under way ends, and no other begins until the run is resumed.');
const cancel = (runId: string) =>
  act(CTL.pipelineCancel, runId, 'Cancel the run', 'It stops, and what it did is taken back.', 'danger');
const retry = (runId: string) =>
  act(CTL.pipelineRetry, runId, 'Try again', 'A new run begins where this one failed, with its results.', 'main');
