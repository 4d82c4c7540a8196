/**
 * The decision of a release in words, for `nightshift status`: people, thresholds, what was promised, a warning, and the figures
 * of its verification.
 */
import type { ModelStatus } from '../contracts/api.ts';
import { PEOPLE, type Noun } from '../contracts/configuration/noun.ts';
import type { DecisionInForce } from '../contracts/decision.ts';
import type { Measured } from '../services/report/figures.ts';
import { percent } from '../services/report/words.ts';

/**
 * That of the release in service, as a replica told it. While a change of the gallery spreads, replicas may differ for a
 * moment; then it is the one for the most people.
 */
export function decisionOf({ deployment, replicas }: Pick<ModelStatus, 'deployment' | 'replicas'>) {
  const told = replicas
    .filter(({ release }) => release === deployment?.current?.release)
    .flatMap(({ decision }) => decision ?? []);
  return told.reduce<DecisionInForce | null>((most, it) => (most && most.people >= it.people ? most : it), null);
}

/** Lines without a margin: two, and a third if there is a warning. */
export function decisionLines(
  { identify, verify, people, warning }: DecisionInForce,
  { many }: Noun = PEOPLE,
): string[] {
  const apart = identify.margin > 0 ? `, ${digits(identify.margin)} above the second best` : '';
  return [
    `identify    ${people} ${many}, known from ${digits(identify.threshold)}${apart}; ${promise('FPIR', identify.fpir)}`,
    `verify      matches from ${digits(verify.threshold)}; ${promise('FAR', verify.far)}`,
    ...(warning === null ? [] : [`warning     ${warning}`]),
  ];
}

/** As the verification of the pair measured it, on the data of its night. */
export function figuresLine({ candidate }: Measured, { one }: Noun = PEOPLE): string {
  const { recognition, identify } = candidate.accuracy;
  const { share, upper } = identify.fpir;
  const strangers = `strangers let in ${percent(share)}, with 95 % confidence below ${percent(upper)}`;
  return `figures     rank-1 per ${one} ${percent(recognition.rank1PerPerson)}; ${strangers}; threshold ${digits(identify.threshold)}`;
}

const promise = (name: string, share: number | null) =>
  share === null ? 'nothing is promised about strangers' : `${name} at most ${digits(100 * share)} %`;
const digits = (value: number) => Number(value.toPrecision(3));
