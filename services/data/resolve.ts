/**
 * Second half of a collection, all pure: which of the taken-in samples stay, who is held out, which split each sample
 * gets, and which shard it lies in. Sources count in the order of the configuration, so the outcome does not depend on
 * their speed.
 */
import type { SplitConfig } from '../../contracts/configuration/data.ts';
import { PEOPLE, type Noun } from '../../contracts/configuration/noun.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { DatasetManifest, Quarantined, Split } from '../../contracts/dataset.ts';
import type { HoldOut } from '../decision/held-out.ts';
import { holdOutPeople, LEARNED_MIN } from './hold-out.ts';
import type { Intake, StoredSample } from './intake.ts';
import type { Learned } from './learned.ts';
import { sift } from './sift.ts';
import { assignSplits } from './split.ts';

export interface ResolvedSample extends StoredSample {
  /** Index of its intake, those of people first. */
  readonly source: number;
  readonly split: Split;
}

/** What was taken in, from the sources of people and from those of strangers. */
export interface Intakes {
  readonly people: readonly Intake[];
  readonly strangers: readonly Intake[];
}

export interface ResolveOptions {
  readonly split: SplitConfig;
  readonly holdOut: Pick<HoldOut, 'share' | 'min'>;
  /** By the champion and the nets before it. */
  readonly learned: Learned;
  /** For errors. */
  readonly noun?: Noun | undefined;
}

export interface ResolvedSamples {
  readonly samples: readonly ResolvedSample[];
  readonly quarantined: readonly Quarantined[];
  /** Everyone enrolled, with at least one sample; sorted by code units, as are the other two. */
  readonly labels: readonly string[];
  readonly heldOut: readonly string[];
  readonly strangers: readonly string[];
  /** The lineage with tonight's training. */
  readonly learned: Learned;
  readonly counts: DatasetManifest['counts'];
  readonly sources: DatasetManifest['sources'];
}

/** A shard is one object of the store: large enough to be read in a stride, small enough to be fetched again. */
export const SHARD_SAMPLES_MAX = 2000;
const SHARD_BYTES_MAX = 256 * 1024 * 1024;

/** Throws DATASET_TOO_SMALL, not retryable, when what remains cannot be trained on. */
export function resolveSamples(intakes: Intakes, options: ResolveOptions): ResolvedSamples {
  const { split, holdOut, learned, noun = PEOPLE } = options;
  const { people, strangers, quarantined } = sift(intakes, learned);
  const heldOut = holdOutPeople(people, holdOut, learned);
  const plan = { config: split, heldOut, learned: learned.images, picks: learned.picks };
  const { splits, picks } = assignSplits(people, plan);
  const samples: ResolvedSample[] = [
    // assignSplits answers one split per sample, so the index is always in range.
    ...people.map((sample, index) => ({ ...sample, split: splits[index]! })),
    ...strangers.map((sample) => ({ ...sample, split: 'stranger' as const })),
  ];
  const labels = labelsOf(people);
  const counts = countSplits(samples);
  if (labels.length < LEARNED_MIN || counts.train < 1) throw tooSmall(labels.length, counts, quarantined, noun);
  return {
    ...{ samples, quarantined, labels, counts },
    heldOut: [...heldOut].sort(),
    strangers: labelsOf(strangers),
    learned: learnedWith(learned, samples, picks),
    sources: countSources([...intakes.people, ...intakes.strangers], samples),
  };
}

/** Consecutive samples of one source, bounded in number and bytes. */
export function planShards(samples: readonly ResolvedSample[]): ResolvedSample[][] {
  const shards: ResolvedSample[][] = [];
  let open: ResolvedSample[] = [];
  let bytes = 0;
  for (const sample of samples) {
    const full = open.length === SHARD_SAMPLES_MAX || bytes + sample.bytes > SHARD_BYTES_MAX;
    if (open.length === 0 || full || open[0]?.source !== sample.source) {
      open = [];
      bytes = 0;
      shards.push(open);
    }
    open.push(sample);
    bytes += sample.bytes;
  }
  return shards;
}

const labelsOf = (samples: readonly { label: string }[]) => [...new Set(samples.map(({ label }) => label))].sort();

/** Validation is learned from too: it decides which weights are kept. */
function learnedWith(before: Learned, samples: readonly ResolvedSample[], picks: readonly string[]): Learned {
  const tonight = samples.filter(({ split }) => split === 'train' || split === 'validation');
  const images = new Set([...before.images, ...tonight.map(({ digest }) => digest)]);
  return {
    people: new Set([...before.people, ...tonight.map(({ label }) => label)]),
    images,
    picks: new Set([...before.picks, ...picks].filter((digest) => !images.has(digest))),
  };
}

function countSources(intakes: readonly Intake[], samples: readonly ResolvedSample[]): DatasetManifest['sources'] {
  return intakes.map(({ name, type, records, passedOver }, index) => {
    const kept = samples.filter(({ source }) => source === index);
    const stayed = kept.length;
    const others = Object.keys(passedOver).length === 0 ? {} : { passedOver: { ...passedOver } };
    return { name, type, samples: stayed, quarantined: records.length - stayed, ...others, ...figuresOf(kept) };
  });
}

function figuresOf(kept: readonly ResolvedSample[]): Pick<DatasetManifest['sources'][number], 'people' | 'grey'> {
  if (kept.length === 0) return { people: 0 };
  const grey = kept.reduce((sum, sample) => sum + sample.grey, 0) / kept.length;
  return { people: new Set(kept.map(({ label }) => label)).size, grey: Math.round(grey * 10) / 10 };
}

function countSplits(samples: readonly { split: Split }[]): DatasetManifest['counts'] {
  const counts = { train: 0, validation: 0, probe: 0, 'held-out': 0, stranger: 0, total: samples.length };
  for (const { split } of samples) counts[split] += 1;
  return counts;
}

function tooSmall(
  people: number,
  counts: DatasetManifest['counts'],
  quarantined: readonly Quarantined[],
  { many }: Noun,
): PipelineError {
  const usable = counts.total - counts.stranger;
  const found = `${usable} usable samples of ${people} ${many}, ${counts.train} of them for training`;
  const refused = quarantined[0]
    ? `${quarantined.length} in quarantine, the first: ${quarantined[0].message}`
    : 'none in quarantine';
  return new PipelineError(
    'DATASET_TOO_SMALL',
    `collector: ${found}; ${refused}. At least ${LEARNED_MIN} ${many} are needed: look into the sources`,
  );
}
