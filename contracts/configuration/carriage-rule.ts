/**
 * The words of the table in carried.ts, and how names are told from definitions. For the files that go through a pipeline
 * by that table: separate.ts and refused.ts.
 */
import type { LocalKind } from './local.ts';

/** `local`: each machine has its own. `named`: the definition stays, its name is carried. */
export type Word = 'carried' | 'local';
export interface Named {
  readonly named: LocalKind;
}

/** Of a section, a rule for each setting in it. */
export type Rule = Word | Named | { readonly [setting: string]: Rule };

export const NAME_FIELDS: Readonly<Record<LocalKind, readonly string[]>> = {
  sources: ['type', 'name'],
  programs: ['local', 'version'],
  files: ['local', 'version'],
  modules: ['local', 'version'],
};

/** Defaults that a schema has put beside a name belong to no name. */
export const nameAlone = (value: unknown, kind: LocalKind): unknown =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([key]) => NAME_FIELDS[kind].includes(key)))
    : value;

/** The shipped strategies are words already. */
export function isName(value: unknown, kind: LocalKind): boolean {
  if (kind === 'modules' && typeof value === 'string') return true;
  if (!isObject(value)) return false;
  return kind === 'sources' ? value['type'] === 'local' : value['local'] !== undefined;
}

/** Not by the prototype: a message may say `__proto__`. */
export const ruleAt = (rule: Readonly<Record<string, Rule>>, key: string): Rule | null =>
  Object.hasOwn(rule, key) ? rule[key]! : null;
export const isNamed = (rule: Rule): rule is Named => typeof rule === 'object' && typeof rule['named'] === 'string';
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
