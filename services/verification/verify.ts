/**
 * Verifies a candidate: accuracy and performance side by side, each on a host of its own, the champion on the same
 * probes, then the gates. Yields the gallery and the golden samples that a release needs besides the model. Called by
 * the verifier actor; knows no messages.
 */
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import type { VerificationConfig } from '../../contracts/configuration/verification.ts';
import type { Accuracy, VerificationReport } from '../../contracts/verification.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { LabelledImages } from '../data/strategy.ts';
import { writeGallery, type Gallery } from '../serving/gallery/gallery.ts';
import { takeGolden, writeGolden, type Golden } from '../serving/host/golden.ts';
import { createModelHost } from '../serving/host/model-host.ts';
import type { ModelHost } from '../serving/strategy.ts';
import type { WorkContext } from '../work.ts';
import { createAccuracyStrategy } from './accuracy.ts';
import { withDeadline } from './deadline.ts';
import { judge } from './gates.ts';
import { createPerformanceStrategy, performanceImages } from './performance.ts';
import { sumProgress } from './progress.ts';

export interface VerificationJob {
  readonly runId: string;
  readonly model: string;
  readonly candidateBytes: Uint8Array;
  readonly candidateDigest: string;
  /** The model in service; null before the first. */
  readonly championBytes: Uint8Array | null;
  readonly championDigest: string | null;
  /** The enrolled images: the train and validation splits. They become the gallery that is served. */
  readonly gallery: LabelledImages;
  /** Images that are in neither training nor gallery. */
  readonly probes: LabelledImages;
  readonly config: VerificationConfig;
  readonly image: ImageSpec;
}

export interface VerificationOutcome {
  readonly report: VerificationReport;
  /** safetensors, of the enrolled images, with the threshold that the probes gave. */
  readonly gallery: Buffer;
  /** safetensors */
  readonly golden: Buffer;
}

/** As in service: batches, one thread per operator, and room for the requests that performance.ts keeps in flight. */
const HOST_OPTIONS = { queueMax: 64, batchMax: 32, threads: 1 } as const;

/**
 * Throws DATASET_TOO_SMALL without probes, STAGE_TIMEOUT if a side takes longer than its limit, MODEL_INVALID for a
 * candidate that is no such model, HOST_FAILED, or the reason of the abort signal. A rejected candidate is an outcome,
 * not an error.
 */
export async function verifyCandidate(job: VerificationJob, context: WorkContext): Promise<VerificationOutcome> {
  refuseEmptySplits(job);
  const { runId, config } = job;
  const startedAt = context.now();
  const part = sumProgress(context, imagesOf(job), 'image');
  const [accuracySide, performanceSide] = await bothOrNeither(
    context.signal,
    (outer) =>
      withDeadline({ runId, side: 'accuracy', maxMs: config.accuracyMaxMs }, outer, (signal) =>
        timed(context, () => measureAccuracySide(job, part, signal)),
      ),
    (outer) =>
      withDeadline({ runId, side: 'performance', maxMs: config.performanceMaxMs }, outer, (signal) =>
        timed(context, () => measurePerformanceSide(job, { ...part(), signal })),
      ),
  );
  const { accuracy, champion, gallery, golden } = accuracySide.value;
  const performance = performanceSide.value;
  const { gates, verdict } = judge({ accuracy, performance, champion: champion?.accuracy ?? null }, job.config.gates);
  return {
    report: {
      format: 'nightshift.verification/1',
      runId: job.runId,
      model: job.model,
      candidate: { digest: job.candidateDigest, accuracy, performance },
      champion,
      gates,
      verdict,
      durationMs: {
        accuracy: accuracySide.durationMs,
        performance: performanceSide.durationMs,
        total: context.now() - startedAt,
      },
    },
    gallery: writeGallery({ gallery, modelDigest: job.candidateDigest }),
    golden: writeGolden(golden),
  };
}

interface AccuracySide {
  readonly accuracy: Accuracy;
  readonly champion: VerificationReport['champion'];
  readonly gallery: Gallery;
  readonly golden: Golden;
}

async function measureAccuracySide(
  job: VerificationJob,
  part: () => WorkContext,
  signal: AbortSignal,
): Promise<AccuracySide> {
  const measured = await withHost(job.candidateBytes, job.image, async (host) => {
    const { gallery, ...accuracy } = await createAccuracyStrategy().measure({ ...job, host }, { ...part(), signal });
    return { accuracy, gallery, golden: await takeGolden(host, job.probes) };
  });
  return { ...measured, champion: await measureChampion(job, { ...part(), signal }) };
}

/** A champion that cannot be measured, for instance after a change of the image size, must not block its successor. */
async function measureChampion(job: VerificationJob, context: WorkContext): Promise<VerificationReport['champion']> {
  const { championBytes, championDigest } = job;
  if (!championBytes || !championDigest) return null;
  try {
    return await withHost(championBytes, job.image, async (host) => {
      const { gallery: _, ...accuracy } = await createAccuracyStrategy().measure({ ...job, host }, context);
      return { digest: championDigest, accuracy };
    });
  } catch (error) {
    context.signal.throwIfAborted();
    const fields = { runId: job.runId, championDigest, failure: toFailure(error) };
    context.log.warn(fields, 'verifier: the champion cannot be measured; the candidate is judged without it');
    return null;
  }
}

function measurePerformanceSide(job: VerificationJob, context: WorkContext) {
  const strategy = createPerformanceStrategy({ requests: job.config.performanceRequests });
  return withHost(job.candidateBytes, job.image, (host) => strategy.measure({ ...job, host }, context));
}

async function withHost<T>(model: Uint8Array, image: ImageSpec, use: (host: ModelHost) => Promise<T>): Promise<T> {
  const host = await createModelHost({ model, image, ...HOST_OPTIONS });
  try {
    return await use(host);
  } finally {
    await host.close();
  }
}

async function timed<T>({ now }: WorkContext, work: () => Promise<T>): Promise<{ value: T; durationMs: number }> {
  const startedAt = now();
  return { value: await work(), durationMs: now() - startedAt };
}

/**
 * Runs both at once; the failure of one ends the other. Throws only after both have ended, so no host is left behind.
 */
async function bothOrNeither<A, B>(
  outer: AbortSignal,
  first: (signal: AbortSignal) => Promise<A>,
  second: (signal: AbortSignal) => Promise<B>,
): Promise<[A, B]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const abortOther = (error: unknown): never => {
    failed.abort(error);
    throw error;
  };
  const sides = [first(signal).catch(abortOther), second(signal).catch(abortOther)] as const;
  await Promise.allSettled(sides);
  return Promise.all(sides);
}

/** Images embedded in all: enrolled and probes by candidate and champion, and those of the performance side. */
function imagesOf({ gallery, probes, championBytes, config }: VerificationJob): number {
  const perModel = gallery.count + probes.count;
  return perModel * (championBytes ? 2 : 1) + performanceImages(config.performanceRequests);
}

function refuseEmptySplits({ gallery, probes, runId }: VerificationJob): void {
  if (gallery.count > 0 && probes.count > 0) return;
  throw new PipelineError(
    'DATASET_TOO_SMALL',
    `verifier: run ${runId} has ${gallery.count} enrolled images and ${probes.count} probes, and needs some of both. ` +
      'Collect more images, or change split.probe in the configuration.',
  );
}
