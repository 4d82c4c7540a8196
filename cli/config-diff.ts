/** What differs between two revisions of a pipeline, setting by setting, for people and for `--json`. Pure. */
import type { CarriedPipeline } from '../contracts/configuration/carried.ts';
import type { ConfigDefinitions } from '../contracts/configuration/record.ts';

export interface Revisioned {
  readonly pipeline: CarriedPipeline | null;
  readonly definitions: ConfigDefinitions;
}

export interface Difference {
  /** `training.epochs`, `sources.auth`. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed' | 'defined anew';
  /** Absent where there is none, and for a definition, which stays in its file. */
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Sorted by path. */
export function differences(before: Revisioned | null, after: Revisioned): Difference[] {
  const [old, now] = [leavesOf(before?.pipeline ?? null), leavesOf(after.pipeline)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].sort();
  return [
    ...paths.flatMap((path) => differenceAt(path, old.get(path), now.get(path))),
    ...(before ? anew(before.definitions, after.definitions, now) : []),
  ];
}

function differenceAt(path: string, before: unknown, after: unknown): Difference[] {
  if (before === undefined) return [{ path, kind: 'added', after }];
  if (after === undefined) return [{ path, kind: 'removed', before }];
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ path, kind: 'changed', before, after }];
}

/** The same name for another thing. One that is new or gone as a whole stands among the settings already. */
const anew = (before: ConfigDefinitions, after: ConfigDefinitions, now: ReadonlyMap<string, unknown>): Difference[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((place) => before[place] !== after[place] && isNamed(now, place))
    .sort()
    .map((path) => ({ path, kind: 'defined anew' }));

const isNamed = (leaves: ReadonlyMap<string, unknown>, place: string) =>
  leaves.has(place) || leaves.has(`${place}.local`);

/** Sources are known by their name, so that one more in the list is one difference. */
function leavesOf(value: unknown, path = '', leaves = new Map<string, unknown>()): Map<string, unknown> {
  if (Array.isArray(value) && value.length > 0 && value.every(hasName)) {
    for (const item of value) leaves.set(`${path}.${item.name}`, item);
  } else if (isObject(value) && Object.keys(value).length > 0) {
    for (const [key, inner] of Object.entries(value)) leavesOf(inner, path === '' ? key : `${path}.${key}`, leaves);
  } else if (path !== '' && value !== undefined && !(Array.isArray(value) && value.length === 0)) {
    leaves.set(path, value);
  }
  return leaves;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const hasName = (value: unknown): value is { readonly name: string } =>
  isObject(value) && typeof value['name'] === 'string';

const SIGN: Readonly<Record<Difference['kind'], string>> = {
  added: '+',
  removed: '-',
  changed: '~',
  'defined anew': '~',
};

/** One indented line each. */
export function describeDifferences(all: readonly Difference[]): string {
  const width = Math.max(0, ...all.map(({ path }) => path.length));
  return all.map((one) => `  ${SIGN[one.kind]} ${one.path.padEnd(width)}  ${valuesOf(one)}\n`).join('');
}

function valuesOf({ kind, before, after }: Difference): string {
  switch (kind) {
    case 'added':
      return JSON.stringify(after);
    case 'removed':
      return JSON.stringify(before);
    case 'changed':
      return `${JSON.stringify(before)} -> ${JSON.stringify(after)}`;
    case 'defined anew':
      return 'another definition under this name';
  }
}
