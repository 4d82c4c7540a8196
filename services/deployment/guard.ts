/**
 * Compares the figures of a window, over all replicas, with the limits: a new release against the one before it, or a
 * canary against the release that answers the rest. Pure; the strategies call it.
 */
import type { DeploymentConfig } from '../../contracts/configuration/deployment.ts';
import type { ReleaseFigures, Scores, WindowFigures } from '../../contracts/replica.ts';

export interface Watched {
  readonly replicaId: string;
  /** Of the new release or the candidate. */
  readonly figures: ReleaseFigures;
  /** Of the release it is compared with on the same replica; null if that has answered nothing there. */
  readonly baseline: ReleaseFigures | null;
}

/** Medians below this differ by the machine's other work. */
const MEDIAN_FLOOR_MS = 10;
/** The scores of a few faces asked again and again hardly vary: a shift is measured in no smaller unit. */
const DEVIATION_FLOOR = 0.05;

export function figuresOf(watched: readonly Watched[]): WindowFigures {
  const figures = watched.map((replica) => replica.figures);
  const baseline = watched.map((replica) => replica.baseline).filter((figures) => figures !== null);
  const [scores, former] = [poolScores(figures), poolScores(baseline)];
  return {
    requests: sum(figures.map(({ requests }) => requests)),
    failed: sum(figures.map(({ failed }) => failed)),
    medianMs: medianOf(figures),
    baselineMedianMs: medianOf(baseline),
    scores,
    baselineScores: former,
    scoreShift: scores && former && (scores.mean - former.mean) / Math.max(former.deviation, DEVIATION_FLOOR),
  };
}

/** The limit that is broken, in words with its figures; null while none is, or too little was answered to tell. */
export function breachOf(subject: string, watched: readonly Watched[], config: DeploymentConfig): string | null {
  const figures = figuresOf(watched);
  if (figures.requests < config.guardRequestsMin) return null;
  const why =
    errorsOf(figures, config) ?? tailOf(watched, config) ?? slownessOf(figures, config) ?? driftOf(figures, config);
  return why && `${subject} ${why}`;
}

function errorsOf({ requests, failed }: WindowFigures, { guardErrorRateMax }: DeploymentConfig): string | null {
  const errorRate = failed / requests;
  if (errorRate <= guardErrorRateMax) return null;
  const limit = `at most ${percent(guardErrorRateMax)} is allowed`;
  return `failed ${failed} of ${requests} requests (${percent(errorRate)}); ${limit}`;
}

function tailOf(watched: readonly Watched[], { guardLatencyP99MsMax }: DeploymentConfig): string | null {
  const slowest = watched.reduce((a, b) => (p99Of(b) > p99Of(a) ? b : a));
  if (p99Of(slowest) <= guardLatencyP99MsMax) return null;
  const took = `${p99Of(slowest).toFixed(1)} ms at the 99th percentile`;
  return `on replica ${slowest.replicaId} takes ${took}; at most ${guardLatencyP99MsMax} ms is allowed`;
}

/** By the median, which a few requests that met a busy machine do not move. */
function slownessOf(
  { medianMs, baselineMedianMs }: WindowFigures,
  { guardLatencyRatioMax }: DeploymentConfig,
): string | null {
  if (medianMs === null || baselineMedianMs === null) return null;
  const ratio = medianMs / Math.max(baselineMedianMs, MEDIAN_FLOOR_MS);
  if (ratio <= guardLatencyRatioMax) return null;
  const times = `${medianMs.toFixed(1)} ms at the median, ${baselineMedianMs.toFixed(1)} ms before`;
  return `takes ${times}: ${ratio.toFixed(1)} times as long; at most ${guardLatencyRatioMax} times is allowed`;
}

/** In either direction: a model for which all faces are alike raises the scores. */
function driftOf(
  { scores, baselineScores, scoreShift }: WindowFigures,
  { guardScoreShiftMax, guardScoresMin }: DeploymentConfig,
): string | null {
  if (!scores || !baselineScores || scoreShift === null) return null;
  if (Math.min(scores.count, baselineScores.count) < guardScoresMin) return null;
  if (Math.abs(scoreShift) <= guardScoreShiftMax) return null;
  const means = `${scores.mean.toFixed(3)} over the threshold on average, ${baselineScores.mean.toFixed(3)} before`;
  const shift = `a shift of ${scoreShift.toFixed(1)} standard deviations`;
  return `scores ${means}: ${shift}; at most ${guardScoreShiftMax} is allowed`;
}

/** The mean and deviation of all replies of all replicas, from those of each. */
function poolScores(figures: readonly ReleaseFigures[]): Scores | null {
  const parts = figures.map(({ scores }) => scores).filter((scores) => scores !== null);
  const count = sum(parts.map((part) => part.count));
  if (count === 0) return null;
  const mean = sum(parts.map((part) => part.mean * part.count)) / count;
  const squares = sum(parts.map((part) => part.count * (part.deviation ** 2 + (part.mean - mean) ** 2)));
  return { count, mean, deviation: Math.sqrt(squares / count) };
}

/** Each replica's median counts by its answers. */
function medianOf(figures: readonly ReleaseFigures[]): number | null {
  const answered = figures.filter(({ latencyMs }) => latencyMs !== null);
  const weights = sum(answered.map(({ requests }) => requests));
  if (weights === 0) return null;
  return sum(answered.map(({ requests, latencyMs }) => requests * (latencyMs?.p50 ?? 0))) / weights;
}

const p99Of = ({ figures }: Watched) => figures.latencyMs?.p99 ?? 0;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const percent = (share: number) => `${(share * 100).toFixed(2)} %`;
