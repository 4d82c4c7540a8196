/**
 * What `setup` would change: the tables against what a server has, decided without asking anybody. Limits, ages and copies
 * are never lowered unless that is forced: a colleague with other settings, or an older version, must not take away what
 * others count on. Pure; called by topology.ts.
 */
import { isDeepStrictEqual } from 'node:util';

export interface FieldChange {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
  /** It would be lowered, so the stream keeps what it has. */
  readonly isKept: boolean;
}

export interface Change {
  /** `rename`: from an older layout, with all that is in it. */
  readonly kind: 'make' | 'change' | 'rename';
  /** `stream nightshift_EVENTS`, `consumer nightshift_train-start of nightshift_COMMANDS`. */
  readonly what: string;
  /** Empty for what is made or renamed. */
  readonly fields: readonly FieldChange[];
}

/** The value that stands for "no limit". */
const UNLIMITED: Readonly<Record<string, number>> = {
  ...{ max_consumers: -1, max_msgs: -1, max_msgs_per_subject: -1, max_bytes: -1, max_msg_size: -1 },
  ...{ max_age: 0, num_replicas: Infinity, duplicate_window: Infinity },
};

type Config = Readonly<Record<string, unknown>>;

/** Null if nothing differs. What stands in `has` alone is none of our business. */
export function changeOf(what: string, has: Config | null, wants: Config, force: boolean): Change | null {
  if (has === null) return { kind: 'make', what, fields: [] };
  const fields = Object.entries(wants).flatMap(([field, to]): FieldChange[] => {
    const from = has[field];
    if (isSame(from, to)) return [];
    return [{ field, from, to, isKept: isFixed(field, from) || (!force && isLower(field, from, to)) }];
  });
  return fields.length === 0 ? null : { kind: 'change', what, fields };
}

/** Of the wanted fields, those that are to be changed. */
export const applied = ({ fields }: Change): Config =>
  Object.fromEntries(fields.filter(({ isKept }) => !isKept).map(({ field, to }) => [field, to]));

/** A server leaves out what is false, zero or empty, and adds keys of its own to metadata. */
function isSame(has: unknown, wanted: unknown): boolean {
  if (has === undefined) return !wanted || (Array.isArray(wanted) && wanted.length === 0);
  if (isObject(has) && isObject(wanted)) return Object.entries(wanted).every(([key, value]) => has[key] === value);
  if (Array.isArray(has) && Array.isArray(wanted)) return isDeepStrictEqual(new Set(has), new Set(wanted));
  return has === wanted;
}

const isObject = (value: unknown): value is Config =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A server never allows again what a stream once denied, as those of before 0.4.0 do. */
const isFixed = (field: string, has: unknown) => ['deny_delete', 'deny_purge'].includes(field) && has === true;

function isLower(field: string, has: unknown, wanted: unknown): boolean {
  const unlimited = UNLIMITED[field];
  if (unlimited === undefined || typeof has !== 'number' || typeof wanted !== 'number') return false;
  const size = (value: number) => (value === unlimited ? Infinity : value);
  return size(wanted) < size(has);
}

/** `max_age: 720h -> 24h`, for people. */
export const inWords = ({ field, from, to }: FieldChange): string =>
  `${field}: ${shown(field, from)} -> ${shown(field, to)}`;

const IN_NANOSECONDS = ['max_age', 'duplicate_window', 'ack_wait', 'inactive_threshold', 'subject_delete_marker_ttl'];

function shown(field: string, value: unknown): string {
  if (value === undefined) return 'none';
  if (IN_NANOSECONDS.includes(field)) return `${Number(value) / 1e9} s`;
  return JSON.stringify(value).replaceAll('"', '');
}
