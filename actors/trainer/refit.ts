/**
 * The final refit: once the candidate is trained, a second training from the same start also learns the probes, for as many
 * passes as the candidate's best took. Nobody can judge the result on its probes any more; the verifier looks at people
 * whom neither has learned (services/verification/refit.ts).
 */
import { AUTO_HEAD, type TrainingConfig } from '../../contracts/configuration/training.ts';
import type { TrainingJob, TrainingOutcome, TrainingStrategy } from '../../services/training/strategy.ts';
import type { WorkContext } from '../../services/work.ts';

/** Every part of the snapshot with learned people. */
export const EVERYTHING = [['train', 'validation', 'probe']] as const;

/**
 * The refitted model as ONNX; null where there is none, with a line that says why: nothing was trained, or no time is left.
 * It is not resumed: an interrupted refit begins anew. `job` is that of the candidate with all images to learn.
 */
export async function refit(
  strategy: TrainingStrategy,
  job: Omit<TrainingJob, 'validation' | 'resumeFrom'>,
  candidate: TrainingOutcome & { readonly durationMs: number },
  context: WorkContext,
): Promise<Uint8Array | null> {
  const epochs = candidate.course?.bestEpoch ?? candidate.epochs;
  const leftMs = job.config.maxDurationMs - candidate.durationMs;
  if (epochs === 0) return without(context, job, 'nothing was trained that could learn more images');
  if (leftMs < LEFT_MIN_MS) return without(context, job, 'the candidate took all of training.maxDurationMs');
  const config = { ...withoutChoices(job.config), epochs, maxDurationMs: leftMs };
  const outcome = await strategy.train(
    { ...job, config, validation: null, resumeFrom: null },
    { ...context, saveCheckpoint: async () => {} },
  );
  if (outcome.course?.ended === 'time') return without(context, job, 'training.maxDurationMs ended it early');
  return outcome.model;
}

const LEFT_MIN_MS = 1000;

/** Without validation nothing can stop it early; the choice of a head was made for the candidate. */
function withoutChoices({ earlyStopping: _, ...config }: TrainingConfig): TrainingConfig {
  const { backbone } = config;
  return backbone?.head === 'auto' ? { ...config, backbone: { ...backbone, head: AUTO_HEAD } } : config;
}

function without({ log }: WorkContext, { runId }: { readonly runId: string }, why: string): null {
  log.warn({ runId }, `training: no refit on all images: ${why}`);
  return null;
}
