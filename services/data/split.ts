/**
 * Which sample trains, which is watched, which judges, which is only enrolled: pure rules over digests and order, person
 * by person. Near copies go together. What a net has learned is never a probe, whatever is added, leaves or is configured. docs/data.md explains
 * them, test/services/data/split.test.ts holds them over many nights.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { SplitConfig } from '../../contracts/configuration/data.ts';
import type { Split } from '../../contracts/dataset.ts';

export interface Splittable {
  readonly label: string;
  /** sha256:<hex> of the image's pixels. */
  readonly digest: string;
  /** Of near copies the same: they have one split. It is the lowest of their digests, and decides like one. */
  readonly group: string;
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
    const groups = groupsOf(samples, places);
    const assigned = splitPerson(groups, plan, plan.heldOut.has(label));
    groups.forEach(({ places: own, digests }, at) => {
      for (const place of own) splits[place] = assigned.splits[at]!;
      if (assigned.isPicked[at]) picks.push(...digests);
    });
  }
  return { splits, picks };
}

/** Near copies of one another, of one person. */
interface Group {
  /** The lowest digest of the group. */
  readonly digest: string;
  readonly digests: string[];
  /** Of its samples among all. */
  readonly places: number[];
  /** Of its first sample among those of its person. */
  readonly ordinal: number;
}

/** Of each person's samples among all, people in the order of their first ones. */
function placesOf(samples: readonly Splittable[]): Map<string, number[]> {
  const people = new Map<string, number[]>();
  samples.forEach(({ label }, place) => {
    const own = people.get(label);
    if (own) own.push(place);
    else people.set(label, [place]);
  });
  return people;
}

/** One person's, in the order of their first samples. */
function groupsOf(samples: readonly Splittable[], places: readonly number[]): readonly Group[] {
  const groups = new Map<string, Group>();
  places.forEach((place, ordinal) => {
    const { digest, group } = samples[place]!; // Its place among all.
    const there = groups.get(group) ?? { digest: group, digests: [], places: [], ordinal };
    groups.set(group, there);
    there.digests.push(digest);
    there.places.push(place);
  });
  return [...groups.values()];
}

interface SplitGroups {
  /** Of each group. */
  readonly splits: readonly Split[];
  readonly isPicked: readonly boolean[];
}

function splitPerson(groups: readonly Group[], plan: SplitPlan, isHeldOut: boolean): SplitGroups {
  const { config } = plan;
  switch (config.strategy) {
    case 'content-hash':
      return splitByHash(groups, plan, config, isHeldOut);
    case 'first-n':
      return { splits: splitByOrder(groups, plan, config.train, isHeldOut), isPicked: groups.map(() => false) };
    default:
      return assertNever(config);
  }
}

function splitByOrder(groups: readonly Group[], { learned }: SplitPlan, first: number, isHeldOut: boolean): Split[] {
  const base = baseOf(isHeldOut);
  return groups.map((group) => (group.ordinal < first || has(learned, group) ? base : 'probe'));
}

const has = (digests: ReadonlySet<string>, group: Group): boolean =>
  group.digests.some((digest) => digests.has(digest));

/** What all images of a person would be if there were no probes and no validation. */
const baseOf = (isHeldOut: boolean): Split => (isHeldOut ? 'held-out' : 'train');

/**
 * An image here is a group of near copies, which is learned, or picked, if one of them was.
 * 1. Each image has the split of its hash, except that a learned one is no probe, and a probe picked before is one.
 * 2. A person with enough images and no probe: the image with the lowest hash that was not learned becomes one.
 * 3. A person of whom nothing trains (or, held out, is enrolled): the image with the highest hash does, a probe only if all
 *    are probes, and a probe picked before only if all of them were.
 */
function splitByHash(
  groups: readonly Group[],
  { learned, picks }: SplitPlan,
  shares: { readonly probe: number; readonly validation: number },
  isHeldOut: boolean,
): SplitGroups {
  const base = baseOf(isHeldOut);
  const byHash = groups.map(({ digest }) => splitOfShare(shareOfDigest(digest), shares, base));
  const isLearned = groups.map((group) => has(learned, group));
  // A share of 0 asks for no probes.
  const wanted = shares.probe > 0;
  const isPick = groups.map((group, at) => wanted && has(picks, group) && !isLearned[at]);
  const splits = byHash.map((split, at) => (isPick[at] ? 'probe' : isLearned[at] && split === 'probe' ? base : split));
  const order = [...groups.keys()].sort((a, b) => compare(groups[a]!.digest, groups[b]!.digest));
  const enough = groups.length >= (isHeldOut ? HELD_OUT_PROBED_FROM : PROBED_FROM);
  if (wanted && enough && !splits.includes('probe')) {
    const lowest = order.find((at) => !isLearned[at]);
    if (lowest !== undefined) splits[lowest] = 'probe';
  }
  if (!splits.includes(base)) {
    const noProbe = order.findLast((at) => splits[at] !== 'probe');
    // A person has at least one image.
    splits[noProbe ?? order.findLast((at) => !isPick[at]) ?? order.at(-1)!] = base;
  }
  const isPicked = splits.map((split, at) => split === 'probe' && (isPick[at] || byHash[at] !== 'probe'));
  return { splits, isPicked };
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
