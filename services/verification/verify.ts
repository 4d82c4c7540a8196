/**
 * Verifies a candidate: accuracy and performance side by side, each on hosts of its own, the champion on the same images,
 * then the gates. Yields the gallery, the golden samples and the evidence that a release and its report need besides the
 * model. Called by the verifier actor; knows no messages.
 */
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import type { VerificationConfig } from '../../contracts/configuration/verification.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { Evidence, Gate, PastFigures, Performance, VerificationReport } from '../../contracts/verification.ts';
import { lackOfStrangers } from '../decision/enough.ts';
import { writeGallery, type Gallery } from '../serving/gallery/gallery.ts';
import { takeGolden, writeGolden, type Golden } from '../serving/host/golden.ts';
import { createModelHost } from '../serving/host/model-host.ts';
import type { ModelHost } from '../serving/strategy.ts';
import { embedByFeatures } from '../training/frozen/by-features.ts';
import type { WorkContext } from '../work.ts';
import {
  imagesToEmbed,
  measureAccuracy,
  strangersIn,
  type Measured,
  type Shortcut,
  type VerificationImages,
} from './accuracy.ts';
import { mostAlike } from './alike.ts';
import { compare, type Comparison } from './comparison.ts';
import { withDeadline } from './deadline.ts';
import { evidenceOf } from './evidence.ts';
import { isAdmitted, judge } from './gates.ts';
import { measurePerformance, performanceImages } from './performance.ts';
import { sumProgress } from './progress.ts';
import { judgeRefit } from './refit.ts';
import { servedGallery } from './served-gallery.ts';

export interface VerificationJob {
  readonly runId: string;
  readonly model: string;
  /** For sentences. */
  readonly noun: Noun;
  readonly candidateBytes: Uint8Array;
  readonly candidateDigest: string;
  /** The model in service; null before the first. */
  readonly championBytes: Uint8Array | null;
  /** Of the model in service, also if its bytes are gone. */
  readonly championDigest: string | null;
  /** The run that made it. */
  readonly championRunId: string | null;
  /** The candidate fitted again to all images; null if there is none, or none is wanted. */
  readonly refit?: { readonly bytes: Uint8Array; readonly digest: string } | null;
  readonly images: VerificationImages;
  readonly config: VerificationConfig;
  readonly decision: DecisionConfig;
  /** Figures of the releases before, newest first. */
  readonly history: readonly PastFigures[];
  readonly image: ImageSpec;
}

export interface VerificationOutcome {
  readonly report: VerificationReport;
  readonly evidence: Evidence;
  /** The model that serves is the refit; gallery and golden samples are of it. */
  readonly servesRefit: boolean;
  /** safetensors, of all images of the enrolled people, with the thresholds. */
  readonly gallery: Buffer;
  /** safetensors */
  readonly golden: Buffer;
}

/** As in service: batches, one thread per operator, and room for the requests that performance.ts keeps in flight. */
const HOST_OPTIONS = { queueMax: 64, batchMax: 32, threads: 1 } as const;
const NAMES_LOST_MAX = 200;

/**
 * Throws DATASET_TOO_SMALL if the images can say nothing, STAGE_TIMEOUT if a side takes longer than its limit,
 * MODEL_INVALID for a candidate that is no such model, HOST_FAILED, or the reason of the abort signal. A rejected candidate
 * is an outcome, not an error.
 */
export async function verifyCandidate(job: VerificationJob, context: WorkContext): Promise<VerificationOutcome> {
  refuseTooFew(job);
  const { runId, config } = job;
  const startedAt = context.now();
  const part = sumProgress(context, stepsOf(job), 'image');
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
  const report = reportOf(job, accuracySide.value, performanceSide.value);
  const refit = report.admitted ? await refitSide(job, accuracySide.value.candidate, part) : null;
  const durationMs = {
    accuracy: accuracySide.durationMs,
    performance: performanceSide.durationMs,
    total: context.now() - startedAt,
  };
  const served = refit?.serves ? refit : accuracySide.value;
  const servesRefit = served === refit;
  return {
    report: {
      ...report,
      durationMs,
      ...(refit && { refit: { digest: job.refit!.digest, serves: servesRefit, gates: [...refit.gates] } }),
    },
    ...{ evidence: accuracySide.value.evidence, servesRefit },
    gallery: writeGallery({
      gallery: served.gallery,
      modelDigest: servesRefit ? job.refit!.digest : job.candidateDigest,
    }),
    golden: writeGolden(served.golden),
  };
}

interface RefitSide {
  readonly serves: boolean;
  readonly gates: readonly Gate[];
  readonly gallery: Gallery;
  readonly golden: Golden;
}

/** Null if there is no refit, or it cannot be measured, which says nothing against the candidate. */
async function refitSide(job: VerificationJob, candidate: Figures, part: () => WorkContext): Promise<RefitSide | null> {
  const { refit, images, decision, image, config, runId } = job;
  const context = part();
  const limit = { runId, side: 'accuracy', maxMs: config.accuracyMaxMs } as const;
  const { value } = await unlessUnusable('the refit', refit ?? null, { runId, context }, (bytes) =>
    withDeadline(limit, context.signal, (signal) =>
      withHost(bytes, image, async (host) => {
        const shortcut = shortcutFor(job, host, bytes);
        const measured = await measureAccuracy(host, images, decision, { ...context, signal }, shortcut);
        const gates = judgeRefit(candidate, measured, images.heldOut);
        const gallery = await servedGallery(measured, images, decision, signal);
        const serves = gates.every(({ outcome }) => outcome === 'held');
        return { serves, gates, gallery, golden: await takeGolden(host, images.probes) };
      }),
    ),
  );
  return value;
}

function reportOf(
  job: VerificationJob,
  { candidate, champion, loss }: AccuracySide,
  speed: PerformanceSide,
): Omit<VerificationReport, 'durationMs'> {
  const { runId, model, images, decision, championDigest } = job;
  const { accuracy } = candidate;
  const isCompared = champion !== null && championDigest !== null && speed.champion !== null;
  const compared = isCompared
    ? {
        ...{ runId: job.championRunId ?? '', accuracy: champion.measured.accuracy },
        ...{ performance: speed.champion!, comparison: champion.comparison },
      }
    : null;
  const lost = championDigest === null ? null : (loss ?? speed.loss ?? 'the model in service cannot be read');
  const judgement = judge(
    { candidate: { accuracy, performance: speed.candidate }, champion: compared ?? lost, history: job.history },
    job.config.gates,
    job.noun,
  );
  const { gates, verdict, reasons, best } = judgement;
  const { searches, from } = candidate.strangers;
  return {
    format: 'nightshift.verification/2',
    ...{ runId, model, verdict, admitted: isAdmitted(judgement, decision.inconclusive), reasons: [...reasons] },
    gates: [...gates],
    promise: { ...decision.identify, ...decision.verify },
    data: {
      people: images.enrolled.labels.length,
      images: images.enrolled.count + images.probes.count,
      probes: images.probes.count,
      heldOut: images.heldOut.size,
      strangers: { from, people: new Set(searches.map(({ person }) => person)).size, images: searches.length },
    },
    candidate: { digest: job.candidateDigest, accuracy, performance: speed.candidate },
    champion: compared && {
      ...{ digest: championDigest!, accuracy: compared.accuracy, performance: compared.performance },
    },
    comparison: compared && comparisonOf(compared.comparison),
    best,
  };
}

const comparisonOf = ({ rank1, rank1PerPerson, fnir, namesLost }: Comparison) => ({
  ...{ rank1, rank1PerPerson, fnir },
  namesLost: namesLost.slice(0, NAMES_LOST_MAX),
  namesLostTotal: namesLost.length,
});

/** Embeddings are let go as soon as the gallery is made: those of a hundred thousand images take up to 200 MB. */
type Figures = Omit<Measured, 'embedded'>;

interface AccuracySide {
  readonly candidate: Figures;
  readonly champion: { readonly measured: Figures; readonly comparison: Comparison } | null;
  /** Why there is no champion's side. */
  readonly loss: string | null;
  readonly evidence: Evidence;
  readonly gallery: Gallery;
  readonly golden: Golden;
}

async function measureAccuracySide(
  job: VerificationJob,
  part: () => WorkContext,
  signal: AbortSignal,
): Promise<AccuracySide> {
  const { images, decision, image } = job;
  const measure = (host: ModelHost, bytes: Uint8Array) =>
    measureAccuracy(host, images, decision, { ...part(), signal }, shortcutFor(job, host, bytes));
  const { candidate, golden, gallery, alike } = await withHost(job.candidateBytes, image, async (host) => {
    const measured = await measure(host, job.candidateBytes);
    const gallery = await servedGallery(measured, images, decision, signal);
    const alike = await mostAlike(measured.embedded.enrolled, images.enrolled, signal);
    return { candidate: figuresOf(measured), golden: await takeGolden(host, images.probes), gallery, alike };
  });
  const work = { runId: job.runId, context: { ...part(), signal } };
  const { value: champion, loss } = await unlessUnusable(CHAMPION, championOf(job), work, async (bytes) => {
    const measured = figuresOf(await withHost(bytes, image, (host) => measure(host, bytes)));
    return { measured, comparison: compare(measured.probes, candidate.probes, images.heldOut) };
  });
  const evidence = await evidenceOf({
    ...{ candidate, champion: champion?.measured ?? null, probes: images.probes, heldOut: images.heldOut },
    ...{ strangers: strangersIn(images), enrolled: images.enrolled, alike },
    margin: decision.identify.margin,
  });
  return { candidate, champion, loss, evidence, gallery, golden };
}

const figuresOf = ({ accuracy, probes, strangers }: Measured): Figures => ({ accuracy, probes, strangers });

/** By kept features, of which every night needs those of new images only. */
function shortcutFor({ config }: VerificationJob, host: ModelHost, model: Uint8Array): Shortcut {
  const { featuresDir } = config;
  return async (parts, context) =>
    featuresDir === null
      ? null
      : embedByFeatures(parts, { model, host, hostOptions: HOST_OPTIONS, cacheDir: featuresDir }, context);
}

const CHAMPION = 'the model in service';
const championOf = ({ championBytes: bytes, championDigest }: VerificationJob) =>
  bytes && { bytes, digest: championDigest ?? '' };

/** A champion that cannot be measured, for instance after a change of the image size, is a gate that nobody can decide. */
async function unlessUnusable<T>(
  what: string,
  model: { readonly bytes: Uint8Array; readonly digest: string } | null,
  { runId, context }: { readonly runId: string; readonly context: WorkContext },
  measure: (model: Uint8Array) => Promise<T>,
): Promise<{ readonly value: T | null; readonly loss: string | null }> {
  if (!model) return { value: null, loss: null };
  try {
    return { value: await measure(model.bytes), loss: null };
  } catch (error) {
    context.signal.throwIfAborted();
    const failure = toFailure(error);
    const fields = { runId, digest: model.digest, failure };
    context.log.warn(fields, `verifier: ${what} cannot be measured; the candidate is judged without it`);
    return { value: null, loss: `${what} cannot be measured (${failure.code}: ${failure.message})` };
  }
}

interface PerformanceSide {
  readonly candidate: Performance;
  readonly champion: Performance | null;
  readonly loss: string | null;
}

function measurePerformanceSide(job: VerificationJob, context: WorkContext): Promise<PerformanceSide> {
  const options = { requests: job.config.performanceRequests, images: job.images.probes };
  return withHost(job.candidateBytes, job.image, async (candidate) => {
    const work = { runId: job.runId, context };
    const { value: both, loss } = await unlessUnusable(CHAMPION, championOf(job), work, (bytes) =>
      withHost(bytes, job.image, async (champion) => measurePerformance([candidate, champion], options, context)),
    );
    const [first, second] = both ?? (await measurePerformance([candidate], options, context));
    return { candidate: first!, champion: second ?? null, loss }; // One for each host.
  });
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

/** Images embedded in all: those of the accuracy and of the performance side, by candidate and champion. */
function stepsOf({ images, championBytes, refit, config }: VerificationJob): number {
  const perModel = imagesToEmbed(images) + performanceImages(config.performanceRequests);
  return perModel * (championBytes ? 2 : 1) + (refit ? imagesToEmbed(images) : 0);
}

function refuseTooFew({ images, decision, runId, noun }: VerificationJob): void {
  const { enrolled, probes, heldOut, strangers } = images;
  const refuse = (what: string) => {
    throw new PipelineError('DATASET_TOO_SMALL', `verifier: run ${runId} ${what}`);
  };
  if (enrolled.count === 0 || probes.count === 0) {
    refuse(
      `has ${enrolled.count} enrolled images and ${probes.count} probes, and needs some of both. ` +
        'Collect more images, or change split.probe in the configuration.',
    );
  }
  const found = { strangers: new Set(strangers.classes).size, heldOut: heldOut.size, people: enrolled.labels.length };
  const lack = lackOfStrangers(found, decision.inconclusive, noun);
  if (lack) refuse(`cannot be judged: ${lack}`);
}
