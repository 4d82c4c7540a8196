/**
 * How enrolled people fare at a threshold: who is not recognised, who gets another's name, and whom the mean hides. A
 * person counts as one however many images there are. Pure; of champion and candidate on the same probes.
 */
import { bootstrap, boundsOverPeople, type Bounds, type BootstrapOptions } from './bounds.ts';

/** One probe of an enrolled person, searched in the gallery. */
export interface ProbeOutcome {
  readonly person: string;
  /** Same under champion and candidate. */
  readonly probe: string;
  /** Name of the best row; null where two people share the best score. */
  readonly found: string | null;
  /** The best score reaches the threshold. */
  readonly known: boolean;
  /** Such as `source: door`, `light: left`. */
  readonly tags?: readonly string[];
}

export interface RecognitionFigures {
  readonly people: number;
  readonly probes: number;
  /** Share of probes that are not answered with the own name: ISO/IEC 19795-1, at rank 1 and the threshold. */
  readonly fnir: number;
  /** Share of probes that are answered with another name. */
  readonly wrongName: number;
  /** Share of probes whose best row is the own one, whatever the threshold. */
  readonly rank1: number;
  /** The same, each person counting once. */
  readonly rank1PerPerson: number;
  /** Mean of the tenth of the people who fare worst, of one person at least. */
  readonly rank1WorstTenth: number;
}

export const recognitionOf = (outcomes: readonly ProbeOutcome[]): RecognitionFigures => figuresOf(talliesOf(outcomes));

/** Of the shares of probes as boundsOverPeople has it; of rank-1 per person by the bootstrap alone. */
export function recognitionBounds(
  outcomes: readonly ProbeOutcome[],
  options: BootstrapOptions,
): Readonly<Record<'fnir' | 'wrongName' | 'rank1PerPerson', Bounds>> {
  const tallies = talliesOf(outcomes);
  const countsOf = (hitsOf: (tally: Tally) => number) =>
    tallies.map((tally) => ({ person: tally.person, hits: hitsOf(tally), trials: tally.probes }));
  return {
    fnir: boundsOverPeople(
      countsOf(({ probes, recognised }) => probes - recognised),
      options,
    ),
    wrongName: boundsOverPeople(
      countsOf(({ wrongName }) => wrongName),
      options,
    ),
    rank1PerPerson: bootstrap(tallies, (drawn) => figuresOf(drawn).rank1PerPerson, options),
  };
}

/** Worst first; of equals by name. */
export const rank1PerPerson = (
  outcomes: readonly ProbeOutcome[],
): { readonly person: string; readonly rank1: number; readonly probes: number }[] =>
  talliesOf(outcomes)
    .map(({ person, right, probes }) => ({ person, rank1: right / probes, probes }))
    .sort((a, b) => a.rank1 - b.rank1 || (a.person < b.person ? -1 : 1));

/** Of each tag, the probes that have it; by name. */
export function slicesOf<T extends ProbeOutcome>(
  outcomes: readonly T[],
): { readonly tag: string; readonly outcomes: readonly T[] }[] {
  const tags = [...new Set(outcomes.flatMap((it) => it.tags ?? []))].sort();
  return tags.map((tag) => ({ tag, outcomes: outcomes.filter((it) => it.tags?.includes(tag)) }));
}

export interface Difference extends Bounds {
  /** Candidate less champion. */
  readonly difference: number;
}

/**
 * How much a figure differs between two models on the same probes, with bounds of the paired bootstrap over people: the
 * same people are drawn for both, so that what is hard for both does not count. Throws if the probes differ.
 */
export function differenceOf(
  champion: readonly ProbeOutcome[],
  candidate: readonly ProbeOutcome[],
  figure: keyof RecognitionFigures,
  options: BootstrapOptions,
): Difference {
  refuseOtherProbes(champion, candidate);
  const former = new Map(talliesOf(champion).map((tally) => [tally.person, tally]));
  const pairs = talliesOf(candidate).map((tally) => ({ candidate: tally, champion: former.get(tally.person)! }));
  const difference = (drawn: readonly (typeof pairs)[number][]) =>
    figuresOf(drawn.map((pair) => pair.candidate))[figure] - figuresOf(drawn.map((pair) => pair.champion))[figure];
  return { difference: difference(pairs), ...bootstrap(pairs, difference, options) };
}

/** Probes that the champion answers rightly and the candidate with another name. */
export function namesLost(
  champion: readonly ProbeOutcome[],
  candidate: readonly ProbeOutcome[],
): { readonly probe: string; readonly person: string; readonly found: string | null }[] {
  const right = new Set(champion.filter((it) => it.known && isRight(it)).map(({ probe }) => probe));
  return candidate
    .filter((it) => right.has(it.probe) && it.known && !isRight(it))
    .map(({ probe, person, found }) => ({ probe, person, found }));
}

/** Of one person, how many probes came out how. */
interface Tally {
  readonly person: string;
  probes: number;
  /** The best row is the own one. */
  right: number;
  /** Of these, the threshold is reached. */
  recognised: number;
  /** Answered with another name. */
  wrongName: number;
}

function talliesOf(outcomes: readonly ProbeOutcome[]): Tally[] {
  const tallies = new Map<string, Tally>();
  for (const { person, found, known } of outcomes) {
    const tally = tallies.get(person) ?? { person, probes: 0, right: 0, recognised: 0, wrongName: 0 };
    tallies.set(person, tally);
    tally.probes += 1;
    if (found === person) tally.right += 1;
    if (known && found === person) tally.recognised += 1;
    if (known && found !== person) tally.wrongName += 1;
  }
  return [...tallies.values()];
}

function figuresOf(tallies: readonly Tally[]): RecognitionFigures {
  const total = (what: 'probes' | 'right' | 'recognised' | 'wrongName') =>
    tallies.reduce((sum, tally) => sum + tally[what], 0);
  const probes = total('probes');
  const shares = tallies.map((tally) => tally.right / tally.probes).sort((a, b) => a - b);
  return {
    people: tallies.length,
    probes,
    fnir: 1 - total('recognised') / probes,
    wrongName: total('wrongName') / probes,
    rank1: total('right') / probes,
    rank1PerPerson: mean(shares),
    rank1WorstTenth: mean(shares.slice(0, Math.max(1, Math.floor(shares.length / 10)))),
  };
}

function refuseOtherProbes(champion: readonly ProbeOutcome[], candidate: readonly ProbeOutcome[]): void {
  const personOf = new Map(champion.map(({ probe, person }) => [probe, person]));
  const same = candidate.every(({ probe, person }) => personOf.get(probe) === person);
  if (!same || champion.length !== candidate.length)
    throw new Error('decision: champion and candidate were not measured on the same probes');
}

const isRight = ({ person, found }: ProbeOutcome) => person === found;
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
