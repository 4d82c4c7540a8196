/**
 * Decisions of today in the words of 0.1.0 and 0.2.0, so that what was recorded then can be compared: the way back from
 * machines/words.ts and verdicts.ts, written apart from them, because a mistake there must not hide itself here.
 */
import type { CarriedPipeline } from '../../contracts/configuration/carried.ts';
import type { StartCommand } from '../../contracts/messages.ts';
import type { Effect } from '../../machines/checkpoint.ts';

const NOUNS = { collect: 'collection', train: 'training', verify: 'verification', deploy: 'deployment' } as const;
const KEYS: Readonly<Record<string, string>> = {
  release: 'epoch',
  previousRelease: 'previousEpoch',
  retainedReleases: 'retainedEpochs',
  stage: 'noun',
};
const WORDS_UNDER: readonly string[] = ['id', 'startId', 'stage'];

/** An event's type or the name of a timer. */
export const happeningBefore = (name: string) =>
  name
    .replace(
      /^(\d+ )(collect|train|verify|deploy)\./,
      (_, index, stage: keyof typeof NOUNS) => `${index}${NOUNS[stage]}.`,
    )
    .replace('deploying-canary', 'deploying-trying');

export const stateBefore = (path: string) => path.replace('deploying.canary', 'deploying.trying');

/** The same keys in the same order, as belongs to a recorded digest. */
export function effectBefore(effect: Effect): object {
  return translated('', effectOf02(effect)) as object; // Only names change.
}

/** Of a command's data, a pipeline and an announced pair: added in 0.3.0. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  collect: ['champion'],
  verify: ['decision', 'history'],
  pipeline: ['strangers', 'decision'],
  pair: ['dataset'],
};

/** An effect as 0.2.0 decided it. */
export function effectOf02(effect: Effect): object {
  if (effect.kind === 'deployment') return { ...effect, pair: without('pair', effect.pair) };
  if (effect.kind !== 'command' || effect.verb !== 'start') return effect;
  const data = without(effect.stage, effect.data) as { pipeline?: object };
  return { ...effect, data: data.pipeline ? { ...data, pipeline: without('pipeline', data.pipeline) } : data };
}

/** An effect as 0.4.0 decided it: a collector was not told what to ask of its data. */
export function effectOf04(effect: Effect): object {
  if (effect.kind !== 'command' || effect.verb !== 'start' || effect.stage !== 'collect') return effect;
  const { checks: _checks, ...pipeline } = (effect.data as StartCommand<'collect'>).pipeline;
  return { ...effect, data: { ...effect.data, pipeline } };
}

/** An effect as it was decided before 0.4.0: a start command had the run's settings whole, with all definitions. */
export function withDefinitions(effect: Effect, whole: CarriedPipeline): Effect {
  if (effect.kind !== 'command' || effect.verb !== 'start') return effect;
  const had = { pipeline: whole, training: whole.training, verification: whole.verification };
  // In the order of the keys, which belongs to a recorded digest.
  const data = Object.fromEntries(
    Object.entries(effect.data).map(([key, value]) => [key, (had as Readonly<Record<string, unknown>>)[key] ?? value]),
  );
  return { ...effect, data } as Effect; // Types of that time.
}

const without = (place: string, value: object | null) =>
  value && Object.fromEntries(Object.entries(value).filter(([key]) => !ADDED[place]?.includes(key)));

function translated(key: string, value: unknown): unknown {
  if (typeof value === 'string') return textBefore(key, value);
  if (Array.isArray(value)) return value.map((item) => translated(key, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [KEYS[name] ?? name, translated(name, inner)]),
  );
}

function textBefore(key: string, text: string): string {
  if (key === 'change' && text === 'startCanary') return 'try';
  if (key === 'state') return stateBefore(text);
  if (key === 'timerId') return happeningBefore(text);
  if (!WORDS_UNDER.includes(key)) return text;
  return text.replaceAll(/(?<![^.])(?:collect|train|verify)(?![^.])/g, (word) => NOUNS[word as keyof typeof NOUNS]);
}
