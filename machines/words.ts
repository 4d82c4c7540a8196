/**
 * The words of 0.1.0 in those of 0.2.0, for what 0.1.0 has stored: a stage was a noun (`training`), a release an epoch, a
 * canary a trial. Used by the upcast of versions.ts.
 */
import type { Checkpoint } from './checkpoint.ts';

const STAGES: Readonly<Record<string, string>> = {
  collection: 'collect',
  training: 'train',
  verification: 'verify',
  deployment: 'deploy',
};
const KEYS: Readonly<Record<string, string>> = {
  epoch: 'release',
  previousEpoch: 'previousRelease',
  retainedEpochs: 'retainedReleases',
  noun: 'stage',
  trying: 'canary',
};

/** The stage's name where it stands between the ends or dots of `text`, as in an id or an event. */
const stagesIn = (text: string) =>
  text.replaceAll(/(?<![^.])(?:collection|training|verification|deployment)(?![^.])/g, (name) => STAGES[name]!);

/** By the key under which it stands: what a text that is no word of ours says is left alone. */
const TEXTS: Readonly<Record<string, (text: string) => string>> = {
  stage: stagesIn,
  noun: stagesIn,
  cause: stagesIn,
  id: stagesIn,
  startId: stagesIn,
  undo: (text) => (text === 'withdraw candidate' ? 'withdraw' : text.replace(/(?<=^stop )\w+/, stagesIn)),
  change: (text) => (text === 'try' ? 'startCanary' : text),
  event: (text) => text.replace('deploying.trying', 'deploying.canary'),
  deploying: (text) => KEYS[text] ?? text,
};

/** Keeps the order of all keys. The ids of timers stay: by them the server tells that one has fired. */
export function inWordsOf02(checkpoint: Checkpoint): Checkpoint {
  return translated('', checkpoint) as Checkpoint; // Only names change.
}

function translated(key: string, value: unknown): unknown {
  if (typeof value === 'string') return TEXTS[key]?.(value) ?? value;
  if (Array.isArray(value)) return value.map((item) => translated(key, item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [KEYS[name] ?? name, translated(name, inner)]),
  );
}
