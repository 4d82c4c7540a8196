/**
 * Every point at which an actor of a story can be killed, derived from an undisturbed run: each transition of the
 * orchestrator with each effect of its outbox, each message, each command of a worker, each object that it stores, each
 * report of a replica.
 */
import type { ActorName } from '../../../actors/names.ts';
import { NOUNS, type Noun } from '../../../contracts/subjects.ts';
import { statePath } from '../../../machines/step.ts';
import type { Crash, Outcome } from './rig.ts';
import { RUN, type Story } from './stories.ts';
import type { Traces } from './traces.ts';

const WORKERS: Readonly<Record<Noun, ActorName>> = {
  collection: 'collector',
  training: 'trainer',
  verification: 'verifier',
};

export const nameOf = ({ actor, point, where }: Crash) => `${actor} ${point}@${where}`;

export function crashPlan({ own }: Story, undisturbed: Outcome): Crash[] {
  const all = [
    ...ofTransitions(undisturbed),
    ...ofMessages(undisturbed),
    ...ofWorkers(undisturbed),
    ...ofReplicas(undisturbed),
  ];
  return all.filter((crash) => own.test(nameOf(crash)));
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
      ...outbox.map(({ kind }, place) => at('orchestrator.carried-out', `${state} ${place} ${kind}`)),
      at('orchestrator.settled'),
      ...(status === 'active' && !PASSED_THROUGH.includes(state) ? [at('orchestrator.loaded')] : []),
    ];
  });
}

/** One step may lead beyond these, so that nobody need ever load them. */
const PASSED_THROUGH = [
  'deploying.trying.judging',
  'deploying.committing',
  'deploying.guarding.judging',
  'rollingBack',
  'withdrawing',
];

function ofMessages({ traces, timers }: Outcome): Crash[] {
  const awaited = traces.events.filter((subject) =>
    /\.evt\.(collection|training|verification|replica)\./.test(subject),
  );
  // How often a run looks around depends on the time that others take.
  const fired = timers.filter((subject) => !subject.endsWith('.observe'));
  const handled = [
    'orchestrator-ctl ',
    'orchestrator-timers ',
    ...fired.map((subject) => `orchestrator-timers ${subject}`),
    ...new Set(awaited.map((subject) => `orchestrator-events ${subject.split(' ')[0]}`)),
  ];
  return handled.map((where) => ({ actor: 'orchestrator', point: 'message.handled', where }));
}

function ofWorkers({ traces: { artefacts, events } }: Outcome): Crash[] {
  const stored = [...artefacts.map((object) => object.split(' ')[0]!), 'MODELS/training-checkpoint'];
  return NOUNS.filter((noun) => events.some((subject) => subject.includes(`.evt.${noun}.`))).flatMap(
    (noun): Crash[] => {
      const actor = WORKERS[noun];
      const own = stored.filter((path) => ownerOf(path) === noun).map((path) => path.split('/').at(-1)!);
      return [
        { actor, point: 'worker.received', where: `${RUN}.${noun}.` },
        ...own.map((where): Crash => ({ actor, point: 'worker.stored', where })),
        { actor, point: 'worker.published', where: `${RUN}.${noun}.` },
        { actor, point: 'message.handled', where: `${noun}-start ` },
      ];
    },
  );
}

function ownerOf(path: string): Noun | null {
  if (path.includes('/earlier-')) return null;
  if (path.startsWith('DATASETS/')) return 'collection';
  return /gallery|golden|verification/.test(path) ? 'verification' : 'training';
}

function ofReplicas({ history }: Outcome): Crash[] {
  const outbox = history.flatMap((checkpoint) => checkpoint.outbox);
  const isAnnounced = outbox.some((effect) => effect.kind === 'deployment' && effect.change === 'announce');
  const switched = outbox.flatMap((effect) => (effect.kind === 'deployed' ? [effect.deployed.epoch] : []));
  return [
    ...(isAnnounced ? [{ actor: 'inference', point: 'replica.prepared', where: RUN } as const] : []),
    ...switched.map((epoch): Crash => ({ actor: 'inference', point: 'replica.switched', where: `${RUN} ${epoch}` })),
  ];
}

export interface Verdict {
  readonly story: string;
  readonly crash: Crash;
  readonly reached: boolean;
  /** What the undisturbed run has and this one lacks. */
  readonly lost: readonly string[];
  /** What happened twice, or only here. */
  readonly doubled: readonly string[];
  readonly stuck: string | null;
}

/** Holds a disturbed run against the undisturbed one of its story. */
export function judge(
  { name }: Story,
  crash: Crash,
  undisturbed: Traces,
  { reached, stuck, doubled, traces }: Outcome,
): Verdict {
  const lost = [...missing(undisturbed.events, traces.events), ...missing(undisturbed.artefacts, traces.artefacts)];
  const extra = [...missing(traces.events, undisturbed.events), ...missing(traces.artefacts, undisturbed.artefacts)];
  const rest = (['state', 'transitions', 'attempts', 'champion'] as const).filter(
    (key) => JSON.stringify(traces[key]) !== JSON.stringify(undisturbed[key]),
  );
  const differing = rest.map((key) => `${key} ${JSON.stringify(traces[key])}, not ${JSON.stringify(undisturbed[key])}`);
  return { story: name, crash, reached, lost: [...lost, ...differing], doubled: [...doubled, ...extra], stuck };
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
