/**
 * Every point at which a night can be killed, derived from an undisturbed one: each transition of the orchestrator with
 * each effect of its outbox, each message, each command of a worker and each object that it stores.
 */
import type { ActorName } from '../../actors/names.ts';
import { NOUNS, type Noun } from '../../contracts/subjects.ts';
import { statePath } from '../../machines/step.ts';
import type { Crash, Outcome, Traces } from './crash.ts';

const WORKERS: Readonly<Record<Noun, ActorName>> = {
  collection: 'collector',
  training: 'trainer',
  verification: 'verifier',
};

export function crashPlan(night: Outcome): Crash[] {
  return [...ofTransitions(night), ...ofMessages(night), ...ofWorkers(night)];
}

function ofTransitions({ history }: Outcome): Crash[] {
  // A transition is saved twice: with its outbox, and settled.
  const saved = history.filter(({ outbox }) => outbox.length > 0);
  return saved.flatMap(({ value, outbox, status }): Crash[] => {
    const state = statePath(value);
    const at = (point: Crash['point'], where = state): Crash => ({ actor: 'orchestrator', point, where });
    return [
      at('orchestrator.stepped'),
      at('orchestrator.saved'),
      ...outbox.map(({ kind }, index) => at('orchestrator.carried-out', `${state} ${index} ${kind}`)),
      at('orchestrator.settled'),
      ...(status === 'active' && !PASSED_THROUGH.includes(state) ? [at('orchestrator.loaded')] : []),
    ];
  });
}
/** One step may lead beyond these, so that nobody need ever load them. */
const PASSED_THROUGH = ['deploying.committing', 'deploying.guarding.judging'];

function ofMessages({ traces }: Outcome): Crash[] {
  const awaited = traces.events.filter((subject) =>
    /\.evt\.(collection|training|verification|replica)\./.test(subject),
  );
  const handled = ['orchestrator-ctl ', 'orchestrator-timers ', ...awaited.map((it) => `orchestrator-events ${it}`)];
  return handled.map((where) => ({ actor: 'orchestrator', point: 'message.handled', where }));
}

function ofWorkers({ objects, history }: Outcome): Crash[] {
  const runId = history[0]!.context.runId;
  return NOUNS.flatMap((noun): Crash[] => {
    const actor = WORKERS[noun];
    const stored = [...objects.map((object) => object.split(' ')[0]!), 'MODELS/training-checkpoint'];
    const own = stored.filter((path) => ownerOf(path) === noun).map((path) => path.split('/').at(-1)!);
    return [
      { actor, point: 'worker.received', where: `${runId}.${noun}.` },
      ...own.map((where): Crash => ({ actor, point: 'worker.stored', where })),
      { actor, point: 'worker.published', where: `${runId}.${noun}.` },
      { actor, point: 'message.handled', where: `${noun}-start ` },
    ];
  });
}

function ownerOf(path: string): Noun {
  if (path.startsWith('DATASETS/')) return 'collection';
  return /gallery|golden|verification/.test(path) ? 'verification' : 'training';
}

export interface Verdict {
  readonly crash: Crash;
  readonly reached: boolean;
  /** What the undisturbed night has and this one lacks. */
  readonly lost: readonly string[];
  /** What happened twice, or only here. */
  readonly doubled: readonly string[];
  readonly stuck: string | null;
}

/** Holds a disturbed night against the undisturbed one. */
export function judge(crash: Crash, undisturbed: Traces, { reached, stuck, doubled, traces }: Outcome): Verdict {
  const lost = [...missing(undisturbed.events, traces.events), ...missing(undisturbed.artefacts, traces.artefacts)];
  const extra = [...missing(traces.events, undisturbed.events), ...missing(traces.artefacts, undisturbed.artefacts)];
  const rest = (['state', 'transitions', 'attempts', 'champion'] as const).filter(
    (key) => JSON.stringify(traces[key]) !== JSON.stringify(undisturbed[key]),
  );
  const differing = rest.map((key) => `${key} ${JSON.stringify(traces[key])}, not ${JSON.stringify(undisturbed[key])}`);
  return { crash, reached, lost: [...lost, ...differing], doubled: [...doubled, ...extra], stuck };
}

/** What stands more often in `expected` than in `found`. */
function missing(expected: readonly string[], found: readonly string[]): string[] {
  const left = [...found];
  return expected.filter((item) => {
    const index = left.indexOf(item);
    if (index === -1) return true;
    left.splice(index, 1);
    return false;
  });
}
