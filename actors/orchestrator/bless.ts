/**
 * The operator command that puts a candidate into service by hand which its verification did not bless. A person answers
 * for it by name, in the ledger. A line in the table of commands.ts.
 */
import type { CommandData } from '../../contracts/commands.ts';
import type { CTL } from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { Checkpoint } from '../../machines/step.ts';
import { originOf } from '../../services/deployment/retained.ts';
import { configurationOf, mustHaveEnded } from './again.ts';
import { beginFrom, loadRun, notApplicable, type Sent } from './begin.ts';
import { runKey, type OrchestratorContext } from './context.ts';
import { isSamePair } from './look-back.ts';

type Bless = Required<Omit<CommandData<typeof CTL.pipelineBless>, 'approval'>>;

/**
 * A new run that deploys the candidate of another, with that one's configuration. Throws RUN_UNKNOWN, RUN_ACTIVE,
 * COMMAND_NOT_APPLICABLE.
 */
export async function blessRun(o: OrchestratorContext, { runId, by, reason, newRunId }: Bless, sent: Sent) {
  const old = await loadRun(o, runId);
  const { model, dataset, content, candidate, verification } = old.context;
  if (!candidate || !verification) throw notApplicable(`run ${runId} has no verified candidate that could be blessed`);
  // A redelivery finds the run that the first delivery began, and perhaps its candidate in service.
  if ((await o.runs.load(runKey(newRunId))) === null) {
    mustHaveEnded(old);
    mustNeedIt(old, (await o.deployments.load(model))?.value ?? null);
  }
  const forkedFrom = { runId, stage: 'deploy' as const, dataset, content, candidate, verification };
  const origin = { pipeline: configurationOf(old.context), forkedFrom, blessing: { by, reason } };
  return beginFrom(o, { model, runId: newRunId, ...sent }, origin);
}

/**
 * A candidate is not put over a pair that is newer than it: nobody has compared the two. That an older pair came back
 * since, by a rollback, is no hindrance. Throws COMMAND_NOT_APPLICABLE.
 */
function mustNeedIt({ context, startedAt }: Checkpoint, record: Deployment | null): void {
  const { runId, candidate, verification } = context;
  if (verification?.verdict === 'blessed') {
    throw notApplicable(
      `the candidate of run ${runId} was blessed by its verification; retry the run, or fork it from deploy`,
    );
  }
  const current = record?.current ?? null;
  if (!record || !current) return;
  if (candidate && verification && isSamePair({ ...verification, model: verification.refit ?? candidate }, current)) {
    throw notApplicable(`the candidate of run ${runId} serves already, as release ${current.release}`);
  }
  const { release } = originOf(current);
  const first = record.ledger.find((entry) => entry.release === release);
  if (first && first.startedAt > startedAt) {
    const hint = `\`nightshift fork ${runId} --from verify\` judges it anew, against what serves`;
    throw notApplicable(
      `the pair in service, of release ${release}, is newer than the candidate of run ${runId}; ${hint}`,
    );
  }
}
