/**
 * The check of a final refit: the candidate's net, fitted again to all images, has learned the probes, so they say little of
 * it. Strangers and people held out say more: neither net has learned them. Called by verify.ts for a candidate that may
 * serve.
 */
import type { Gate } from '../../contracts/verification.ts';
import { differenceOf, type Difference, type ProbeOutcome } from '../decision/recognition.ts';
import type { Measured } from './accuracy.ts';

/** The figures that are compared. */
export interface Fitted {
  readonly probes: readonly ProbeOutcome[];
  readonly accuracy: {
    readonly identify: Pick<Measured['accuracy']['identify'], 'fpir'>;
    readonly verify: Pick<Measured['accuracy']['verify'], 'far'>;
  };
}

/** Of the bootstraps; the same data gives the same bounds. */
const SEED = 1;
/** Fewer say nothing of newcomers. */
const HELD_OUT_MIN = 5;

/** It serves in place of the candidate if every gate holds. */
export function judgeRefit(candidate: Fitted, refit: Fitted, heldOut: ReadonlySet<string>): readonly Gate[] {
  const isHeldOut = ({ person }: { readonly person: string }) => heldOut.has(person);
  const isLearned = (probe: { readonly person: string }) => !isHeldOut(probe);
  const newcomers = refit.probes.filter(isHeldOut);
  const people = new Set(newcomers.map(({ person }) => person)).size;
  return [
    strangers('refit-strangers-identify', candidate.accuracy.identify.fpir, refit.accuracy.identify.fpir),
    strangers('refit-strangers-verify', candidate.accuracy.verify.far, refit.accuracy.verify.far),
    ...(people < HELD_OUT_MIN
      ? [tooFew(people)]
      : (['fnir', 'rank1PerPerson'] as const).map((figure) =>
          noWorse(`refit-newcomers-${NAMES[figure]}`, figure, difference(figure, isHeldOut)),
        )),
    noWorse('refit-learned-rank-1', 'rank1PerPerson', difference('rank1PerPerson', isLearned)),
  ];

  function difference(figure: 'fnir' | 'rank1PerPerson', isMeant: (probe: { readonly person: string }) => boolean) {
    return differenceOf(candidate.probes.filter(isMeant), refit.probes.filter(isMeant), figure, { seed: SEED });
  }
}

const NAMES = { fnir: 'fnir', rank1PerPerson: 'rank-1' } as const;
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

type Promised = Measured['accuracy']['identify']['fpir'];

function strangers(name: string, before: Promised, now: Promised): Gate {
  const holds = now.verdict !== 'broken' && now.share <= before.upper;
  const message = `${name}: ${percent(now.share)} are accepted after the candidate's ${percent(before.share)}; up to ${percent(before.upper)} may be chance`;
  return { name, value: now.share, limit: before.upper, outcome: holds ? 'held' : 'broken', message };
}

/** Half a point is not worth a word. */
const LOSS_MIN = 0.005;

function noWorse(name: string, figure: 'fnir' | 'rank1PerPerson', { difference, lower, upper }: Difference): Gate {
  const worse =
    figure === 'fnir' ? { loss: difference, isShown: lower > 0 } : { loss: -difference, isShown: upper < 0 };
  const isBroken = worse.isShown && worse.loss > LOSS_MIN;
  const message = `${name}: ${percent(Math.abs(difference))} ${worse.loss > 0 ? 'worse' : 'better'} than the candidate, ${isBroken ? 'and that is more than chance' : 'or no worse than chance'}`;
  return { name, value: worse.loss, limit: LOSS_MIN, outcome: isBroken ? 'broken' : 'held', message };
}

const tooFew = (people: number): Gate => ({
  ...{ name: 'refit-newcomers', value: people, limit: HELD_OUT_MIN, outcome: 'undecided' },
  message: `refit-newcomers: ${people} held out show nothing; at least ${HELD_OUT_MIN} are needed`,
});
