/** Figures of a verification, and its report, with sensible values for tests of those that pass them on or show them. */
import type { VerificationReport, Accuracy } from '../../contracts/verification.ts';
import type { Completed } from '../../contracts/messages.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

export const recognition = (changes: Partial<Accuracy['recognition']> = {}): Accuracy['recognition'] => ({
  people: 20,
  probes: 60,
  fnir: 0.1,
  wrongName: 0,
  rank1: 1,
  rank1PerPerson: 0.95,
  rank1WorstTenth: 0.5,
  ...changes,
});

const promise = (share: number) => ({
  verdict: 'shown' as const,
  share,
  lower: 0,
  upper: share + 0.01,
  best: 0.003,
  people: 200,
  trials: 400,
  sentence: `${100 * share} % of 400 searches by 200 strangers are accepted`,
});

export type AccuracyFigures = NonNullable<Completed<'verify'>['figures']>['candidate']['accuracy'];

export const accuracy = (changes: Partial<AccuracyFigures> = {}): AccuracyFigures => ({
  recognition: recognition(),
  newcomers: null,
  rocAuc: 1,
  identify: { threshold: 0.5, fpir: promise(0.01) },
  verify: { threshold: 0.4, far: promise(0.001), tar: 0.9 },
  people: 20,
  ...changes,
});

export const performanceFigures = {
  latencyMs: { p50: 1, p95: 1, p99: 1, max: 1 },
  imagesPerSecond: 1,
  requests: 1,
};

type Figures = NonNullable<Completed<'verify'>['figures']>;

export const figures = (changes: Partial<Figures> = {}): Figures => ({
  candidate: { digest: DIGEST, accuracy: accuracy(), performance: performanceFigures },
  champion: null,
  ...changes,
});

export const report = (changes: Partial<VerificationReport> = {}): VerificationReport => ({
  format: 'nightshift.verification/2',
  runId: 'r1',
  model: 'face',
  verdict: 'blessed',
  admitted: true,
  reasons: [],
  gates: [{ name: 'fpir', value: 0.01, limit: 0.01, outcome: 'held', message: 'few strangers are let in' }],
  promise: { fpir: 0.01, margin: 0.05, far: 0.001 },
  data: {
    people: 20,
    images: 200,
    probes: 60,
    heldOut: 0,
    strangers: { from: 'source', people: 200, images: 400 },
  },
  candidate: {
    digest: DIGEST,
    accuracy: { ...accuracy(), slices: [], worstPeople: [] },
    performance: performanceFigures,
  },
  champion: null,
  comparison: null,
  best: null,
  durationMs: { accuracy: 1, performance: 1, total: 2 },
  ...changes,
});
