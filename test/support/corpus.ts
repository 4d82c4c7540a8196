/**
 * Recorded runs: checkpoints as a version of the machine saved them, with what it decided about each event from there.
 * Replaying them shows whether the machine of today reads those checkpoints and decides alike. `npm run corpus:record`
 * records those of the current version.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PipelineEvent, PipelineInput } from '../../machines/pipeline.machine.ts';
import { firstCheckpoint, statePath, step, stepTimer, type Checkpoint, type Effect } from '../../machines/step.ts';
import { inNamesOf04 } from '../../machines/names.ts';
import { currentVersion, upcast, VERSIONS } from '../../machines/versions.ts';
import { pairOf } from './deployments.ts';
import { allEvents, nightInput, PAST, pipelineConfig, REJECTED, UNCHANGED } from './runs.ts';
import { effectBefore, effectOf02, effectOf04, happeningBefore, stateBefore, withDefinitions } from './words.ts';

const FOLDER = join(import.meta.dirname, '../machines/corpus');
const NOW = new Date('2026-01-01T02:00:00Z');

/** An event of the table, or a timer of the checkpoint. */
interface Happening {
  readonly name: string;
  /** `collect.failed`, or `after backoff`: how a way names its steps. */
  readonly kind: string;
  readonly apply: (checkpoint: Checkpoint) => Checkpoint | null;
}

interface Decision {
  readonly happening: string;
  readonly state: string;
  /** Each effect as its kind, its name and a digest of the rest. */
  readonly effects: readonly string[];
}

export interface RecordedRun {
  readonly checkpoint: Checkpoint;
  readonly decisions: readonly Decision[];
}

/** All that were recorded, each with its version. */
export const recordedRuns = (): readonly { readonly version: string; readonly runs: readonly RecordedRun[] }[] =>
  readdirSync(FOLDER).map((file) => ({
    version: file.replace('.json', ''),
    runs: JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as RecordedRun[], // Written below.
  }));

/** The decisions of the machine of today about a recorded checkpoint, in the words of the version that recorded it. */
export function replay(version: string, { checkpoint }: RecordedRun): Decision[] {
  const words = WORDS[version];
  if (!words) return decisionsOf(upcast(checkpoint), TODAY);
  const from = VERSIONS.findIndex(({ digest }) => digest === version);
  if (from >= NAMES_SINCE) return decisionsOf(upcast(checkpoint), words);
  const { pipeline } = upcast(checkpoint, VERSIONS.slice(0, NAMES_SINCE)).context;
  return decisionsOf(upcast(checkpoint), {
    ...words,
    effect: (effect) => words.effect(withDefinitions(effect, pipeline)),
  });
}

/** Before it, commands had whole configurations. */
const NAMES_SINCE = VERSIONS.findIndex(({ upcast: migrate }) => migrate === inNamesOf04);

/** How a decision is written down. */
interface Words {
  /** So many events stood in the table; later ones are behind them. */
  readonly events: number;
  readonly happening: (name: string) => string;
  readonly state: (path: string) => string;
  readonly effect: (effect: Effect) => object;
  /** The moment of a stage's back-off is left out: its chance is drawn from the stage's name, which has changed. */
  readonly isByChance: (effect: Effect) => boolean;
}

const TODAY: Words = {
  events: Infinity,
  happening: (name) => name,
  state: (path) => path,
  effect: (effect) => effect,
  isByChance: () => false,
};
/** In the table of allEvents() until 0.2.0, and until 0.4.0. */
const EVENTS_BEFORE_03 = 58;
const EVENTS_BEFORE_05 = 64;
const WORDS: Readonly<Record<string, Words>> = {
  c6bf714e9fd0: { ...TODAY, events: EVENTS_BEFORE_05, effect: effectOf04 },
  '0e4814cc5061': { ...TODAY, events: EVENTS_BEFORE_05 },
  d11af182c252: { ...TODAY, events: EVENTS_BEFORE_03, effect: effectOf02 },
  dc4dc33dd84f: {
    events: EVENTS_BEFORE_03,
    happening: happeningBefore,
    state: stateBefore,
    effect: effectBefore,
    isByChance: (effect) => effect.kind === 'timer.set' && effect.timerId.startsWith('xstate-after-backoff-'),
  },
};

export function record(): { readonly file: string; readonly runs: number } {
  const checkpoints = [...INPUTS.flatMap(reachedFrom), ...WAYS.flatMap(checkpointsOn)];
  const runs = checkpoints.map((checkpoint) => ({ checkpoint, decisions: decisionsOf(checkpoint, TODAY) }));
  const file = join(FOLDER, `${currentVersion()}.json`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(file, `[\n${runs.map((run) => JSON.stringify(run)).join(',\n')}\n]\n`);
  return { file, runs: runs.length };
}

const INPUTS: readonly PipelineInput[] = [
  nightInput(),
  nightInput({ champion: pairOf('r0'), unchangedContent: UNCHANGED, history: [PAST], lastVerdict: 'r0' }),
  nightInput({ blessing: { by: 'Ada', reason: 'the cameras were exchanged' }, forkedFrom: REJECTED }),
  nightInput({ kind: 'rollback' }),
  nightInput({
    champion: pairOf('r0'),
    pipeline: pipelineConfig({ deployment: { strategy: 'canary', approval: { required: true } } }),
  }),
];

const STUBBORN = nightInput({
  pipeline: pipelineConfig({ retry: { attemptsMax: 5, backoffMs: 5_000, backoffMaxMs: 30_000 } }),
});

/** Long ways, which lead to no new state but to the limits: the last extension, the last attempt, the longest wait. */
const WAYS: readonly { readonly input: PipelineInput; readonly steps: readonly string[] }[] = [
  {
    input: STUBBORN,
    steps: [
      ...times(3, 'after collectDeadline', 'collect.working'),
      'collect.completed',
      ...times(3, 'after trainDeadline', 'train.working'),
      'train.completed',
      ...times(3, 'after verifyDeadline', 'verify.working'),
      'after verifyDeadline',
      'after answerDeadline',
      ...times(4, 'after answerDeadline', 'after undoBackoff'),
      'after answerDeadline',
    ],
  },
  { input: STUBBORN, steps: [...times(4, 'collect.failed', 'after backoff'), 'collect.failed'] },
  {
    input: STUBBORN,
    steps: [
      'collect.completed',
      ...times(4, 'worker.silent', 'after answerDeadline', 'after backoff'),
      'worker.silent',
      'after answerDeadline',
    ],
  },
];

function times(count: number, ...steps: readonly string[]): string[] {
  return Array.from({ length: count }, () => steps).flat();
}

/** One checkpoint for each state that can be reached, the shortest way there. */
function reachedFrom(input: PipelineInput): Checkpoint[] {
  const first = firstCheckpoint(input, 'start', NOW);
  const reached = new Map([[placeOf(first), first]]);
  for (const checkpoint of reached.values()) {
    for (const { apply } of happenings(checkpoint)) {
      const next = apply(checkpoint);
      if (next && !reached.has(placeOf(next))) reached.set(placeOf(next), settled(next));
    }
  }
  return [...reached.values()];
}

/** Every checkpoint of a way. */
function checkpointsOn({ input, steps }: (typeof WAYS)[number]): Checkpoint[] {
  const passed = [settled(firstCheckpoint(input, 'start', NOW))];
  for (const kind of steps) {
    const last = passed.at(-1)!; // There is a first one.
    const [next] = happenings(last).flatMap((it) => (it.kind === kind ? (it.apply(last) ?? []) : []));
    if (!next) throw new Error(`corpus: nothing follows ${kind} in ${placeOf(last)}, step ${passed.length}`);
    passed.push(settled(next));
  }
  return passed;
}

const settled = (checkpoint: Checkpoint): Checkpoint => ({ ...checkpoint, outbox: [] });
const placeOf = ({ value, context }: Checkpoint) => `${statePath(value)} ${context.stage}`;

function decisionsOf(checkpoint: Checkpoint, words: Words): Decision[] {
  return happenings(checkpoint, words.events).flatMap(({ name, apply }): Decision[] => {
    const next = apply(checkpoint);
    if (!next) return [];
    const effects = next.outbox.map((effect) => summary(effect, words));
    return [{ happening: words.happening(name), state: words.state(statePath(next.value)), effects }];
  });
}

function happenings({ timers, transition, context }: Checkpoint, eventsMax = Infinity): Happening[] {
  const id = `m${transition}`;
  const known = allEvents().slice(0, eventsMax);
  const events = known.map((it, index): Happening => {
    const event = atAttempt(it, context.attempt);
    return {
      name: `${index} ${event.type}`,
      kind: event.type,
      apply: (checkpoint) => step(checkpoint, id, event, NOW),
    };
  });
  const fired = Object.entries(timers).map(([timerId, { event, armedAt }]): Happening => ({
    name: timerId,
    kind: event.replace(/^xstate\.after\.([^.]+)\..*/, 'after $1'),
    apply: (checkpoint) => stepTimer(checkpoint, timerId, armedAt, NOW),
  }));
  return [...events, ...fired];
}

/** The table's events come from the attempts 1 and 2; later on, those of 2 come from the attempt under way. */
const atAttempt = (event: PipelineEvent, attempt: number): PipelineEvent =>
  'commandId' in event ? { ...event, commandId: event.commandId.replace(/2$/, `${Math.max(2, attempt)}`) } : event;

function summary(effect: Effect, words: Words): string {
  const said = words.effect(effect) as { kind: string; timerId?: string; verb?: string; change?: string } & Stated;
  const digest = createHash('sha256').update(JSON.stringify(said)).digest('hex').slice(0, 8);
  const name = said.verb ? `${said.stage ?? said.noun}.${said.verb}` : (said.change ?? '');
  return `${said.kind} ${said.timerId ?? name} ${words.isByChance(effect) ? 'by chance' : digest}`;
}

/** The stage of a command, today and as it was called. */
interface Stated {
  readonly stage?: string;
  readonly noun?: string;
}
