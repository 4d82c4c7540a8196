/** Numbers and words as the report, the model card and the command line write them. */
import type { Verdict } from '../../contracts/verification.ts';

/** A share of 0..1 in percent: two digits below ten percent, a tenth above. 1 of 2000 short of all is not 100 %. */
export function percent(share: number): string {
  const value = 100 * share;
  if (Math.abs(value) < 10) return `${Number(value.toPrecision(2))} %`;
  const rounded = Number(value.toFixed(1));
  return rounded === 100 && share < 1 ? '> 99.9 %' : `${rounded} %`;
}

export const percentOrDash = (share: number | null | undefined): string => (share == null ? '-' : percent(share));

/** A difference of two shares, in percentage points, with its sign. */
export function points(difference: number): string {
  const value = Number((100 * difference).toFixed(1));
  return `${value > 0 ? '+' : value < 0 ? '\u2212' : '±'}${Math.abs(value)}`;
}

/** A cosine. */
export const score = (value: number): string => value.toFixed(3);

/** Three digits, such as 4.12 or 0.0031; whole from a hundred on. */
export const number = (value: number): string =>
  Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

/** `1 image`, `2 images`. */
export const count = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  blessed: 'Blessed',
  rejected: 'Rejected',
  inconclusive: 'Inconclusive',
};

/** A model that was fitted to all images after the verdict serves in the candidate's place, or does not. */
export const refitSentence = (serves: boolean): string =>
  serves
    ? 'The model that serves is the candidate fitted again to all images, the probes too; the figures are those of the candidate.'
    : 'The candidate was fitted again to all images; that model broke a gate of its own, and the candidate itself serves.';

/** The consequence of the verdict, as a sentence. An operator may still decide otherwise, so it speaks of the verification. */
export function consequence({ verdict, admitted }: { verdict: Verdict; admitted: boolean }): string {
  if (verdict === 'blessed') return 'Every gate holds: the verification lets the candidate serve.';
  if (verdict === 'rejected') return 'A gate is broken: the verification keeps the candidate out of service.';
  const unclear = 'No gate is broken, and the data cannot decide at least one';
  return admitted
    ? `${unclear}: the verification lets the candidate serve, with a warning.`
    : `${unclear}: the verification keeps the candidate out of service.`;
}
