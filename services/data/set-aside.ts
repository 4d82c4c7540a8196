/**
 * The action `quarantine` of a check: what it names is set aside for tonight, and the run goes on without it. Nobody whom the
 * model in service knows is set aside as a person: a night that would leave one without an image is held. Pure; called by
 * tonight.ts.
 */
import type { CheckName, ChecksConfig } from '../../contracts/configuration/checks.ts';
import type { DataFinding, DatasetManifest } from '../../contracts/dataset.ts';
import { personName } from '../../contracts/person-name.ts';
import { cameOf, type Tonight } from './compare.ts';
import { listed, together } from './listed.ts';
import { similarGroups } from './compare-names.ts';
import { isStored, type IntakeRecord, type StoredSample } from './intake.ts';
import { doubtsOf } from './likeness.ts';

type Given = Pick<Tonight, 'labels' | 'likeness'>;

/** Why a sample is set aside, and by which check; null if it is not. `source`: the name of its source. */
export type Aside = (
  source: string,
  sample: StoredSample,
) => { readonly check: CheckName; readonly why: string } | null;

/** Null if none of the checks sets anything aside. */
export function asideOf(
  before: Pick<DatasetManifest, 'labels'> | null,
  { labels, likeness = null }: Given,
  checks: ChecksConfig,
): Aside | null {
  const isChosen = (check: CheckName) => checks[check]?.action === 'quarantine';
  const came = new Set(before && isChosen('peopleCame') ? cameOf(before.labels, labels, checks.peopleCame) : []);
  const similar = isChosen('similarNames') ? similarTo(before?.labels ?? [], labels) : new Map<string, string>();
  const doubts = likeness && isChosen('likeAnother') ? doubtsOf(likeness, checks.likeAnother) : [];
  const doubtful = new Map(
    doubts.flatMap((doubt) => doubt.doubtful.map((seen) => [keyOf(seen.source, seen), seen.other!.label] as const)), // Of another.
  );
  if (came.size + similar.size + doubtful.size === 0) return null;
  return (source, sample) => {
    const { label } = sample;
    const other = doubtful.get(keyOf(source, sample));
    if (other !== undefined) return { check: 'likeAnother', why: `to the model in service it is more like "${other}"` };
    const others = similar.get(label);
    if (others !== undefined) return { check: 'similarNames', why: `"${label}" is spelled much like ${others}` };
    return came.has(label) ? { check: 'peopleCame', why: `"${label}" came with ${came.size - 1} others` } : null;
  };
}

/** An id may stand under two names, and only one of them be doubtful. */
const keyOf = (source: string, { id, label }: Pick<StoredSample, 'id' | 'label'>) =>
  JSON.stringify([source, label, id]);

/** Of each name that is new and like others: these others, in quotes. */
function similarTo(known: readonly string[], labels: readonly string[]): Map<string, string> {
  const forms = new Set(known.map(personName));
  return new Map(
    similarGroups(labels).flatMap((group) =>
      group.filter((label) => !forms.has(personName(label))).map((label) => [label, othersOf(label, group)] as const),
    ),
  );
}

const othersOf = (label: string, group: readonly string[]) =>
  together(group.filter((other) => other !== label).map((other) => `"${other}"`));

/** The records with those that are set aside as refused ones, whose pictures stay to be looked at; `counts` is added to. */
export function withoutAside(
  source: string,
  records: readonly IntakeRecord[],
  aside: Aside,
  counts: Map<CheckName, number>,
): IntakeRecord[] {
  return records.map((record) => {
    const named = isStored(record) ? aside(source, record) : null;
    if (!named || !isStored(record)) return record;
    counts.set(named.check, (counts.get(named.check) ?? 0) + 1);
    const { id, label, offset, bytes } = record;
    const message = `${source}/${id}: ${named.why} (checks.${named.check})`;
    return { id, label, reason: 'set-aside', message, offset, bytes };
  });
}

const SETS_ASIDE: readonly string[] = ['peopleCame', 'similarNames', 'likeAnother'] satisfies CheckName[];

type Records = readonly { readonly records: readonly IntakeRecord[] }[];

/** Those of the people in service who had images and have none left. */
export function goneOf(known: readonly string[], given: Records, left: Records): string[] {
  const [had, have] = [namesIn(given), namesIn(left)];
  return known.filter((label) => had.has(personName(label)) && !have.has(personName(label)));
}

const namesIn = (intakes: Records) =>
  new Set(intakes.flatMap(({ records }) => records.filter(isStored).map(({ label }) => personName(label))));

/**
 * With how many images were set aside; a note where there was nothing to set aside. `gone`: people in service who would vanish
 * with them, which is for a person to say: it holds.
 */
export function saidOf(
  finding: DataFinding,
  counts: ReadonlyMap<string, number>,
  gone: readonly string[] = [],
): DataFinding {
  const { check, action, message } = finding;
  if (action !== 'quarantine' || !SETS_ASIDE.includes(check)) return finding;
  const images = counts.get(check) ?? 0;
  if (images === 0) return { ...finding, action: 'note' };
  const said = `${message}; set aside for tonight: ${images} ${images === 1 ? 'image' : 'images'}`;
  // Of people in service no other check sets images aside.
  if (check !== 'likeAnother' || gone.length === 0) return { ...finding, message: said };
  return { ...finding, action: 'hold', message: `${said}; no image is left of ${listed(gone)}` };
}
