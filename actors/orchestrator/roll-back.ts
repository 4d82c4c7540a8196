/**
 * The operator command that puts an earlier release back into service: by the run that has just deployed, or by a run
 * of its own. A line in the table of commands.ts.
 */
import type { CommandData } from '../../contracts/commands.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { CTL } from '../../contracts/subjects.ts';
import type { Deployment } from '../../contracts/release.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { observedPhase } from '../../machines/step.ts';
import { targetOf } from '../../services/deployment/retained.ts';
import type { Obeyed } from './answer.ts';
import { derivedRunId, latestRun, takeLock } from './begin.ts';
import { pipelineOf } from './configuration.ts';
import { rollbackLockKey, runKey, type OrchestratorContext } from './context.ts';
import { applyEvent, beginRun } from './run-loop.ts';
import { senderOf, triggerOf } from './sender.ts';

/**
 * A run that has just put the newest release into service takes it back itself; otherwise a run of its own does. A pair
 * that has to be loaded always gets a run of its own, and the newest release is gone before it is loaded.
 */
export async function rollBackModel(
  o: OrchestratorContext,
  { model, release, runId: chosen, reason }: CommandData<typeof CTL.modelRollback>,
  delivery: Delivery,
): Promise<Obeyed> {
  const pipeline = await pipelineOf(o, model);
  const { envelope } = delivery;
  const { by } = senderOf(o, delivery);
  const runId = chosen ?? derivedRunId('rollback', delivery);
  const isBegun = (await o.runs.load(runKey(runId))) !== null;
  const latest = await latestRun(o, model);
  // A redelivery goes where the first delivery went, also when that run has ended since.
  const isTold = latest?.seen.includes(envelope.id) ?? false;
  const record = (await o.deployments.load(model))?.value ?? null;
  const isDone = isTold && (release === undefined || targetOf(record, model, release).kind === 'current');
  const target = isBegun || isDone ? null : await reachable(o, record, model, release);
  const isFresh = latest !== null && latest.status === 'active' && ROLLS_BACK.has(observedPhase(latest));
  if (latest && !isBegun && (isTold || isFresh)) {
    const event = { type: 'operator.rollback' as const, reason };
    const { checkpoint, moved } = await applyEvent(o, latest.context.runId, envelope.id, event, by);
    if (target?.kind !== 'retained') return { checkpoint, changed: moved };
  }
  // Two that were asked for at once would take each other back.
  if (!isBegun) await takeLock(o, rollbackLockKey(model), model, runId);
  const champion = record?.current ?? null;
  const wanted = target?.kind === 'retained' ? { target: target.pair } : {};
  const fresh = { forkedFrom: null, history: [], unchangedContent: null, lastVerdict: null, blessing: null };
  const input = { runId, model, kind: 'rollback' as const, pipeline, champion, reason, ...fresh, ...wanted };
  const beginning = { runId, messageId: envelope.id, by, trigger: triggerOf(delivery), input: async () => input };
  const { checkpoint, moved } = await beginRun(o, beginning);
  return { checkpoint, changed: moved };
}

/** Phases of a run whose release is in service, or may be. */
const ROLLS_BACK: ReadonlySet<ReturnType<typeof observedPhase>> = new Set(['committing', 'guarding', 'rollingBack']);

/**
 * Where the rollback leads. Throws NO_PREVIOUS_RELEASE, RELEASE_NOT_RETAINED, or BLOB_MISSING: refused at once, not
 * later.
 */
async function reachable(
  o: OrchestratorContext,
  record: Deployment | null,
  model: string,
  release: number | undefined,
) {
  const target = targetOf(record, model, release);
  if (target.kind === 'previous') return target;
  if (target.kind === 'current') {
    const message = `model ${model}: the pair of release ${release} is in service already, as release ${target.release}`;
    throw new PipelineError('RELEASE_NOT_RETAINED', message);
  }
  const { model: net, gallery, golden, faces } = target.pair;
  for (const ref of [net, gallery, golden, ...(faces ? [faces] : [])]) {
    if (await o.blobs.holds(ref)) continue;
    const { bucket, key } = ref;
    const message = `model ${model}, release ${release}: ${bucket}/${key} is no longer stored, so its pair cannot be loaded`;
    throw new PipelineError('BLOB_MISSING', message);
  }
  return target;
}
