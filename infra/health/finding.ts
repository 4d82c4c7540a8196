/**
 * A fault, or something that may become one, as `nightshift doctor` tells it: one sentence, and the way to mend it. The
 * modules beside this one look at one kind of thing each and throw nothing, as ../preflight/ does, whose findings are of the
 * same form; cli/commands/doctor.ts puts them together.
 */

export interface Finding {
  /** For scripts; it stays as it is. */
  readonly id: string;
  /** `error`: something does not work. `warning`: it works, and soon may not. `unread`: it could not be looked at. */
  readonly severity: 'error' | 'warning' | 'unread';
  readonly sentence: string;
  /** A command, or words. */
  readonly mend: string;
}

type Told = (id: string, sentence: string, mend: string) => Finding;
const of =
  (severity: Finding['severity']): Told =>
  (id, sentence, mend) => ({ id, severity, sentence, mend });

export const error = of('error');
export const warning = of('warning');
export const unread = of('unread');

const SERIOUS: readonly Finding['severity'][] = ['error', 'warning', 'unread'];

/** Each once, the worst first; otherwise in the order in which they were found. */
export const worstFirst = (findings: readonly Finding[]): readonly Finding[] =>
  [...new Map(findings.map((it) => [it.sentence, it])).values()].sort(
    (a, b) => SERIOUS.indexOf(a.severity) - SERIOUS.indexOf(b.severity),
  );

/** From so much on a limit is worth a word: there is still time to do something. */
export const NEARLY_FULL = 0.9;
