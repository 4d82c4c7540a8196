/**
 * All in a message that no message may carry, by the table of carried.ts: each by its path, and in words what may be carried in
 * its place.
 */
import { isName, isNamed, isObject, NAME_FIELDS, ruleAt, type Rule } from './carriage-rule.ts';
import { CARRIAGE } from './carried.ts';
import type { LocalKind } from './local.ts';

export interface Refused {
  /** `training.command.argv` */
  readonly path: string;
  /** Decided for local files, or not known at all. */
  readonly why: 'local' | 'unknown';
}

/** All settings in a message that no message may carry, whatever their values. `rule` is the part of the table for it. */
export function refusedIn(value: unknown, rule: Rule, path = ''): readonly Refused[] {
  if (rule === 'carried' || value === undefined) return [];
  if (rule === 'local') return [{ path, why: 'local' }];
  if (isNamed(rule)) return refusedNames(value, rule.named, path);
  if (!isObject(value)) return []; // The schema has its say.
  return Object.entries(value).flatMap(([key, inner]): readonly Refused[] => {
    const decided = ruleAt(rule, key);
    return decided ? refusedIn(inner, decided, joined(path, key)) : [{ path: joined(path, key), why: 'unknown' }];
  });
}

function refusedNames(value: unknown, kind: LocalKind, path: string): readonly Refused[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => refusedNames(item, kind, `${path}.${index}`));
  if (!isObject(value)) return isName(value, kind) ? [] : [{ path, why: 'local' }];
  const others = Object.keys(value).filter((key) => !NAME_FIELDS[kind].includes(key));
  if (others.length > 0) return others.map((key) => ({ path: joined(path, key), why: 'local' }));
  return isName(value, kind) ? [] : [{ path, why: 'local' }];
}

/**
 * For people: the settings that may be carried in the sections that the paths lie in, such as
 * `training {strategy by name, epochs, loss {type, scale}}`.
 */
export function describeCarried(refused: readonly Refused[], rule: Rule = CARRIAGE): string {
  if (typeof rule === 'string' || isNamed(rule)) return '';
  const sections = [...new Set(refused.map(({ path }) => path.split('.')[0]!))].filter((name) => ruleAt(rule, name));
  const shown = sections.length > 0 ? sections : Object.keys(rule);
  return shown.flatMap((section) => inWords(section, ruleAt(rule, section)!) ?? []).join(', ');
}

function inWords(name: string, rule: Rule): string | null {
  if (rule === 'local') return null;
  if (rule === 'carried') return name;
  if (isNamed(rule))
    return `${name} by ${rule.named === 'sources' ? '{"type": "local", "name"}' : '{"local": "<name>"}'}`;
  const inside = Object.entries(rule).flatMap(([key, inner]) => inWords(key, inner) ?? []);
  return inside.length === 0 ? null : `${name} {${inside.join(', ')}}`;
}

const joined = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);
