/**
 * Second half of a collection, without input or output: which of the taken-in samples stay, who is held out, and which split each
 * sample gets. Sources count in the order of the configuration, so the outcome does not depend on
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
import { looksWith } from './learned-looks.ts';
import { sift, type Conflict } from './sift.ts';
import { assignSplits } from './split.ts';

export interface ResolvedSample extends StoredSample {
  /** Index of its intake, those of people first. */
  readonly source: number;
  readonly split: Split;
  /** Of near copies, which have one split: the lowest of their digests. */
  readonly group: string;
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
  /** False: classes may look alike, so that near copies under two names are none. */
  readonly acrossNames?: boolean;
  /** For errors. */
  readonly noun?: Noun | undefined;
}

export interface ResolvedSamples {
  readonly samples: readonly ResolvedSample[];
  readonly quarantined: readonly Quarantined[];
  readonly conflicts: readonly Conflict[];
  /** Names whose pictures look too much alike for copies to be found across names. */
  readonly alike: readonly string[];
  /** Everyone enrolled, with at least one sample; sorted by code units, as are the other two. */
  readonly labels: readonly string[];
  readonly heldOut: readonly string[];
  readonly strangers: readonly string[];
  /** The lineage with tonight's training. */
  readonly learned: Learned;
  readonly counts: DatasetManifest['counts'];
  readonly sources: DatasetManifest['sources'];
}

/** Throws DATASET_TOO_SMALL, not retryable, when what remains cannot be trained on. */
export async function resolveSamples(intakes: Intakes, options: ResolveOptions): Promise<ResolvedSamples> {
  const { split, holdOut, learned, noun = PEOPLE, acrossNames = true } = options;
  const {
    people,
    strangers,
    quarantined,
    conflicts,
    alike,
    learned: known,
  } = await sift(intakes, learned, { acrossNames });
  const heldOut = holdOutPeople(people, holdOut, { people: learned.people, images: known });
  // Those of before 0.6.0 are digests of files.
  const isPicked = ({ digest, file }: StoredSample) => learned.picks.has(digest) || learned.picks.has(file);
  const picked = new Set(people.filter(isPicked).map(({ digest }) => digest));
  const plan = { config: split, heldOut, learned: known, picks: picked };
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
    ...{ samples, quarantined, conflicts, alike, labels, counts },
    heldOut: [...heldOut].sort(),
    strangers: labelsOf(strangers),
    learned: learnedWith(learned, samples, picks),
    sources: countSources([...intakes.people, ...intakes.strangers], samples),
  };
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
    looks: looksWith(before.looks, tonight),
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
