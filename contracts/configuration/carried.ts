/**
 * What of a pipeline's configuration may travel: in commands, forks, checkpoints and answers. One table decides it for each
 * setting, and its type wants a word on each, so that a new setting is carried only if somebody decided so. Programs, paths,
 * addresses and modules stay in local files; their names travel in place of them (local-name.ts).
 */
import type { LocalSource } from './data.ts';
import type { DeploymentConfig } from './deployment.ts';
import type { FaceSettings } from './faces.ts';
import type { LocalName } from './local-name.ts';
import type { LocalKind } from './local.ts';
import type { PipelineConfig } from './pipeline.ts';
import type { BackboneConfig, TrainingConfig } from './training.ts';
import type { VerificationConfig } from './verification.ts';

/** `local`: each machine has its own. `named`: the definition stays, its name is carried. */
type Word = 'carried' | 'local';
interface Named {
  readonly named: LocalKind;
}

type KeyOf<T> = T extends unknown ? keyof T : never;
type At<T, K> = T extends unknown ? (K extends keyof T ? NonNullable<T[K]> : never) : never;
/** Of settings a word for each; of anything else one word. */
type Decided<T> = [T] extends [readonly unknown[]]
  ? Word | Named
  : [T] extends [object]
    ? { readonly [K in KeyOf<T>]-?: Decided<At<T, K>> } | Named
    : Word | Named;
export type Rule = Word | Named | { readonly [setting: string]: Rule };

const YES = 'carried' as const;
const SCORES = {
  ...{ rank1Min: YES, worstTenthMin: YES, wrongNameMax: YES, fnirMax: YES, rocAucMin: YES, rank1DropMax: YES },
  ...{ fnirRiseMax: YES, namesLostMax: YES, tarDropMax: YES, sliceDropMax: YES, bestDropMax: YES },
  ...{ thresholdJumpMax: YES, galleryShrinkMax: YES },
} as const;

export const CARRIAGE = {
  noun: { one: YES, many: YES },
  sources: { named: 'sources' },
  strangers: { named: 'sources' },
  image: { width: YES, height: YES, channels: YES },
  faces: {
    detector: { named: 'files' },
    ...{ scoreMin: YES, sizeMin: YES, blurMin: YES, onSeveral: YES, crop: { eyesApart: YES, eyesDown: YES } },
  },
  split: { strategy: YES, validation: YES, probe: YES, train: YES },
  training: {
    strategy: { named: 'modules' },
    command: { named: 'programs' },
    // A message may not widen the wall around what it has named.
    foreignModel: { memoryBytes: 'local', timeoutMs: 'local' },
    ...{ providers: YES, net: YES },
    backbone: {
      path: { named: 'files' },
      input: { mean: YES, scale: YES },
      ...{ output: YES, head: YES },
      cacheDir: 'local',
    },
    ...{ epochs: YES, batchSize: YES, microBatch: YES, learningRate: YES },
    loss: { type: YES, scale: YES, margin: YES, labelSmoothing: YES },
    optimizer: { type: YES, weightDecay: YES, clipNorm: YES, momentum: YES },
    augment: { flip: YES, shiftPx: YES, brightness: YES, contrast: YES, cutoutPx: YES },
    input: { workers: YES, memoryBytes: YES, cacheBytes: YES },
    ...{ seed: YES, threads: YES, maxDurationMs: YES, checkpointEverySteps: YES },
    earlyStopping: { patience: YES, minDelta: YES, metric: YES },
    ...{ mirror: YES, refit: YES, warmStart: YES },
  },
  decision: {
    identify: { fpir: YES, margin: YES },
    verify: { far: YES },
    holdOut: { share: YES, min: YES },
    inconclusive: YES,
  },
  verification: {
    gates: { ...SCORES, latencyP99MsMax: YES, imagesPerSecondMin: YES, slowdownMax: YES },
    ...{ accuracyMaxMs: YES, performanceMaxMs: YES, performanceRequests: YES },
    featuresDir: 'local',
  },
  deployment: {
    strategy: { named: 'modules' },
    canary: { share: YES, windowMs: YES, keyHeader: YES },
    ...{ replicasMin: YES, guardMs: YES, guardRequestsMin: YES, guardErrorRateMax: YES, guardLatencyP99MsMax: YES },
    ...{ guardLatencyRatioMax: YES, guardScoreShiftMax: YES, guardScoresMin: YES, retainedReleases: YES },
    approval: { required: YES, timeoutMs: YES, onTimeout: YES },
  },
  timeouts: { collectMs: YES, trainMs: YES, verifyMs: YES, deployMs: YES, answerMs: YES, heartbeatMs: YES },
  retry: { attemptsMax: YES, backoffMs: YES, backoffMaxMs: YES },
  schedule: {
    ...{ cron: YES, timeZone: YES, overlap: YES, catchUpMs: YES, pauseAfterFailures: YES },
    window: { from: YES, to: YES },
  },
} as const satisfies { readonly [S in keyof Required<PipelineConfig>]: Decided<NonNullable<PipelineConfig[S]>> };

type WordOf<Strategy> = Extract<Strategy, string>;
export interface CarriedTraining extends Omit<TrainingConfig, 'strategy' | 'command' | 'foreignModel' | 'backbone'> {
  readonly strategy: WordOf<TrainingConfig['strategy']> | LocalName;
  readonly command?: LocalName | undefined;
  readonly backbone?: (Omit<BackboneConfig, 'path' | 'cacheDir'> & { readonly path: LocalName }) | undefined;
}
export type CarriedFaces = FaceSettings & { readonly detector: LocalName };
export type CarriedVerification = Omit<VerificationConfig, 'featuresDir'>;
export type CarriedDeployment = Omit<DeploymentConfig, 'strategy'> & {
  readonly strategy: WordOf<DeploymentConfig['strategy']> | LocalName;
};
/** A pipeline as it travels. */
export interface CarriedPipeline extends Omit<
  PipelineConfig,
  'sources' | 'strangers' | 'faces' | 'training' | 'verification' | 'deployment'
> {
  readonly sources: readonly LocalSource[];
  readonly strangers: readonly LocalSource[];
  readonly faces?: CarriedFaces | undefined;
  readonly training: CarriedTraining;
  readonly verification: CarriedVerification;
  readonly deployment: CarriedDeployment;
}

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

/** The shipped strategies are words already. */
function isName(value: unknown, kind: LocalKind): boolean {
  if (kind === 'modules' && typeof value === 'string') return true;
  if (!isObject(value)) return false;
  return kind === 'sources' ? value['type'] === 'local' : value['local'] !== undefined;
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
    const entries = Object.entries(value).map(([key, inner]) => [key, walk(inner, ruleAt(rule, key) ?? YES)] as const);
    return Object.fromEntries(entries);
  };
  return walk(pipeline, CARRIAGE) as CarriedPipeline; // Only names change.
}

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

/** Defaults that a schema has put beside a name belong to no name. */
const nameAlone = (value: unknown, kind: LocalKind): unknown =>
  isObject(value)
    ? Object.fromEntries(Object.entries(value).filter(([key]) => NAME_FIELDS[kind].includes(key)))
    : value;

const NAME_FIELDS: Readonly<Record<LocalKind, readonly string[]>> = {
  sources: ['type', 'name'],
  programs: ['local', 'version'],
  files: ['local', 'version'],
  modules: ['local', 'version'],
};

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

/** Not by the prototype: a message may say `__proto__`. */
const ruleAt = (rule: Readonly<Record<string, Rule>>, key: string): Rule | null =>
  Object.hasOwn(rule, key) ? rule[key]! : null;
const isNamed = (rule: Rule): rule is Named => typeof rule === 'object' && typeof rule['named'] === 'string';
const joined = (path: string, key: string) => (path === '' ? key : `${path}.${key}`);
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
