/**
 * The quality gates: figures and limits in, verdict out. Pure. A gate is broken, holds, or cannot be decided by the data;
 * each says in one sentence what was measured and what was required.
 */
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import { PEOPLE, type Noun } from '../../contracts/configuration/noun.ts';
import type { VerificationConfig } from '../../contracts/configuration/verification.ts';
import type { Accuracy, Gate, PastFigures, Performance, Verdict } from '../../contracts/verification.ts';
import type { Difference } from '../decision/recognition.ts';
import type { PromiseVerdict } from '../decision/promise.ts';
import type { Comparison } from './comparison.ts';

export interface ModelFigures {
  readonly accuracy: Accuracy;
  readonly performance: Performance;
}

export interface Figures {
  readonly candidate: ModelFigures;
  /** Of the model in service on the same images; a sentence if it cannot be measured; null before the first. */
  readonly champion: (ModelFigures & { readonly comparison: Comparison; readonly runId: string }) | string | null;
  /** Releases before, newest first. */
  readonly history: readonly PastFigures[];
}

export interface Judgement {
  readonly gates: readonly Gate[];
  readonly verdict: Verdict;
  /** One sentence for each gate that did not hold, broken ones first. */
  readonly reasons: readonly string[];
  /** The release that the candidate was held to as the best of the last ones. */
  readonly best: PastFigures | null;
}

export function judge(figures: Figures, limits: VerificationConfig['gates'], noun: Noun = PEOPLE): Judgement {
  const best = bestOf(figures);
  const gates = [
    ...alikeGate(figures.candidate.accuracy, limits.thresholdJumpMax, noun),
    ...aloneGates(figures.candidate, limits),
    ...againstChampion(figures, limits),
    ...(best ? [notBelowBest(figures.candidate.accuracy, best, limits.bestDropMax)] : []),
    ...jumpGate(figures, limits.thresholdJumpMax),
    ...shrinkGate(figures, limits.galleryShrinkMax, noun),
  ];
  const messagesOf = (outcome: Gate['outcome']) =>
    gates.filter((gate) => gate.outcome === outcome).map(({ message }) => message);
  const [broken, undecided] = [messagesOf('broken'), messagesOf('undecided')];
  const verdict = broken.length > 0 ? 'rejected' : undecided.length > 0 ? 'inconclusive' : 'blessed';
  return { gates, verdict, reasons: [...broken, ...undecided], best };
}

/** Whether the candidate may serve. Under `serve-first` a later release may only if every comparison with the champion holds. */
export function isAdmitted({ verdict, gates }: Pick<Judgement, 'verdict' | 'gates'>, policy: Policy): boolean {
  const isUncompared = gates.some(({ name }) => name === UNCOMPARED);
  return (
    verdict === 'blessed' ||
    (verdict === 'inconclusive' && (policy === 'serve' || (policy === 'serve-first' && !isUncompared)))
  );
}

type Policy = DecisionConfig['inconclusive'];

type Limits = VerificationConfig['gates'];
type Show = (value: number) => string;
const percent: Show = (x) => `${(x * 100).toFixed(1)} %`;
const plain: Show = (x) => x.toFixed(4);

function aloneGates({ accuracy, performance }: ModelFigures, limits: Limits): Gate[] {
  const { recognition, identify, verify, rocAuc } = accuracy;
  return [
    promised('strangers-identify', identify.fpir),
    promised('strangers-verify', verify.far),
    atLeast('rank-1', recognition.rank1PerPerson, limits.rank1Min, percent),
    atLeast('worst-tenth', recognition.rank1WorstTenth, limits.worstTenthMin, percent),
    atMost('wrong-name', recognition.wrongName, limits.wrongNameMax, percent),
    atMost('fnir', recognition.fnir, limits.fnirMax, percent),
    atLeast('roc-auc', rocAuc, limits.rocAucMin, plain),
    atMost('latency-p99', performance.latencyMs.p99, limits.latencyP99MsMax, (x) => `${x.toFixed(1)} ms`),
    atLeast('throughput', performance.imagesPerSecond, limits.imagesPerSecondMin, (x) => `${x.toFixed(0)} images/s`),
  ];
}

const UNCOMPARED = 'champion';

function againstChampion({ candidate, champion }: Figures, limits: Limits): Gate[] {
  if (champion === null) return [];
  if (typeof champion !== 'string') return championGates(candidate, champion, limits);
  const message = `${UNCOMPARED}: ${champion}; nobody can say whether the candidate is worse`;
  return [{ name: UNCOMPARED, value: null, limit: null, outcome: 'undecided', message }];
}

function championGates(
  candidate: ModelFigures,
  { comparison, accuracy, performance }: Exclude<Figures['champion'], string | null>,
  limits: Limits,
): Gate[] {
  const now = candidate.accuracy;
  const rank1 = now.recognition.rank1PerPerson;
  const lost = comparison.namesBefore === 0 ? 0 : comparison.namesLost.length / comparison.namesBefore;
  const slower = candidate.performance.latencyMs.p50 / performance.latencyMs.p50;
  return [
    notFarBelow('rank-1-drop', { now: rank1, ...comparison.rank1PerPerson }, limits.rank1DropMax),
    shownRise('fnir-rise', { now: now.recognition.fnir, ...comparison.fnir }, limits.fnirRiseMax),
    ...comparison.parts.map(({ name, rank1: difference }) =>
      shownDrop(`rank-1-drop of ${name}`, difference, limits.sliceDropMax),
    ),
    named(
      'names-lost',
      atMost('names-lost', lost, limits.namesLostMax, percent),
      `${comparison.namesLost.length} of the ${comparison.namesBefore} probes that the champion names rightly get another name now`,
    ),
    strangersNoWorse(now.identify.fpir, accuracy.identify.fpir),
    notBelow('tar-drop', now.verify.tar, accuracy.verify.tar, limits.tarDropMax),
    atMost('slowdown', slower, limits.slowdownMax, (x) => `${x.toFixed(1)} times the champion's median latency`),
  ];
}

function promised(name: string, { verdict, share, sentence }: PromiseVerdict): Gate {
  const outcome = ({ shown: 'held', broken: 'broken', inconclusive: 'undecided' } as const)[verdict];
  return { name, value: Number.isNaN(share) ? null : share, limit: null, outcome, message: `${name}: ${sentence}` };
}

function atLeast(name: string, value: number, limit: number, show: Show): Gate {
  return gate(name, value, limit, value >= limit, `${name} is ${show(value)}; at least ${show(limit)} is required`);
}

function atMost(name: string, value: number, limit: number, show: Show): Gate {
  return gate(name, value, limit, value <= limit, `${name} is ${show(value)}; at most ${show(limit)} is allowed`);
}

/**
 * Shares are quotients of small counts: 0.98 - 0.96 must not exceed 0.02 by a rounding error. A figure that is no number is
 * within nothing.
 */
const within = (value: number, limit: number) => value <= limit + 1e-9;

/** Half a point, and by more than chance: a smaller loss is not worth a night. */
const LOSS_MIN = 0.005;

/** A loss beyond the limit, or a smaller one that is no chance. */
function notFarBelow(
  name: string,
  { now, difference, upper }: Difference & { readonly now: number },
  max: number,
): Gate {
  const isShown = upper < 0 && !within(-difference, LOSS_MIN);
  const message =
    `${name}: ${percent(now)} after the champion's ${percent(now - difference)}; ` +
    (isShown ? 'the drop is more than chance' : `a drop of ${percent(max)} is allowed`);
  return gate(name, -difference, max, !isShown && within(-difference, max), message);
}

function shownRise(name: string, { now, difference, lower }: Difference & { readonly now: number }, max: number): Gate {
  const message = `${name}: ${percent(now)} after the champion's ${percent(now - difference)}; a rise of ${percent(max)} is allowed`;
  return gate(name, difference, max, lower <= 0 || within(difference, max), message);
}

function shownDrop(name: string, { difference, upper }: Difference, max: number): Gate {
  const message = `${name} is ${percent(-difference)}, at least ${percent(Math.max(0, -upper))}; ${percent(max)} is allowed`;
  return gate(name, -difference, max, upper >= 0 || within(-difference, max), message);
}

function notBelow(name: string, now: number, before: number, max: number): Gate {
  const message = `${name}: ${percent(now)} after ${percent(before)}; a drop of ${percent(max)} is allowed`;
  return gate(name, before - now, max, within(before - now, max), message);
}

/** What the data cannot show must at least not be worse than what serves, by more than the data can tell. */
function strangersNoWorse(now: PromiseVerdict, before: PromiseVerdict): Gate {
  const name = 'strangers-rise';
  const message = `${name}: ${percent(now.share)} of strangers' searches are accepted after ${percent(before.share)}; up to ${percent(before.upper)} may be chance`;
  return gate(name, now.share, before.upper, now.share <= before.upper, message);
}

/** Only releases with about as many people: among fewer everybody is easier to recognise. */
const SAME_SIZE = 0.8;

function bestOf({ candidate, history }: Figures): PastFigures | null {
  const comparable = history.filter(({ people }) => people >= SAME_SIZE * candidate.accuracy.people);
  return comparable.reduce<PastFigures | null>(
    (best, one) => (best === null || one.rank1PerPerson > best.rank1PerPerson ? one : best),
    null,
  );
}

function notBelowBest({ recognition }: Accuracy, best: PastFigures, max: number): Gate {
  const name = 'rank-1-best';
  const [now, before] = [recognition.rank1PerPerson, best.rank1PerPerson];
  const message =
    `${name}: ${percent(now)}; release ${best.release}, the best of the last ones, had ${percent(before)} on its own ` +
    `probes, and a drop of ${percent(max)} is allowed`;
  return gate(name, before - now, max, within(before - now, max), message);
}

/**
 * Strangers who look like the people at the door score about as high as these do with one another. On the first night nothing
 * else can tell a source of empty pictures from one of faces.
 */
function alikeGate({ identify: { threshold, amongEnrolled } }: Accuracy, max: number, { many }: Noun): Gate[] {
  if (amongEnrolled === undefined) return [];
  const name = 'strangers-alike';
  const below = amongEnrolled - threshold;
  const message =
    `${name}: strangers give a threshold of ${threshold.toFixed(2)}, the enrolled ${many} would give ` +
    `${amongEnrolled.toFixed(2)}; ${max} below is allowed`;
  return [gate(name, below, max, within(below, max), message)];
}

/**
 * The champion's threshold by tonight's strangers, beside the one that it was released with. The model is the same, so that
 * only the strangers can have changed: pictures with nobody in them would open the door to everybody.
 */
function jumpGate({ champion, history }: Figures, max: number): Gate[] {
  if (champion === null || typeof champion === 'string') return [];
  const released = history.find(({ runId }) => runId === champion.runId);
  if (!released) return [];
  const name = 'threshold-jump';
  const { threshold } = champion.accuracy.identify;
  const jump = Math.abs(threshold - released.identifyThreshold);
  const message =
    `${name}: the champion's is ${threshold.toFixed(2)} by tonight's strangers and was ` +
    `${released.identifyThreshold.toFixed(2)}; ${max} apart is allowed`;
  return [gate(name, jump, max, within(jump, max), message)];
}

function shrinkGate({ candidate, history }: Figures, max: number, { many }: Noun): Gate[] {
  const last = history[0];
  if (!last) return [];
  const name = 'gallery-shrink';
  const { people } = candidate.accuracy;
  const gone = 1 - people / last.people;
  const message = `${name}: ${people} ${many} after ${last.people}; at most ${percent(max)} may be gone`;
  return [gate(name, gone, max, within(gone, max), message)];
}

const named = (name: string, { value, limit, outcome }: Gate, text: string): Gate => ({
  ...{ name, value, limit, outcome },
  message: `${name}: ${text}; at most ${percent(limit ?? 0)} is allowed`,
});

const gate = (name: string, value: number, limit: number, holds: boolean, message: string): Gate => ({
  name,
  value: Number.isFinite(value) ? value : null,
  limit,
  outcome: holds ? 'held' : 'broken',
  message,
});
