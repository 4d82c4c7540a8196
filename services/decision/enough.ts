/**
 * Whether there are enough strangers to say anything about whom a door lets in. The collector asks before a net is trained
 * in vain, the verifier before it judges. Pure.
 */
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import { PEOPLE, type Noun } from '../../contracts/configuration/noun.ts';
import { STRANGERS_MIN } from './promise.ts';

/** Two is the least from which one can judge the other; fewer than five show nothing, and that has to be wanted. */
const STRANGERS_LEAST = 2;

export interface StrangersFound {
  /** Shown by sources of strangers. */
  readonly strangers: number;
  readonly heldOut: number;
  /** Enrolled, those held out included. */
  readonly people: number;
}

/** What is missing, with ways out; null if nothing is. */
export function lackOfStrangers(
  { strangers, heldOut, people }: StrangersFound,
  policy: DecisionConfig['inconclusive'],
  { many }: Noun = PEOPLE,
): string | null {
  const least = policy === 'serve' ? STRANGERS_LEAST : STRANGERS_MIN;
  const playing = strangers > 0 ? strangers : heldOut;
  if (playing >= least) return null;
  const found =
    strangers > 0
      ? `the sources of strangers show ${strangers} ${many}`
      : `${heldOut} of ${people} ${many} are held out of training, to play strangers`;
  return (
    `${found}, and so few say nothing about the strangers that are let in: at least ${least} are needed. Give a source of ` +
    `strangers, collect at least ${3 * least} ${many}, or raise decision.holdOut`
  );
}
