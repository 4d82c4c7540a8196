/**
 * Which of the taken-in samples stay. Of the same pixels of one person one sample does; near copies stay, as one group. A
 * picture under two names is nobody's, unless the net has learned whose it is. A stranger is somebody who is not enrolled and
 * whom no net of the lineage has learned. The order of sources and samples does not count. Pure; called by resolve.ts.
 */
import type { Quarantined } from '../../contracts/dataset.ts';
import { personName } from '../../contracts/person-name.ts';
import { findCopies, type CopyOptions, type Kept, type Shown } from './copies.ts';
import { isStored, type Intake, type RefusedSample } from './intake.ts';
import type { Learned } from './learned.ts';
import { nameKey } from './learned-looks.ts';

/** `group`: the lowest digest of the pictures that are near copies of one another, its own included. */
export type Sifted<T extends Kept = Kept> = T & { readonly group: string };

/** A picture, with its copies, under several names. */
export interface Conflict {
  readonly names: readonly string[];
  /** Whose it is: as whom the net has learned it. Null: nobody knows, and nobody has it. */
  readonly keptFor: string | null;
}

export interface SiftedSamples {
  readonly people: readonly Sifted[];
  readonly strangers: readonly Sifted[];
  readonly quarantined: readonly Quarantined[];
  readonly conflicts: readonly Conflict[];
  /** Names whose pictures look too much alike for copies to be found across names. */
  readonly alike: readonly string[];
  /** Digests of those of tonight's pictures that a net has learned, or a copy of them. */
  readonly learned: ReadonlySet<string>;
}

type Refusal = Pick<RefusedSample, 'reason' | 'message'>;
interface Verdicts {
  readonly refusals: Map<Kept, Refusal>;
  readonly groups: Map<Kept, string>;
  /** `source/id` */
  readonly nameOf: (sample: Kept) => string;
}

export async function sift(
  { people, strangers }: { readonly people: readonly Intake[]; readonly strangers: readonly Intake[] },
  learned: Pick<Learned, 'people' | 'images' | 'looks'>,
  options: CopyOptions = { acrossNames: true },
): Promise<SiftedSamples> {
  const intakes = [...people, ...strangers];
  const samples = intakes.map(({ records }, source) =>
    records.map((one) => (isStored(one) ? { ...one, source } : one)),
  );
  const storedOf = (from: number, to: number): Kept[] => samples.slice(from, to).flat().filter(isKept);
  const [ofPeople, ofStrangers] = [storedOf(0, people.length), storedOf(people.length, intakes.length)];
  const copies = await findCopies(ofPeople, ofStrangers, learned, options);
  const nameOf = ({ source, id }: Kept) => `${intakes[source]?.name}/${id}`;
  const verdicts: Verdicts = { refusals: new Map(), groups: new Map(), nameOf };
  const conflicts = copies.people.flatMap((group) => judgePeople(group, verdicts) ?? []);
  const names = {
    enrolled: new Set(ofPeople.map(({ label }) => label)),
    learned: new Set([...learned.people].map(personName)),
  };
  for (const group of copies.strangers) judgeStrangers(group, names, verdicts);
  const quarantined = samples.flatMap((records, source) =>
    records.flatMap((record): Quarantined[] => {
      const refused = isKept(record) ? verdicts.refusals.get(record) : record;
      return refused
        ? [{ source: intakes[source]!.name, id: record.id, label: record.label, ...reasonOf(refused) }]
        : [];
    }),
  );
  const staying = (all: readonly Kept[]) =>
    all.flatMap((sample): Sifted[] => {
      const group = verdicts.groups.get(sample);
      return group === undefined ? [] : [{ ...sample, group }];
    });
  const known = copies.people.flat().filter(({ isLearned }) => isLearned);
  return {
    ...{ people: staying(ofPeople), strangers: staying(ofStrangers), quarantined, conflicts, alike: copies.alike },
    learned: new Set(known.map(({ digest }) => digest)),
  };
}

const isKept = (record: Kept | RefusedSample): record is Kept => 'source' in record;
const reasonOf = ({ reason, message }: Refusal): Refusal => ({ reason, message });

/** Answers the conflict, if the pictures stand under several names. */
function judgePeople(group: readonly Shown[], verdicts: Verdicts): Conflict | null {
  const names = [...new Set(group.flatMap(({ names: own }) => own))].sort();
  if (names.length === 1) {
    keep(
      group.map(({ people }) => people),
      verdicts,
    );
    return null;
  }
  const learnedAs = new Set(group.flatMap(({ learnedAs: own }) => own));
  const known = names.filter((name) => learnedAs.has(nameKey(name)));
  const keptFor = known.length === 1 ? known[0]! : null;
  const whose = keptFor === null ? 'nobody knows whose it is' : `the net has learned it as "${keptFor}"`;
  keep(
    group.map(({ people }) => people.filter(({ label }) => label === keptFor)),
    verdicts,
  );
  contradict(
    group.flatMap(({ people }) => people),
    keptFor,
    whose,
    verdicts,
  );
  return { names, keptFor };
}

interface KnownNames {
  readonly enrolled: ReadonlySet<string>;
  readonly learned: ReadonlySet<string>;
}

/** A name of a stranger says nothing: of several one stays, the first in the order of their characters' codes. */
function judgeStrangers(group: readonly Shown[], names: KnownNames, verdicts: Verdicts): void {
  const staying = group.map((one) => one.strangers.filter((sample) => isStranger(sample, one, names, verdicts)));
  const first = staying
    .flat()
    .map(({ label }) => label)
    .sort()[0];
  if (first === undefined) return;
  keep(
    staying.map((samples) => samples.filter(({ label }) => label === first)),
    verdicts,
  );
  contradict(staying.flat(), first, null, verdicts);
}

function isStranger(sample: Kept, { enrolled, isLearned }: Shown, names: KnownNames, verdicts: Verdicts): boolean {
  const { label } = sample;
  const why = (): string | null => {
    const original = enrolled && firstOf(enrolled.people, verdicts);
    if (original) return `it shows what ${verdicts.nameOf(original)} of "${original.label}" shows, who is enrolled`;
    if (names.enrolled.has(label)) return `"${label}" is enrolled, and so no stranger`;
    if (isLearned) return 'the net has learned this image, and so its person is no stranger';
    return names.learned.has(label) ? `"${label}" was learned by the net, and so is no stranger to it` : null;
  };
  const reason = why();
  if (reason !== null)
    verdicts.refusals.set(sample, { reason: 'not-a-stranger', message: `${verdicts.nameOf(sample)}: ${reason}` });
  return reason === null;
}

/** Of one name, near copies of one another: of each picture one sample stays, whichever source is named first. */
function keep(pictures: readonly (readonly Kept[])[], verdicts: Verdicts): void {
  const group = pictures
    .flat()
    .map(({ digest }) => digest)
    .sort()[0];
  for (const samples of pictures) {
    const first = firstOf(samples, verdicts);
    for (const sample of samples) {
      if (sample === first)
        verdicts.groups.set(sample, group!); // There is this sample.
      else {
        const message = `${verdicts.nameOf(sample)}: the same pixels as ${verdicts.nameOf(first!)}`;
        verdicts.refusals.set(sample, { reason: 'duplicate', message });
      }
    }
  }
}

/** All that are not of the name that is kept. Each is told the first sample of somebody else, or of the name that is kept. */
function contradict(samples: readonly Kept[], keptFor: string | null, whose: string | null, verdicts: Verdicts): void {
  const others = samples.filter(({ label }) => label === (keptFor ?? label));
  const first = firstOf(others, verdicts);
  const ofOthers = firstOf(
    others.filter(({ label }) => label !== first?.label),
    verdicts,
  );
  for (const sample of samples) {
    const { label } = sample;
    if (label === keptFor) continue;
    // Somebody else has a sample, or there would be no conflict.
    const other = (label === first?.label ? ofOthers : first)!;
    const shows = `${verdicts.nameOf(sample)}: it shows what ${verdicts.nameOf(other)} shows, which is labelled "${other.label}"`;
    const message = whose === null ? shows : `${shows}; ${whose}`;
    verdicts.refusals.set(sample, { reason: 'contradictory-label', message });
  }
}

const firstOf = (samples: readonly Kept[], { nameOf }: Pick<Verdicts, 'nameOf'>): Kept | undefined =>
  samples.reduce<Kept | undefined>((first, one) => (first && nameOf(first) <= nameOf(one) ? first : one), undefined);
