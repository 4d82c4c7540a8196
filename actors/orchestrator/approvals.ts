/**
 * Words of operators on a candidate, each signed with a key of their own: kept beside the run, in RUNS, until its pair is
 * announced, and then a part of the pair. Where the trusted keys demand such words, an approval without enough of them is
 * refused, and the run goes on waiting.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { EnvelopeOfStatement } from '../../contracts/signing.ts';
import type { PipelineContext } from '../../machines/pipeline.machine.ts';
import { approversOf } from '../../services/signing/statement.ts';
import type { OrchestratorContext } from './context.ts';

const keyOf = (runId: string) => `approval.${runId}`;

export const approvalsOf = async (o: OrchestratorContext, runId: string): Promise<readonly EnvelopeOfStatement[]> =>
  (await o.approvals.load(keyOf(runId)))?.value.approvals ?? [];

/**
 * Keeps the word for the run that is to deploy the candidate of `context`. Throws RELEASE_UNTRUSTED while operators are
 * lacking.
 */
export async function keepApproval(
  o: OrchestratorContext,
  runId: string,
  { model, candidate, verification }: Pick<PipelineContext, 'model' | 'candidate' | 'verification'>,
  approval: EnvelopeOfStatement | undefined,
): Promise<void> {
  const trust = o.signing.trust();
  // Without a verified candidate the command is refused for that.
  if (!trust || !candidate || !verification) return;
  const stored = await o.approvals.load(keyOf(runId));
  const kept = stored?.value.approvals ?? [];
  const signers = (approvals: EnvelopeOfStatement[]) =>
    approversOf({ model: verification.refit ?? candidate, gallery: verification.gallery, approvals }, model, trust);
  const approvals = approval ? [...kept, approval] : kept;
  const found = signers(approvals);
  // A word that counts for nothing is not kept.
  if (found > signers(kept)) await o.approvals.save(keyOf(runId), { approvals }, stored?.revision ?? 0);
  if (found >= trust.required.operator) return;
  const message = `run ${runId}: ${found} of the ${trust.required.operator} operators that are required have signed for its candidate; \`nightshift approve\` signs where an operator's key lies`;
  throw new PipelineError('RELEASE_UNTRUSTED', message);
}
