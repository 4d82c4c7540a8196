/**
 * The choice of `head: "auto"`: a head fits the people whom it learned, and may cost those who come later. So a head is
 * trained without a part of the people, who are then recognised with it and without. The probes that judge the candidate
 * later take no part. Called by loop.ts before the training proper, which learns from everybody.
 */
import { AUTO_HEAD } from '../../../contracts/configuration/training.ts';
import type { HeadChoice } from '../../../contracts/training.ts';
import { scoreOf } from '../../serving/gallery/gallery.ts';
import { tarAtFar } from '../../verification/metrics.ts';
import { runAttempt, type LoopContext } from '../loop/attempt.ts';
import { START } from '../loop/checkpoint.ts';
import type { EngineFactory } from '../loop/engine.ts';
import { trialModelOf } from '../loop/outcome.ts';
import { planOf, type Plan } from '../loop/plan.ts';
import { recognise } from '../loop/validation.ts';
import { initialState } from '../nets/parameters.ts';
import type { Weights } from '../model/export.ts';
import type { TrainingJob } from '../strategy.ts';
import { divide, type Parts } from './people-aside.ts';
import { featureBatches, type FrozenSubject, type HeadedSubject } from './subject.ts';

/** Share of comparisons with others that is accepted, as `decision.verify.far` has it by default. */
export const FAR = 1e-3;
/** Smaller gains are chance, and no head is the plainer model. */
const TAR_MARGIN = 0.01;
/** Of the time for the training. */
const TIME_SHARE = 0.5;
const NO_WEIGHTS: Weights = { w: new Float32Array(0), statistics: new Float32Array(0) };

interface Recognised {
  readonly tar: number;
  readonly rank1: number;
}

/** Throws what the signal throws. A head that diverges is not chosen. */
export async function chooseHead(
  engineFactory: EngineFactory,
  job: TrainingJob,
  headed: HeadedSubject,
  context: LoopContext,
): Promise<HeadChoice> {
  const { train, validation } = headed([]);
  const parts = divide(train, validation);
  if (parts === null) {
    const reason = 'there are too few people to see whether a head helps those whom it has not learned: there is none';
    return told({ chosen: 'none', reason, people: 0, probes: 0, far: FAR, trained: null, none: null }, job, context);
  }
  const planWith = (subject: FrozenSubject) =>
    planOf(comparisonOf(job), engineFactory.framework, learningFrom(subject, parts.learned, job));
  const [plain, withHead] = [planWith(headed([])), planWith(headed(AUTO_HEAD))];
  const none = await judge(plain, NO_WEIGHTS, parts, context);
  const weights = await trainedWeights(engineFactory, withHead, context);
  const trained = weights && (await judge(withHead, weights, parts, context));
  const chosen = trained !== null && trained.tar > none.tar + TAR_MARGIN ? 'trained' : 'none';
  const [people, probes] = [parts.people, parts.probes.count];
  const reason = reasonFor(chosen, people, none, trained);
  return told({ chosen, reason, people, probes, far: FAR, trained, none }, job, context);
}

function told(choice: HeadChoice, { runId }: TrainingJob, { log }: LoopContext): HeadChoice {
  log.info({ runId, ...choice }, `training: ${choice.reason}`);
  return choice;
}

function reasonFor(chosen: HeadChoice['chosen'], people: number, none: Recognised, trained: Recognised | null): string {
  if (trained === null) return 'a head diverged in its training without a part of the people: there is none';
  const [withHead, without] = [trained, none].map(({ tar }) => `${(100 * tar).toFixed(1)} %`);
  const found = `of ${people} people whom it had not learned it accepts ${withHead}, the features alone ${without}`;
  return chosen === 'trained' ? `a head is trained: ${found}` : `no head is trained: ${found}`;
}

/** From scratch, because the champion has learned everybody. */
const comparisonOf = (job: TrainingJob): TrainingJob => ({
  ...{ ...job, championWeights: null, resumeFrom: null },
  config: { ...job.config, maxDurationMs: TIME_SHARE * job.config.maxDurationMs },
});

async function trainedWeights(engineFactory: EngineFactory, plan: Plan, context: LoopContext): Promise<Weights | null> {
  const warmStart = { type: 'scratch', reason: 'a comparison' } as const;
  const from = { state: initialState(plan.spec, plan.job.config.seed), best: null, position: { ...START, warmStart } };
  const source = plan.subject.batches(plan.spec.batch);
  try {
    const end = await runAttempt(engineFactory, plan, from, source, {
      ...context,
      // What share of the training this is shows only afterwards.
      progress: (report) => context.progress({ ...report, fraction: 0 }),
      isSaverFree: () => false,
    });
    return end.type === 'diverged' ? null : (end.at.best ?? end.at.state);
  } finally {
    await source.close();
  }
}

/** Searches each probe among everybody. */
async function judge(plan: Plan, weights: Weights, parts: Parts, { signal }: LoopContext): Promise<Recognised> {
  const { threads } = plan.job.config;
  const model = trialModelOf(plan, weights);
  const { enrolled: train, probes: validation } = parts;
  const { gallery, probes, rank1 } = await recognise({ model, train, validation, threads, signal });
  const own: number[] = [];
  const others: number[] = [];
  probes.forEach((probe, index) => {
    const person = validation.labels[validation.classes[index]!];
    gallery.labels.forEach((label, row) => (label === person ? own : others).push(scoreOf(gallery, row, probe)));
  });
  return { tar: tarAtFar(Float32Array.from(own), Float32Array.from(others), FAR).tar, rank1 };
}

const learningFrom = (
  subject: FrozenSubject,
  { train, validation }: Parts['learned'],
  { config }: TrainingJob,
): FrozenSubject => ({
  ...subject,
  ...{ train, validation },
  batches: (batchSize) => featureBatches(train, { batchSize, seed: config.seed }),
});
