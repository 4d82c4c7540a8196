/**
 * Decisions of today in the words of 0.1.0, so that what was recorded then can be compared: the way back from
 * machines/words.ts, written apart from it, because a mistake there must not hide itself here.
 */
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
  return translated('', effect) as object; // Only names change.
}

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
