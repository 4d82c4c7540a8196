/**
 * Second half of a collection, all pure: which of the taken-in samples stay, which split each one gets, and which
 * shard it lies in. Sources count in the order of the configuration, so the outcome does not depend on their speed.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { DatasetManifest, Quarantined, Split } from '../../contracts/dataset.ts';
import { isStored, type Intake, type StoredSample } from './intake.ts';
import { assignSplits } from './split.ts';
import type { SplitRule } from './strategy.ts';

export interface ResolvedSample extends StoredSample {
  /** Index of its intake. */
  readonly source: number;
  readonly split: Split;
}

export interface ResolvedSamples {
  readonly samples: readonly ResolvedSample[];
  readonly quarantined: readonly Quarantined[];
  /** Everyone with at least one sample, sorted by code units. */
  readonly labels: readonly string[];
  readonly counts: DatasetManifest['counts'];
  readonly sources: DatasetManifest['sources'];
}

/** A shard is one object of the store: large enough to be read in a stride, small enough to be fetched again. */
export const SHARD_SAMPLES_MAX = 2000;
const SHARD_BYTES_MAX = 256 * 1024 * 1024;
/** A recognition model needs people to tell apart. */
const LABELS_MIN = 2;

/** Throws DATASET_TOO_SMALL, not retryable, when what remains cannot be trained on. */
export function resolveSamples(intakes: readonly Intake[], rule: SplitRule): ResolvedSamples {
  const { kept, quarantined } = sift(intakes);
  const splits = assignSplits(kept, rule);
  // assignSplits answers one split per sample, so the index is always in range.
  const samples = kept.map((sample, index) => ({ ...sample, split: splits[index]! }));
  const labels = [...new Set(samples.map(({ label }) => label))].sort();
  const counts = countSplits(samples);
  const sources = intakes.map(({ name, type, records }, index) => {
    const stayed = samples.filter(({ source }) => source === index).length;
    return { name, type, samples: stayed, quarantined: records.length - stayed };
  });
  if (labels.length < LABELS_MIN || counts.train < 1) throw tooSmall(labels.length, counts, quarantined);
  return { samples, quarantined, labels, counts, sources };
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

type Kept = Omit<ResolvedSample, 'split'>;

/** The first sample with given bytes stays; the same bytes again are a duplicate, or a contradiction. */
function sift(intakes: readonly Intake[]): { kept: Kept[]; quarantined: Quarantined[] } {
  const kept: Kept[] = [];
  const quarantined: Quarantined[] = [];
  const first = new Map<string, Kept>();
  intakes.forEach(({ name, records }, source) => {
    for (const record of records) {
      const earlier = isStored(record) ? first.get(record.digest) : undefined;
      if (!isStored(record)) quarantined.push({ source: name, ...record });
      else if (earlier) quarantined.push(repeated(record, name, earlier, intakes[earlier.source]?.name ?? name));
      else {
        const sample = { ...record, source };
        first.set(record.digest, sample);
        kept.push(sample);
      }
    }
  });
  return { kept, quarantined };
}

function repeated({ id, label }: StoredSample, source: string, earlier: Kept, earlierSource: string): Quarantined {
  const where = `${earlierSource}/${earlier.id}`;
  if (label === earlier.label)
    return { source, id, label, reason: 'duplicate', message: `${source}/${id}: the same bytes as ${where}` };
  const message = `${source}/${id}: the same bytes as ${where}, which is labelled "${earlier.label}"`;
  return { source, id, label, reason: 'contradictory-label', message };
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
): PipelineError {
  const found = `${counts.total} usable samples of ${people} people, ${counts.train} of them for training`;
  const refused = quarantined[0]
    ? `${quarantined.length} in quarantine, the first: ${quarantined[0].message}`
    : 'none in quarantine';
  return new PipelineError(
    'DATASET_TOO_SMALL',
    `collector: ${found}; ${refused}. At least ${LABELS_MIN} people are needed: look into the sources`,
  );
}
