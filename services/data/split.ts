/**
 * Which sample trains, which is watched, which judges, which is only enrolled: pure rules over digests and order, person
 * by person. What a net has learned is never a probe, whatever is added, leaves or is configured. docs/data.md explains
 * them, test/services/data/split.test.ts holds them over many nights.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { SplitConfig } from '../../contracts/configuration/data.ts';
import type { Split } from '../../contracts/dataset.ts';

export interface Splittable {
  readonly label: string;
  /** sha256:<hex> of the image as it was delivered. */
  readonly digest: string;
}

export interface SplitPlan {
  readonly config: SplitConfig;
  /** People whom no training sees, as the samples name them. */
  readonly heldOut: ReadonlySet<string>;
  /** Digests of images that the champion, or a net from whose weights it began, has learned from. */
  readonly learned: ReadonlySet<string>;
  /** Digests of the probes that were picked before, and not learned. */
  readonly picks: ReadonlySet<string>;
}

export interface Assigned {
  /** Of each sample, in the order given. */
  readonly splits: readonly Split[];
  /** Digests of the probes that their hash alone does not make probes: they stay tomorrow. */
  readonly picks: readonly string[];
}

/** So many images of a person, and at least one of them is a probe: one to find the person by, one to learn, one to judge. */
const PROBED_FROM = 3;
/** The same of a person held out, who has nothing to learn. */
const HELD_OUT_PROBED_FROM = 2;

export function assignSplits(samples: readonly Splittable[], plan: SplitPlan): Assigned {
  const splits: Split[] = Array.from({ length: samples.length });
  const picks: string[] = [];
  for (const [label, places] of placesOf(samples)) {
    // Places are those of samples.
    const digests = places.map((place) => samples[place]!.digest);
    const assigned = splitPerson(digests, plan, plan.heldOut.has(label));
    places.forEach((place, at) => (splits[place] = assigned.splits[at]!));
    picks.push(...assigned.picks);
  }
  return { splits, picks };
}

function placesOf(samples: readonly Splittable[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  samples.forEach(({ label }, place) => {
    const own = places.get(label);
    if (own) own.push(place);
    else places.set(label, [place]);
  });
  return places;
}

function splitPerson(digests: readonly string[], plan: SplitPlan, isHeldOut: boolean): Assigned {
  const { config } = plan;
  switch (config.strategy) {
    case 'content-hash':
      return splitByHash(digests, plan, config, isHeldOut);
    case 'first-n':
      return { splits: splitByOrder(digests, plan, config.train, isHeldOut), picks: [] };
    default:
      return assertNever(config);
  }
}

function splitByOrder(digests: readonly string[], { learned }: SplitPlan, first: number, isHeldOut: boolean): Split[] {
  const base = baseOf(isHeldOut);
  return digests.map((digest, ordinal) => (ordinal < first || learned.has(digest) ? base : 'probe'));
}

/** What all images of a person would be if there were no probes and no validation. */
const baseOf = (isHeldOut: boolean): Split => (isHeldOut ? 'held-out' : 'train');

/**
 * 1. Each image has the split of its hash, except that a learned one is no probe, and a probe picked before is one.
 * 2. A person with enough images and no probe: the image with the lowest hash that was not learned becomes one.
 * 3. A person of whom nothing trains (or, held out, is enrolled): the image with the highest hash does, a probe only if all
 *    are probes, and a probe picked before only if all of them were.
 */
function splitByHash(
  digests: readonly string[],
  { learned, picks }: SplitPlan,
  shares: { readonly probe: number; readonly validation: number },
  isHeldOut: boolean,
): Assigned {
  const base = baseOf(isHeldOut);
  const byHash = digests.map((digest) => splitOfShare(shareOfDigest(digest), shares, base));
  const isLearned = digests.map((digest) => learned.has(digest));
  // A share of 0 asks for no probes.
  const wanted = shares.probe > 0;
  const isPick = digests.map((digest, at) => wanted && picks.has(digest) && !isLearned[at]);
  const splits = byHash.map((split, at) => (isPick[at] ? 'probe' : isLearned[at] && split === 'probe' ? base : split));
  const order = [...digests.keys()].sort((a, b) => compare(digests[a]!, digests[b]!));
  const enough = digests.length >= (isHeldOut ? HELD_OUT_PROBED_FROM : PROBED_FROM);
  if (wanted && enough && !splits.includes('probe')) {
    const lowest = order.find((at) => !isLearned[at]);
    if (lowest !== undefined) splits[lowest] = 'probe';
  }
  if (!splits.includes(base)) {
    const noProbe = order.findLast((at) => splits[at] !== 'probe');
    // A person has at least one image.
    splits[noProbe ?? order.findLast((at) => !isPick[at]) ?? order.at(-1)!] = base;
  }
  const picked = digests.filter((_, at) => splits[at] === 'probe' && (isPick[at] || byHash[at] !== 'probe'));
  return { splits, picks: picked };
}

function splitOfShare(share: number, { probe, validation }: { probe: number; validation: number }, base: Split): Split {
  if (share < probe) return 'probe';
  return base === 'train' && share < probe + validation ? 'validation' : base;
}

/** Hex of one length compares like the number it spells. */
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** The first 48 bits of a SHA-256 as a number in [0, 1): evenly spread, and exact in a double. */
function shareOfDigest(digest: string): number {
  return Number.parseInt(digest.slice('sha256:'.length, 'sha256:'.length + 12), 16) / 2 ** 48;
}
