/**
 * Champion against candidate on the same probes, each at its own thresholds: how far their figures differ, as a paired
 * bootstrap over people bounds it, and who loses a name. Pure.
 */
import { differenceOf, namesLost, type Difference, type ProbeOutcome } from '../decision/recognition.ts';
import type { ProbeScore } from './accuracy.ts';

export interface Comparison {
  readonly rank1: Difference;
  readonly rank1PerPerson: Difference;
  readonly fnir: Difference;
  /** Rank-1 of the newcomers, of each source and of each tag; parts of so few probes are left out that nothing shows. */
  readonly parts: readonly { readonly name: string; readonly rank1: Difference }[];
  readonly namesLost: ReturnType<typeof namesLost>;
  /** Probes that the champion answers rightly. */
  readonly namesBefore: number;
}

/** Of the bootstraps; the same data gives the same bounds. */
const SEED = 1;
/** The people of a smaller part are too few for any bound on its figures. */
const PART_PEOPLE_MIN = 5;

export function compare(
  champion: readonly ProbeScore[],
  candidate: readonly ProbeScore[],
  heldOut: ReadonlySet<string>,
): Comparison {
  const difference = (figure: 'rank1' | 'rank1PerPerson' | 'fnir') =>
    differenceOf(champion, candidate, figure, { seed: SEED });
  return {
    rank1: difference('rank1'),
    rank1PerPerson: difference('rank1PerPerson'),
    fnir: difference('fnir'),
    parts: partsOf(candidate, heldOut).map(({ name, isIn }) => ({
      name,
      rank1: differenceOf(champion.filter(isIn), candidate.filter(isIn), 'rank1PerPerson', { seed: SEED }),
    })),
    namesLost: namesLost(champion, candidate),
    namesBefore: champion.filter(({ known, found, person }) => known && found === person).length,
  };
}

interface Part {
  readonly name: string;
  readonly isIn: (probe: ProbeOutcome) => boolean;
}

function partsOf(probes: readonly ProbeOutcome[], heldOut: ReadonlySet<string>): Part[] {
  const tags = [...new Set(probes.flatMap(({ tags }) => tags ?? []))].sort();
  const parts: Part[] = [
    { name: 'newcomers', isIn: ({ person }) => heldOut.has(person) },
    ...tags.map((tag) => ({ name: tag, isIn: ({ tags }: ProbeOutcome) => tags?.includes(tag) ?? false })),
  ];
  return parts.filter(({ isIn }) => new Set(probes.filter(isIn).map(({ person }) => person)).size >= PART_PEOPLE_MIN);
}
