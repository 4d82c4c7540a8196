/** The figures of a verification as rows to read, from a run's memory. Pure. */
import type { RunMemory } from '../../contracts/api.ts';
import type { Accuracy, Verdict, VerificationFiguresSchema } from '../../contracts/verification.ts';

type Figures = (typeof VerificationFiguresSchema)['_output'];
type Measured = Pick<Accuracy, 'recognition' | 'newcomers' | 'identify' | 'verify'>;

export interface Verification {
  readonly verdict: Verdict;
  readonly admitted: boolean;
  readonly reasons: readonly string[];
  readonly figures: Figures | null;
}

export interface FigureRow {
  readonly name: string;
  readonly meaning: string;
  readonly candidate: number | null;
  readonly champion: number | null;
}

/** Null before the verification, and of a version whose memory has another form. */
export function verificationIn(memory: RunMemory): Verification | null {
  const { verification } = memory as { verification?: unknown };
  if (typeof verification !== 'object' || verification === null) return null;
  const { verdict, admitted, reasons, figures } = verification as Partial<Verification>;
  if (verdict === undefined || !['blessed', 'rejected', 'inconclusive'].includes(verdict)) return null;
  return { verdict, admitted: admitted ?? false, reasons: reasons ?? [], figures: figures ?? null };
}

const ROWS: readonly { name: string; meaning: string; of: (measured: Measured) => number | null }[] = [
  {
    name: 'Strangers let in',
    meaning: 'FPIR: searches by strangers that are answered with a name.',
    of: ({ identify }) => identify.fpir.share,
  },
  {
    name: 'Kept out',
    meaning: 'FNIR: images of those enrolled that are not answered with their own name.',
    of: ({ recognition }) => recognition.fnir,
  },
  {
    name: 'Wrong names',
    meaning: 'Images of those enrolled that are answered with another name.',
    of: ({ recognition }) => recognition.wrongName,
  },
  {
    name: 'Newcomers kept out',
    meaning: 'FNIR of those enrolled whom no training has seen.',
    of: ({ newcomers }) => newcomers?.fnir ?? null,
  },
  {
    name: 'Rank-1 by name',
    meaning: 'Images whose best match is right, each name counting once.',
    of: ({ recognition }) => recognition.rank1PerPerson,
  },
  {
    name: 'Claims accepted',
    meaning: 'TAR: own comparisons that pass.',
    of: ({ verify }) => verify.tar,
  },
];

export const figuresOf = ({ candidate, champion }: Figures): readonly FigureRow[] =>
  ROWS.map(({ name, meaning, of }) => ({
    ...{ name, meaning, candidate: of(candidate.accuracy) },
    champion: champion && of(champion.accuracy),
  }));
