/**
 * Tonight's data beside that of the model in service: what shrank, who left, what was announced and did not come. Pure;
 * called by snapshot.ts. Each finding is one sentence that names the source and the figures; people who left are named.
 */
import type { CheckName, ChecksConfig } from '../../contracts/configuration/checks.ts';
import type { Noun } from '../../contracts/configuration/noun.ts';
import type { DatasetManifest, DataFinding, Quarantined } from '../../contracts/dataset.ts';
import { nameForm } from './hold-out.ts';
import { isStored, type Intake } from './intake.ts';

export interface Tonight {
  readonly labels: readonly string[];
  readonly sources: DatasetManifest['sources'];
  /** In the same order as the sources. */
  readonly intakes: readonly Pick<Intake, 'name' | 'records' | 'announced'>[];
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
const NAMES_MAX = 20;

/** `before`: of the model in service; null if there is none. */
export function findingsOf(
  before: Pick<DatasetManifest, 'labels' | 'sources'> | null,
  tonight: Tonight,
  checks: ChecksConfig,
  noun: Noun,
): DataFinding[] {
  const findings: DataFinding[] = [];
  const find = (check: CheckName, message: string) => {
    const { action } = checks[check];
    if (action !== 'off') findings.push({ check, action, message });
  };
  for (const intake of tonight.intakes) lookAtIntake(intake, checks, find);
  if (before === null) return findings;
  for (const was of before.sources) lookAtSource(was, tonight.sources, checks, noun, find);
  lookAtPeople(before.labels, tonight.labels, checks, noun, find);
  return findings;
}

type Find = (check: CheckName, message: string) => void;

function lookAtIntake(
  { name, records, announced }: Tonight['intakes'][number],
  { brokenItems }: ChecksConfig,
  find: Find,
): void {
  if (announced !== null && records.length < announced)
    find('announced', `source "${name}" announced ${announced} samples and gave ${records.length}`);
  const broken = records.filter((record) => !isStored(record) && BROKEN.includes(record.reason));
  const isMany = broken.length >= BROKEN_MIN && broken.length > brokenItems.share * records.length;
  const first = broken[0];
  if (first && 'message' in first && (isMany || broken.length > brokenItems.count))
    find(
      'brokenItems',
      `source "${name}": ${broken.length} of ${records.length} items are broken; the first: ${first.message}`,
    );
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
  const [then, now] = [new Set(before.map(nameForm)), new Set(tonight.map(nameForm))];
  const left = before.filter((label) => !now.has(nameForm(label)));
  const came = tonight.filter((label) => !then.has(nameForm(label)));
  if (left.length >= LEFT_MIN && left.length > peopleLeft.share * before.length)
    find('peopleLeft', `${left.length} of ${before.length} ${many} left: ${listed(left)}`);
  if (came.length > peopleCame.share * before.length)
    find('peopleCame', `${came.length} ${many} came to ${before.length}: ${listed(came)}`);
}

const percent = (share: number) => `${(share * 100).toFixed(0)} %`;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).join(', ');
  return names.length > NAMES_MAX ? `${shown} and ${names.length - NAMES_MAX} more` : shown;
}
