/**
 * Takes a pipeline apart by the table of carried.ts: what travels, with names, and the definitions that stay in the file. Pure,
 * so that an old checkpoint is read by it as well (machines/names.ts).
 */
import { isName, isNamed, isObject, nameAlone, ruleAt, type Rule } from './carriage-rule.ts';
import { CARRIAGE, type CarriedPipeline } from './carried.ts';
import type { LocalSource } from './data.ts';
import type { LocalName } from './local-name.ts';
import type { LocalKind } from './local.ts';
import type { PipelineConfig } from './pipeline.ts';

/** Something that a pipeline's file writes out, under the name by which it travels. */
export interface Definition {
  readonly kind: LocalKind;
  readonly name: string;
  readonly value: unknown;
}

/** A source's name is its own only within its model and its list; in the table of definitions it has both before it. */
export const sourceKey = (model: string, list: 'sources' | 'strangers', name: string) => `${model}.${list}.${name}`;

/**
 * The pipeline of a model as it travels, and the definitions that stay behind. A pipeline that has names already, of
 * whatever version of Nightshift, goes through unchanged.
 */
export function separate(
  model: string,
  pipeline: PipelineConfig | CarriedPipeline,
): { readonly carried: CarriedPipeline; readonly definitions: readonly Definition[] } {
  const definitions: Definition[] = [];
  // The table keeps just what the type names.
  const carried = keep(pipeline, CARRIAGE, model, (it) => void definitions.push(it)) as CarriedPipeline;
  return { carried, definitions };
}

export const carriedOf = (model: string, pipeline: PipelineConfig | CarriedPipeline): CarriedPipeline =>
  separate(model, pipeline).carried;

/** A part of a pipeline without what is not carried. Everything that is defined is expected to have a name already. */
export const carriedPart = (value: unknown, rule: Rule): unknown =>
  keep(value, rule, '', ({ kind }) => {
    throw new Error(`a definition among ${kind} where only names are carried`);
  });

/** `place`: where it stands, from the model's name on. */
function keep(value: unknown, rule: Rule, place: string, define: (definition: Definition) => void): unknown {
  if (rule === 'carried') return value;
  if (rule === 'local') return undefined;
  if (isNamed(rule)) {
    if (Array.isArray(value)) return value.map((item: unknown) => named(item, rule.named, place, define));
    return named(value, rule.named, place, define);
  }
  if (!isObject(value)) return undefined;
  const kept = Object.entries(value).flatMap(([key, inner]) => {
    const decided = ruleAt(rule, key);
    const left = decided && keep(inner, decided, `${place}.${key}`, define);
    return left === undefined || isEmptied(inner, left) ? [] : [[key, left] as const];
  });
  return Object.fromEntries(kept);
}

/** A section of which nothing is carried is absent, so that nobody reads its defaults for what was meant. */
const isEmptied = (before: unknown, after: unknown) =>
  isObject(before) && isObject(after) && Object.keys(after).length === 0 && Object.keys(before).length > 0;

function named(value: unknown, kind: LocalKind, place: string, define: (definition: Definition) => void): unknown {
  if (isName(value, kind)) return nameAlone(value, kind);
  const name = kind === 'sources' ? (value as { name: string }).name : null; // Every source has one.
  define({ kind, name: name === null ? place : `${place}.${name}`, value });
  return name === null ? ({ local: place } satisfies LocalName) : ({ type: 'local', name } satisfies LocalSource);
}

/** The pipeline with each name of a definition replaced; sources are left alone. */
export function mapNames(
  pipeline: CarriedPipeline,
  map: (name: LocalName, kind: LocalKind) => LocalName,
): CarriedPipeline {
  const walk = (value: unknown, rule: Rule): unknown => {
    if (typeof rule === 'string' || !isObject(value)) return value;
    // Names are carried as LocalName, all but those of sources.
    if (isNamed(rule)) return rule.named === 'sources' ? value : map(value as LocalName, rule.named);
    const entries = Object.entries(value).map(
      ([key, inner]) => [key, walk(inner, ruleAt(rule, key) ?? 'carried')] as const,
    );
    return Object.fromEntries(entries);
  };
  return walk(pipeline, CARRIAGE) as CarriedPipeline; // Only names change.
}
