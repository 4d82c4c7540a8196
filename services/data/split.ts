/**
 * Which sample trains, which validates, which probes: pure rules over digests and order. By content hash a sample
 * keeps its split from night to night, whatever is added around it, so a probe never slips into training.
 */
import { assertNever } from '../../contracts/errors.ts';
import type { SplitConfig } from '../../contracts/configuration/data.ts';
import type { Split } from '../../contracts/dataset.ts';
import type { SplitRule } from './strategy.ts';

export interface Splittable {
  readonly label: string;
  /** sha256:<hex> of the image as it was delivered. */
  readonly digest: string;
}

export function createSplitRule(config: SplitConfig): SplitRule {
  switch (config.strategy) {
    case 'content-hash':
      return ({ digest }) => splitOfShare(shareOfDigest(digest), config);
    case 'first-n':
      return ({ ordinal }) => (ordinal < config.train ? 'train' : 'probe');
    default:
      return assertNever(config);
  }
}

/**
 * The split of each sample, in the order given. A person whose samples would all be held back gets the one with the
 * highest share for training: someone nobody trains on cannot be a class. That sample returns to its own split as soon
 * as the person has another one that trains.
 */
export function assignSplits(samples: readonly Splittable[], rule: SplitRule): Split[] {
  const ordinals = new Map<string, number>();
  const splits = samples.map(({ label, digest }) => {
    const ordinal = ordinals.get(label) ?? 0;
    ordinals.set(label, ordinal + 1);
    return rule({ digest, ordinal });
  });
  for (const index of substitutes(samples, splits)) splits[index] = 'train';
  return splits;
}

/** For each person without a training sample, the index of the one that stands in. */
function substitutes(samples: readonly Splittable[], splits: readonly Split[]): number[] {
  const trained = new Set(samples.filter((_, index) => splits[index] === 'train').map(({ label }) => label));
  const best = new Map<string, { index: number; digest: string }>();
  samples.forEach(({ label, digest }, index) => {
    const rival = best.get(label);
    // Hex of one length compares like the number it spells.
    if (!trained.has(label) && (!rival || digest > rival.digest)) best.set(label, { index, digest });
  });
  return [...best.values()].map(({ index }) => index);
}

function splitOfShare(share: number, { probe, validation }: { probe: number; validation: number }): Split {
  if (share < probe) return 'probe';
  return share < probe + validation ? 'validation' : 'train';
}

/** The first 48 bits of a SHA-256 as a number in [0, 1): evenly spread, and exact in a double. */
function shareOfDigest(digest: string): number {
  return Number.parseInt(digest.slice('sha256:'.length, 'sha256:'.length + 12), 16) / 2 ** 48;
}
