/**
 * Whether a pair may go on towards service, as far as the orchestrator can tell: its verifier's signature, and that no
 * release is known that the deployment record has lost. Asked when a verification completes and before a pair is announced.
 */
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import { ModelDeployedSchema } from '../../contracts/messages.ts';
import type { Announced, Deployment, ModelPair } from '../../contracts/release.ts';
import { modelDeployedSubject, modelRolledBackSubject, STREAMS } from '../../contracts/subjects.ts';
import type { PipelineContext, PipelineEvent } from '../../machines/pipeline.machine.ts';
import { demanded } from '../../services/signing/signing.ts';
import { checkPair } from '../../services/signing/statement.ts';
import { approvalsOf } from './approvals.ts';
import { runKey, type OrchestratorContext } from './context.ts';

type Verified = Extract<PipelineEvent, { type: 'verify.completed' }>;

/**
 * The event, or the failure of its stage: without a trusted verifier's word on this run's candidate there is no result.
 * Throws only what passes.
 */
export async function checkedVerification(
  o: OrchestratorContext,
  runId: string,
  event: Verified,
): Promise<PipelineEvent> {
  const trust = demanded(o.signing, 'verifier');
  const run = trust && event.admitted ? await o.runs.load(runKey(runId)) : null;
  const { model, candidate } = run?.value.context ?? {};
  // A run without a candidate waits for no verification, and hears of none.
  if (!trust || !model || !candidate) return event;
  try {
    await checkPair({
      trust,
      blobs: o.blobs,
      model,
      pair: { ...papersIn(event), model: event.refit ?? candidate, runId },
      run: runId,
    });
    return event;
  } catch (error) {
    const failure = toFailure(error);
    if (failure.retryable) throw error;
    o.log.error({ model, runId, failure }, 'orchestrator: ALARM: a result of verification is refused');
    return { type: 'verify.failed', commandId: event.commandId, failure };
  }
}

const papersIn = ({ gallery, golden, faces, statement }: Verified): Omit<ModelPair, 'model' | 'runId'> => ({
  ...{ gallery, golden },
  ...(faces ? { faces } : {}),
  ...(statement ? { statement } : {}),
});

/** The pair with what proves it. A pair that has served before brings its own. */
export async function withPapers(
  o: OrchestratorContext,
  pair: Announced,
  context: PipelineContext,
): Promise<Announced> {
  const { target, verification, blessing, runId } = context;
  if (target) return pair;
  const approvals = await approvalsOf(o, runId);
  return {
    ...pair,
    ...(approvals.length > 0 ? { approvals: [...approvals] } : {}),
    ...(verification?.statement ? { statement: verification.statement } : {}),
    ...(blessing ? { blessed: true as const } : {}),
  };
}

/** Throws RELEASE_UNTRUSTED, and what the store throws. */
export async function refuseUnsigned(o: OrchestratorContext, model: string, pair: ModelPair): Promise<void> {
  const trust = demanded(o.signing, 'verifier');
  if (trust) await checkPair({ trust, blobs: o.blobs, model, pair });
}

/**
 * A record that is gone, or older than what is known, must not be written on: its next release would have a number that
 * another pair had. Throws RECORD_LOST.
 */
export async function refuseLost(o: OrchestratorContext, model: string, record: Deployment | null): Promise<void> {
  const [deployed, rolledBack, replicas] = await Promise.all([
    o.bus.lastOn(STREAMS.events, modelDeployedSubject(model)),
    o.bus.lastOn(STREAMS.events, modelRolledBackSubject(model)),
    o.liveReplicas(model),
  ]);
  const told = [deployed, rolledBack].map((event) => ModelDeployedSchema.safeParse(event?.data).data?.release ?? 0);
  const known = Math.max(...told, ...replicas.map(({ release }) => release ?? 0));
  const given = record?.releaseMax ?? 0;
  if (known <= given) return;
  const state = record ? `knows releases up to ${given}` : 'is gone';
  const message = `model ${model}: the deployment record ${state}, but release ${known} has served; docs/signed-releases.md says how to restore it`;
  o.log.error({ model, known, given }, `orchestrator: ALARM: ${message}`);
  throw new PipelineError('RECORD_LOST', message);
}
