/**
 * A start command as workers of an older version take it: they refuse a setting that they do not know, whatever its value, so
 * one that is younger than they are is left out where it says no more than its absence. A younger setting with a value of its
 * own is sent, and refused with words by a worker that could not heed it. Called by the orchestrator's effects.
 */
import { isDeepStrictEqual } from 'node:util';
import { isObject } from './configuration/carriage-rule.ts';
import { StartSchemas, type StartCommand } from './messages.ts';
import type { WorkStage } from './subjects.ts';

/** Fields by their names; `true`: the whole value. */
type Known = { readonly [field: string]: Known | true };

const NOUN = { one: true, many: true } as const;
const DECISION = {
  identify: { fpir: true, margin: true },
  verify: { far: true },
  holdOut: { share: true, min: true },
  inconclusive: true,
} as const;
const SHARE = { share: true, action: true } as const;
const GATES = {
  ...({ rank1Min: true, worstTenthMin: true, wrongNameMax: true, fnirMax: true, rocAucMin: true } as const),
  ...({ rank1DropMax: true, fnirRiseMax: true, namesLostMax: true, tarDropMax: true, sliceDropMax: true } as const),
  ...({ bestDropMax: true, thresholdJumpMax: true, galleryShrinkMax: true } as const),
  ...({ latencyP99MsMax: true, imagesPerSecondMin: true, slowdownMax: true } as const),
};
const RUN = { runId: true, model: true } as const;

/** Those of 0.5.0, the oldest version that may work beside this one (test/e2e/two-versions.test.ts). */
export const KNOWN: Readonly<Record<WorkStage, Known>> = {
  collect: {
    ...RUN,
    pipeline: {
      noun: NOUN,
      sources: true,
      strangers: true,
      image: { width: true, height: true, channels: true },
      faces: {
        ...{ detector: true, scoreMin: true, sizeMin: true, blurMin: true, onSeveral: true },
        crop: { eyesApart: true, eyesDown: true },
      },
      split: { strategy: true, validation: true, probe: true, train: true },
      checks: {
        sourceShrank: SHARE,
        peopleLeft: SHARE,
        peopleCame: SHARE,
        announced: { action: true },
        brokenItems: { ...SHARE, count: true },
        brightness: { levels: true, action: true },
      },
      decision: DECISION,
    },
    champion: true,
  },
  train: {
    ...RUN,
    dataset: true,
    training: {
      ...{ strategy: true, command: true, providers: true, net: true },
      backbone: { path: true, input: { mean: true, scale: true }, output: true, head: true },
      ...{ epochs: true, batchSize: true, microBatch: true, learningRate: true },
      loss: { type: true, scale: true, margin: true, labelSmoothing: true },
      optimizer: { type: true, weightDecay: true, clipNorm: true, momentum: true },
      augment: { flip: true, shiftPx: true, brightness: true, contrast: true, cutoutPx: true },
      input: { workers: true, memoryBytes: true, cacheBytes: true },
      ...{ seed: true, threads: true, maxDurationMs: true, checkpointEverySteps: true },
      earlyStopping: { patience: true, minDelta: true, metric: true },
      ...{ mirror: true, refit: true, warmStart: true },
    },
    champion: true,
  },
  verify: {
    ...{ ...RUN, dataset: true, candidate: true, champion: true, noun: NOUN },
    verification: {
      gates: GATES,
      ...{ accuracyMaxMs: true, performanceMaxMs: true, performanceRequests: true },
    },
    ...{ decision: DECISION, history: true, refit: true },
  },
};

export function startForAll<N extends WorkStage>(stage: N, data: StartCommand<N>): unknown {
  return withoutYoung(data, StartSchemas[stage], KNOWN[stage]);
}

interface Reader {
  readonly parse: (data: unknown) => unknown;
}

/** Exported for its test. `parse`: what a worker of this version makes of it. The same data has the same answer. */
export function withoutYoung(data: unknown, reader: Reader, known: Known): unknown {
  const young = youngIn(data, known);
  if (young.length === 0) return data;
  return idleOf(data, young, reader, known).reduce(without, data);
}

/** Pipelines are few, and each night asks the same of them. */
const ANSWERS_MAX = 100;
const answers = new WeakMap<Known, Map<string, readonly Path[]>>();

/** Those of the young paths that may be left out: a matter of the sections in which they lie, and of nothing else. */
function idleOf(data: unknown, young: readonly Path[], reader: Reader, known: Known): readonly Path[] {
  const sections = new Set(young.map(([section]) => section));
  const asked = JSON.stringify(Object.entries(data as object).filter(([field]) => sections.has(field)));
  const kept = answers.get(known) ?? new Map<string, readonly Path[]>();
  answers.set(known, kept);
  const found = kept.get(asked) ?? idleIn(data, young, reader);
  if (kept.size >= ANSWERS_MAX) kept.clear();
  kept.set(asked, found);
  return found;
}

function idleIn(data: unknown, young: readonly Path[], { parse }: Reader): readonly Path[] {
  const meant = parse(data);
  const idle: Path[] = [];
  for (const path of young) {
    if (isSame(() => parse([...idle, path].reduce(without, data)), meant)) idle.push(path);
  }
  return idle;
}

/** A field that others need is not left out. */
function isSame(parse: () => unknown, meant: unknown): boolean {
  try {
    return isDeepStrictEqual(parse(), meant);
  } catch {
    // It does not fit without the field.
    return false;
  }
}

type Path = readonly string[];

/** The paths of fields that are not known, each as short as possible. */
function youngIn(value: unknown, known: Known | true, path: Path = []): readonly Path[] {
  if (known === true || !isObject(value)) return [];
  return Object.entries(value).flatMap(([field, inner]) => {
    const below = Object.hasOwn(known, field) ? known[field]! : null;
    const here = [...path, field];
    return below === null ? [here] : youngIn(inner, below, here);
  });
}

function without(value: unknown, [field, ...rest]: Path): unknown {
  if (!isObject(value) || field === undefined) return value;
  const { [field]: inner, ...others } = value;
  return rest.length === 0 ? others : { ...value, [field]: without(inner, rest) };
}
