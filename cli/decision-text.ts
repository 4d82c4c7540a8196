/** The decision of a release in words, for `nightshift status`: people, thresholds, what was promised, and a warning. */
import type { ModelStatus } from '../contracts/api.ts';
import { PEOPLE, type Noun } from '../contracts/configuration/noun.ts';
import type { DecisionInForce } from '../contracts/decision.ts';

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

const promise = (name: string, share: number | null) =>
  share === null ? 'nothing is promised about strangers' : `${name} at most ${digits(100 * share)} %`;
const digits = (value: number) => Number(value.toPrecision(3));
