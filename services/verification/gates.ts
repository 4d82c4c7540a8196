/**
 * The quality gates: figures and limits in, verdict out. Pure. A candidate goes into service only if every gate holds;
 * each says in one sentence what was measured and what was required.
 */
import type { VerificationConfig } from '../../contracts/configuration/verification.ts';
import type { Accuracy, Gate, Performance, VerificationReport } from '../../contracts/verification.ts';

export interface Figures {
  readonly accuracy: Accuracy;
  readonly performance: Performance;
  /** Of the model in service on the same probes; null for the first model. */
  readonly champion: Accuracy | null;
}

export function judge(
  figures: Figures,
  limits: VerificationConfig['gates'],
): { readonly gates: Gate[]; readonly verdict: VerificationReport['verdict'] } {
  const { accuracy, performance, champion } = figures;
  const gates = [
    atLeast('rank-1', accuracy.rank1, limits.rank1Min, share),
    atLeast('roc-auc', accuracy.rocAuc, limits.rocAucMin, (x) => x.toFixed(4)),
    ...(champion ? [notBelowChampion(accuracy, champion, limits.rank1DropMax)] : []),
    atMost('latency-p99', performance.latencyMs.p99, limits.latencyP99MsMax, (x) => `${x.toFixed(1)} ms`),
    atLeast('throughput', performance.imagesPerSecond, limits.imagesPerSecondMin, (x) => `${x.toFixed(0)} images/s`),
  ];
  return { gates, verdict: gates.every(({ passed }) => passed) ? 'passed' : 'rejected' };
}

/** One sentence per gate that did not hold. */
export const reasonsOf = (gates: readonly Gate[]) =>
  gates.filter(({ passed }) => !passed).map(({ message }) => message);

type Show = (value: number) => string;
const share: Show = (x) => `${(x * 100).toFixed(1)} %`;

function atLeast(name: string, value: number, limit: number, show: Show): Gate {
  return gate(name, value, limit, value >= limit, `${show(value)}; at least ${show(limit)} is required`);
}

function atMost(name: string, value: number, limit: number, show: Show): Gate {
  return gate(name, value, limit, value <= limit, `${show(value)}; at most ${show(limit)} is allowed`);
}

function notBelowChampion(accuracy: Accuracy, champion: Accuracy, dropMax: number): Gate {
  const drop = champion.rank1 - accuracy.rank1;
  const compared = `${share(accuracy.rank1)} after the champion's ${share(champion.rank1)}`;
  // Shares are quotients of small counts: 0.98 - 0.96 must not exceed 0.02 by a rounding error.
  const passed = drop <= dropMax + Number.EPSILON;
  return gate('rank-1-drop', drop, dropMax, passed, `${compared}; a drop of ${share(dropMax)} is allowed`);
}

const gate = (name: string, value: number, limit: number, passed: boolean, text: string): Gate => ({
  name,
  value,
  limit,
  passed,
  message: `${name} is ${text}`,
});
