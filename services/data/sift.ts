/**
 * Which of the taken-in samples stay. The first with given bytes does: the same bytes again are a duplicate, or a
 * contradiction. A stranger is somebody who is not enrolled and whom no net of the lineage has learned. Pure; called by
 * resolve.ts.
 */
import type { Quarantined } from '../../contracts/dataset.ts';
import { nameForm } from './hold-out.ts';
import { isStored, type Intake, type RefusedSample, type StoredSample } from './intake.ts';
import type { Learned } from './learned.ts';

/** A sample and the index of its intake, those of people first. */
export type Kept = StoredSample & { readonly source: number };

export interface Sifted {
  readonly people: readonly Kept[];
  readonly strangers: readonly Kept[];
  readonly quarantined: readonly Quarantined[];
}

type Refusal = Pick<RefusedSample, 'reason' | 'message'>;
/** Why a sample is refused; null if it stays. `earlier`: the kept one with the same bytes. */
type Judge = (sample: Kept, earlier: Kept | undefined) => Refusal | null;

export function sift(
  { people, strangers }: { readonly people: readonly Intake[]; readonly strangers: readonly Intake[] },
  learned: Pick<Learned, 'people' | 'images'>,
): Sifted {
  const intakes = [...people, ...strangers];
  const nameOf = ({ source, id }: Kept) => `${intakes[source]?.name}/${id}`;
  const first = new Map<string, Kept>();
  const quarantined: Quarantined[] = [];
  const keep = (from: number, to: number, judge: Judge): Kept[] => {
    const kept: Kept[] = [];
    for (const [at, { name, records }] of intakes.slice(from, to).entries()) {
      for (const record of records) {
        if (!isStored(record)) {
          quarantined.push({ source: name, ...record });
          continue;
        }
        const sample = { ...record, source: from + at };
        const refusal = judge(sample, first.get(record.digest));
        if (refusal) {
          quarantined.push({ source: name, id: record.id, label: record.label, ...refusal });
          continue;
        }
        first.set(record.digest, sample);
        kept.push(sample);
      }
    }
    return kept;
  };
  const enrolled = keep(0, people.length, repeatedIn(nameOf));
  const isNoStranger = noStranger(enrolled, people.length, learned, nameOf);
  return { people: enrolled, strangers: keep(people.length, intakes.length, isNoStranger), quarantined };
}

const repeatedIn =
  (nameOf: (sample: Kept) => string): Judge =>
  (sample, earlier) => {
    if (!earlier) return null;
    const same = `${nameOf(sample)}: the same bytes as ${nameOf(earlier)}`;
    return sample.label === earlier.label
      ? { reason: 'duplicate', message: same }
      : { reason: 'contradictory-label', message: `${same}, which is labelled "${earlier.label}"` };
  };

function noStranger(
  enrolled: readonly Kept[],
  peopleIntakes: number,
  learned: Pick<Learned, 'people' | 'images'>,
  nameOf: (sample: Kept) => string,
): Judge {
  const names = new Set(enrolled.map(({ label }) => nameForm(label)));
  const learnedNames = new Set([...learned.people].map(nameForm));
  const isRepeated = repeatedIn(nameOf);
  return (sample, earlier) => {
    const refuse = (why: string): Refusal => ({ reason: 'not-a-stranger', message: `${nameOf(sample)}: ${why}` });
    const { label, digest } = sample;
    if (earlier && earlier.source < peopleIntakes)
      return refuse(`the same bytes as ${nameOf(earlier)} of "${earlier.label}", who is enrolled`);
    if (names.has(nameForm(label))) return refuse(`"${label}" is enrolled, and so no stranger`);
    if (learned.images.has(digest)) return refuse('the net has learned this image, and so its person is no stranger');
    if (learnedNames.has(nameForm(label)))
      return refuse(`"${label}" was learned by the net, and so is no stranger to it`);
    return isRepeated(sample, earlier);
  };
}
