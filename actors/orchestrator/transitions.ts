/** The transitions of a run as the store keeps them: those of its record's revisions that say what happened. Pure. */
import type { Checkpoint } from '../../machines/step.ts';
import { isKnown, upcast } from '../../machines/versions.ts';

/** A run of an older version reads like one of today; a version that is not known here is shown as it is. */
export const inTodaysWords = (c: Checkpoint): Checkpoint => (isKnown(c) ? upcast(c) : c);

/** A transition is saved twice, with its outbox and without: the first counts. */
export const transitionsOf = (history: readonly Checkpoint[]): readonly Checkpoint[] =>
  history.filter((c, index) => c.transition !== history[index - 1]?.transition);
