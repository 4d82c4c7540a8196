/**
 * Tonight's data beside that of the model in service: what shrank, who left, what was announced and did not come. Pure;
 * called by snapshot.ts. Each finding is one sentence that names the source and the figures; people who left are named.
 */
import type { CheckName, ChecksConfig } from '../../contracts/configuration/checks.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import type { DatasetManifest, DataFinding, Quarantined } from '../../contracts/dataset.ts';
import { personName } from '../../contracts/person-name.ts';
import { contested, decided, similarNames } from './compare-names.ts';
import { isStored, type Intake, type IntakeRecord } from './intake.ts';
import { describeDoubts, doubtsOf, lessAlike, type Likeness } from './likeness.ts';
import { listed } from './listed.ts';
import type { Conflict } from './sift.ts';

export interface Tonight {
  readonly labels: readonly string[];
  /** How many samples each of them has, in their order. */
  readonly images: readonly number[];
  readonly strangers: readonly string[];
  readonly conflicts: readonly Conflict[];
  readonly alike: readonly string[];
  readonly sources: DatasetManifest['sources'];
  /** Absent or null: no new image was shown to the model in service. */
  readonly likeness?: Likeness | null;
  /** In the same order as the sources. */
  readonly intakes: readonly (Pick<Intake, 'name' | 'records' | 'announced'> & {
    /** Why it could not be read; absent or null if it was. */
    readonly failure?: Error | null;
  })[];
}

/** What is wrong with an item itself. The others are about two items, or about faces. */
const BROKEN: readonly Quarantined['reason'][] = [
  ...(['unavailable', 'incomplete', 'unreadable', 'too-large', 'blank'] as const),
  ...(['invalid-label', 'invalid-tags'] as const),
];
/** So few broken items say nothing about a source. */
const BROKEN_MIN = 6;
/** One person leaves on any day. */
const LEFT_MIN = 2;

/** `before`: of the model in service; null if there is none. */
export function findingsOf(
  before: Pick<DatasetManifest, 'labels' | 'images' | 'sources'> | null,
  tonight: Tonight,
  checks: ChecksConfig,
  noun: Noun,
): DataFinding[] {
  const findings: DataFinding[] = [];
  const find: Find = (check, message, instead) => {
    const { action } = checks[check] ?? { action: 'note' as const };
    if (action !== 'off') findings.push({ check, action: instead ?? action, message });
  };
  for (const intake of tonight.intakes) lookAtIntake(intake, checks, find);
  lookAtNames(tonight, checks, find);
  if (before === null) return findings;
  const isMissed = (name: string) => tonight.intakes.some((intake) => intake.name === name && intake.failure);
  for (const was of before.sources.filter(({ name }) => !isMissed(name)))
    lookAtSource(was, tonight.sources, checks, noun, find);
  lookAtPeople(before.labels, tonight.labels, checks, noun, find);
  lookAtImages(before, tonight, checks, noun, find);
  lookAtLikeness(tonight, checks, noun, find);
  return findings;
}

/** `instead`: what follows in place of the setting, unless that is off. */
type Find = (check: CheckName, message: string, instead?: 'note' | 'hold') => void;

function lookAtNames(
  { labels, strangers, conflicts, alike, intakes }: Tonight,
  { conflictingNames }: ChecksConfig,
  find: Find,
): void {
  const open = contested(conflicts, labels);
  if (open !== null) find('conflictingNames', open);
  const closed = decided(conflicts);
  if (closed !== null) find('conflictingNames', closed, 'note');
  if (alike.length > 0) {
    const why =
      'their pictures look too much alike to find one under two names, as before one wall (if each shows its own person, ' +
      '`checks.conflictingNames: {"action": "off"}` leaves it to equal pixels; one placeholder for all belongs out of the source)';
    // To set them aside would take good pictures from everybody before a camera that does not move, night after night, with nobody
    // who looks and with gates that are easier to pass.
    const instead = conflictingNames.action === 'quarantine' ? 'hold' : undefined;
    find('conflictingNames', `${alike.length} names: ${why}: ${listed(alike)}`, instead);
  }
  const similar = similarNames([...new Set([...labels, ...strangers])], intakes);
  if (similar !== null) find('similarNames', similar);
}

function lookAtIntake(
  { name, records, announced, failure }: Tonight['intakes'][number],
  { brokenItems }: ChecksConfig,
  find: Find,
): void {
  if (failure) find('sourceFailed', `source "${name}" could not be read: ${failure.message}`);
  if (announced !== null) lookAtAnnounced(name, records, announced, find);
  const broken = records.filter((record) => !isStored(record) && BROKEN.includes(record.reason));
  const isMany = broken.length >= BROKEN_MIN && broken.length > brokenItems.share * records.length;
  const first = broken[0];
  if (first && 'message' in first && (isMany || broken.length > brokenItems.count))
    find(
      'brokenItems',
      `source "${name}": ${broken.length} of ${records.length} items are broken; the first: ${first.message}`,
    );
}

/** A source that gives one sample twice has not given another. */
function lookAtAnnounced(name: string, records: readonly IntakeRecord[], announced: number, find: Find): void {
  const given = distinct(records);
  if (given >= announced) return;
  const again = records.length - given;
  const repeated = again === 0 ? '' : `, and ${again} times one of them again`;
  find('announced', `source "${name}" announced ${announced} samples and gave ${given}${repeated}`);
}

/** By their ids, which are not kept of people who are forgotten. */
function distinct(records: readonly IntakeRecord[]): number {
  const ids = new Set<string>();
  let nameless = 0;
  for (const record of records) {
    if ('reason' in record && record.reason === 'forgotten') nameless += 1;
    else ids.add(record.id);
  }
  return ids.size + nameless;
}

function lookAtSource(
  was: DatasetManifest['sources'][number],
  sources: DatasetManifest['sources'],
  checks: ChecksConfig,
  noun: Noun,
  find: Find,
): void {
  const now = sources.find(({ name }) => name === was.name);
  if (!now) return find('sourceShrank', `source "${was.name}" is no longer configured; it had ${was.samples} images`);
  for (const [what, had, has] of [
    ['images', was.samples, now.samples],
    // Snapshots of before 0.5.0 do not count them.
    [noun.many, was.people ?? 0, now.people ?? 0],
  ] as const) {
    if (had - has > checks.sourceShrank.share * had)
      find(
        'sourceShrank',
        `source "${was.name}" has ${has} ${what} and had ${had}: ${percent((had - has) / had)} fewer`,
      );
  }
  if (was.grey === undefined || now.grey === undefined) return;
  if (Math.abs(was.grey - now.grey) > checks.brightness.levels)
    find('brightness', `images of source "${was.name}" have a mean grey value of ${now.grey} and had ${was.grey}`);
}

function lookAtPeople(
  before: readonly string[],
  tonight: readonly string[],
  { peopleLeft, peopleCame }: ChecksConfig,
  { many }: Noun,
  find: Find,
): void {
  const now = new Set(tonight.map(personName));
  const left = before.filter((label) => !now.has(personName(label)));
  if (left.length >= LEFT_MIN && left.length > peopleLeft.share * before.length)
    find('peopleLeft', `${left.length} of ${before.length} ${many} left: ${listed(left)}`);
  const came = cameOf(before, tonight, peopleCame);
  if (came.length > 0) find('peopleCame', `${came.length} ${many} came to ${before.length}: ${listed(came)}`);
}

/** Everybody who came, if they are more than may. */
export function cameOf(
  before: readonly string[],
  tonight: readonly string[],
  { share }: ChecksConfig['peopleCame'],
): readonly string[] {
  const then = new Set(before.map(personName));
  const came = tonight.filter((label) => !then.has(personName(label)));
  return came.length > share * before.length ? came : [];
}

function lookAtLikeness({ likeness = null }: Tonight, checks: ChecksConfig, noun: Noun, find: Find): void {
  if (likeness === null) return;
  for (const sentence of lessAlike(likeness, checks.likeness, noun)) find('likeness', sentence);
  const doubts = describeDoubts(doubtsOf(likeness, checks.likeAnother), noun);
  if (doubts !== null) find('likeAnother', doubts);
  if (likeness.lost === null) return;
  const check = checks.likeness.action === 'off' ? 'likeAnother' : 'likeness';
  find(check, `new images could not be shown to the model in service: ${likeness.lost}`, 'note');
}

/** Snapshots of before 0.6.0 do not count images by person. */
function lookAtImages(
  { labels, images = [] }: Pick<DatasetManifest, 'labels' | 'images'>,
  tonight: Tonight,
  { imagesLeft }: ChecksConfig,
  { many }: Noun,
  find: Find,
): void {
  const now = new Map(tonight.labels.map((label, at) => [personName(label), tonight.images[at] ?? 0]));
  const poorer = labels.flatMap((label, at) => {
    const [had, has] = [images[at] ?? 0, now.get(personName(label))];
    return has !== undefined && had - has > imagesLeft.share * had ? [`${label} ${has} of ${had}`] : [];
  });
  if (poorer.length >= LEFT_MIN && poorer.length > imagesLeft.people * labels.length)
    find('imagesLeft', `${poorer.length} of ${labels.length} ${many} lost most of their images: ${listed(poorer)}`);
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`;
