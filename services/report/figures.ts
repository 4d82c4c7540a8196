/**
 * The five figures that matter of a verification, candidate beside champion: who gets in, who is kept out, who is taken
 * for somebody else, how newcomers fare, and how the people fare one by one. Shown by the report, the model card and the
 * command line.
 */
import type { z } from 'zod';
import { PEOPLE, type Noun } from '../../contracts/configuration/noun.ts';
import type { Accuracy, DifferenceSchema, VerificationReport } from '../../contracts/verification.ts';
import { percent, percentOrDash } from './words.ts';

export interface Figure {
  readonly key: 'fpir' | 'fnir' | 'wrongName' | 'newcomers' | 'rank1PerPerson';
  readonly title: string;
  /** A sentence that says what is counted. */
  readonly meaning: string;
  /** Shares; null where the data cannot give them. */
  readonly candidate: number | null;
  readonly champion: number | null;
  readonly better: 'lower' | 'higher';
  /** The bound and the promise, if there is one. */
  readonly bound: string | null;
  /** Candidate less champion on the same probes. */
  readonly difference: z.infer<typeof DifferenceSchema> | null;
}

/** As the report has them, and the event of the verification too. */
export interface Measured {
  readonly candidate: { readonly accuracy: Pick<Accuracy, 'recognition' | 'newcomers' | 'identify'> };
  readonly champion: { readonly accuracy: Pick<Accuracy, 'recognition' | 'newcomers' | 'identify'> } | null;
  readonly promise?: VerificationReport['promise'];
  readonly comparison?: VerificationReport['comparison'];
}

export function fiveFigures(measured: Measured, noun: Noun = PEOPLE): readonly Figure[] {
  const { candidate, champion, promise, comparison } = measured;
  const of = (valueOf: (accuracy: Measured['candidate']['accuracy']) => number | null) => ({
    candidate: valueOf(candidate.accuracy),
    champion: champion && valueOf(champion.accuracy),
  });
  return [
    {
      key: 'fpir',
      title: 'Strangers let in',
      meaning: 'FPIR: searches by strangers that are answered with a name.',
      ...of(({ identify }) => identify.fpir.share),
      better: 'lower',
      bound: boundOf(candidate.accuracy.identify.fpir.upper, promise),
      difference: null,
    },
    {
      key: 'fnir',
      title: 'Kept out',
      meaning: `FNIR: images of enrolled ${noun.many} that are not answered with their own name.`,
      ...of(({ recognition }) => recognition.fnir),
      better: 'lower',
      bound: rangeOf(candidate.accuracy.recognition.bounds?.fnir),
      difference: comparison?.fnir ?? null,
    },
    {
      key: 'wrongName',
      title: 'Wrong names',
      meaning: `Images of enrolled ${noun.many} that are answered with another name.`,
      ...of(({ recognition }) => recognition.wrongName),
      better: 'lower',
      bound: rangeOf(candidate.accuracy.recognition.bounds?.wrongName),
      difference: null,
    },
    {
      key: 'newcomers',
      title: 'Newcomers kept out',
      meaning: `FNIR of the enrolled ${noun.many} whom no training has seen.`,
      ...of(({ newcomers }) => newcomers?.fnir ?? null),
      better: 'lower',
      bound: rangeOf(candidate.accuracy.newcomers?.bounds?.fnir),
      difference: null,
    },
    {
      key: 'rank1PerPerson',
      title: `Rank-1 per ${noun.one}`,
      meaning: `Images whose best match is right, each ${noun.one} counting once.`,
      ...of(({ recognition }) => recognition.rank1PerPerson),
      better: 'higher',
      bound: [
        rangeOf(candidate.accuracy.recognition.bounds?.rank1PerPerson),
        `worst tenth ${percent(candidate.accuracy.recognition.rank1WorstTenth)}`,
      ]
        .filter((part) => part !== null)
        .join('; '),
      difference: comparison?.rank1PerPerson ?? null,
    },
  ];
}

function boundOf(upper: number, promise: Measured['promise']): string {
  const sure = `with 95 % confidence below ${percent(upper)}`;
  return promise ? `${sure}; promised ${percent(promise.fpir)}` : sure;
}

const rangeOf = (bounds: { readonly lower: number; readonly upper: number } | undefined): string | null =>
  bounds ? `95 % bounds ${percent(bounds.lower)} and ${percent(bounds.upper)}` : null;

/** For a terminal, one line each. */
export function figureLines(measured: Measured, noun: Noun = PEOPLE): readonly string[] {
  const figures = fiveFigures(measured, noun);
  const width = Math.max(...figures.map(({ title }) => title.length));
  return figures.map(({ title, candidate, champion, bound }) => {
    const beside = measured.champion ? `  champion ${percentOrDash(champion).padStart(8)}` : '';
    return `${title.padEnd(width)}  ${percentOrDash(candidate).padStart(8)}${beside}${bound ? `  (${bound})` : ''}`;
  });
}
