/**
 * Who of the enrolled people is held out of training: the rule of services/decision/held-out.ts over a snapshot and what
 * was learned before it. Pure; called by resolve.ts.
 */
import { personName } from '../../contracts/person-name.ts';
import { heldOutOf, type HoldOut } from '../decision/held-out.ts';
import type { Splittable } from './split.ts';

/** A recognition model needs people to tell apart. */
export const LEARNED_MIN = 2;

/**
 * Labels of the people held out. Whoever was learned is not, and neither is a person one of whose images was: somebody
 * may have been renamed. So many are held out at most that two people are learned.
 */
export function holdOutPeople(
  samples: readonly Pick<Splittable, 'label' | 'digest'>[],
  holdOut: Pick<HoldOut, 'share' | 'min'>,
  learned: { readonly people: ReadonlySet<string>; readonly images: ReadonlySet<string> },
): ReadonlySet<string> {
  const labelsOf = new Map<string, Set<string>>();
  const known = new Set([...learned.people].map(personName));
  for (const { label, digest } of samples) {
    const form = personName(label);
    const labels = labelsOf.get(form) ?? new Set();
    labelsOf.set(form, labels.add(label));
    if (learned.images.has(digest)) known.add(form);
  }
  const chosen = [...heldOutOf(labelsOf.keys(), holdOut, known)];
  const atMost = Math.max(0, labelsOf.size - LEARNED_MIN);
  return new Set(chosen.slice(0, atMost).flatMap((form) => [...(labelsOf.get(form) ?? [])]));
}
