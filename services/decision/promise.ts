/**
 * Whether a promise about strangers is kept, in words: shown by the data, broken, or neither, because so few people and
 * images cannot show it. Pure; the verdict of a release and its report say these sentences.
 */
import {
  bestUpperBound,
  boundsOverPeople,
  CONFIDENCE,
  shareOf,
  type BootstrapOptions,
  type PersonCount,
} from './bounds.ts';

/** With fewer the bounds over people mean nothing: that nobody of four was accepted happens to half of all strangers. */
export const STRANGERS_MIN = 5;
/**
 * The upper bound may exceed the target so many times. A threshold that is set for the target keeps it on average, so
 * its bound is always above; without slack a kept promise could never be shown.
 */
export const SLACK = 2;

export interface PromisedShare {
  /** Share of strangers' trials that may be accepted. */
  readonly target: number;
  /** What a trial is, in the plural: `searches` or `comparisons`. */
  readonly trials: string;
  readonly slack?: number;
}

export interface PromiseVerdict {
  /** `inconclusive`: not shown, and not broken either. */
  readonly verdict: 'shown' | 'inconclusive' | 'broken';
  readonly share: number;
  readonly lower: number;
  readonly upper: number;
  /** What so many trials could show at best. */
  readonly best: number;
  readonly people: number;
  readonly trials: number;
  readonly sentence: string;
}

/** `accepted`: of each stranger, how many trials there were, and how many were accepted. */
export function judgePromise(
  accepted: readonly PersonCount[],
  promise: PromisedShare,
  options: BootstrapOptions,
): PromiseVerdict {
  const trials = accepted.reduce((sum, count) => sum + count.trials, 0);
  const bounds = boundsOverPeople(accepted, options);
  const share = trials === 0 ? NaN : shareOf(accepted);
  const best = bestUpperBound(trials, options.confidence);
  const figures = { share, ...bounds, best, people: accepted.length, trials };
  const verdict = verdictOf(figures, promise);
  return { verdict, ...figures, sentence: sentenceOf(verdict, figures, promise, options.confidence ?? CONFIDENCE) };
}

type Figures = Omit<PromiseVerdict, 'verdict' | 'sentence'>;

function verdictOf({ lower, upper, best, people }: Figures, { target, slack = SLACK }: PromisedShare) {
  if (people < STRANGERS_MIN) return 'inconclusive';
  if (lower > target) return 'broken';
  return best <= target && upper <= slack * target ? 'shown' : 'inconclusive';
}

function sentenceOf(
  verdict: PromiseVerdict['verdict'],
  { share, lower, upper, best, people, trials }: Figures,
  { target, trials: noun }: PromisedShare,
  confidence: number,
): string {
  const of = `${trials} ${noun} by ${people} strangers`;
  const sure = `with ${percent(confidence)} confidence`;
  if (people < STRANGERS_MIN) return `${of} show nothing; at least ${STRANGERS_MIN} strangers are needed`;
  if (verdict === 'broken') {
    return `${percent(share)} of ${of} are accepted, ${sure} more than ${percent(lower)}; at most ${percent(target)} was promised`;
  }
  const found = `${percent(share)} of ${of} are accepted, ${sure} less than ${percent(upper)}`;
  if (verdict === 'shown') return `${found}; ${percent(target)} was promised`;
  if (best > target) return `${of} show at best ${percent(best)}; ${percent(target)} was promised`;
  return `${found}; that does not show the ${percent(target)} that was promised`;
}

/** Two digits that say something: 5 %, 0.83 %, 12 %. */
const percent = (share: number) => `${Number((100 * share).toPrecision(2))} %`;
