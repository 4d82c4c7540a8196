/**
 * Every point at which an actor of a story can be killed, derived from an undisturbed run: each transition of a run and
 * each decision of a schedule with each effect of its outbox, each message, each operator's command and its answer, each
 * command of a worker, each object that it stores or that the janitor deletes, each report of a replica.
 */
import type { ActorName } from '../../../actors/names.ts';
import { OBSERVE_TIMER } from '../../../actors/orchestrator/observe.ts';
import { workOf } from '../../../actors/orchestrator/schedule.ts';
import { parseSubject } from '../../../contracts/parse-subject.ts';
import {
  WORK_STAGES,
  replicaEventSubject,
  RUN_STOPS,
  type WorkStage,
  type ReplicaFact,
} from '../../../contracts/subjects.ts';
import { CONSUMERS, workerConsumer } from '../../../infra/topology/consumers.ts';
import { placeOf, statePath, type Checkpoint } from '../../../machines/step.ts';
import { MODEL } from './names.ts';
import type { Crash, Outcome } from './rig.ts';
import { runsOf, type Story } from './stories.ts';
import type { Traces } from './traces.ts';

const WORKERS: Readonly<Record<WorkStage, ActorName>> = {
  collect: 'collector',
  train: 'trainer',
  verify: 'verifier',
};

export const nameOf = ({ actor, point, where }: Crash) => `${actor} ${point}@${where}`;

export function crashPlan(story: Story, undisturbed: Outcome): Crash[] {
  const runs = runsOf(story);
  const all = [
    ...undisturbed.histories.flatMap(ofTransitions),
    ...ofCommands(undisturbed),
    ...ofSchedules(undisturbed),
    ...ofMessages(undisturbed),
    ...runs.flatMap((runId) => ofWorkers(runId, undisturbed)),
    ...runs.flatMap((runId) => ofReplicas(runId, undisturbed)),
    ...(story.deleted ?? []).flatMap(ofDeletion),
  ];
  // A process dies at the first of several places with one name.
  const byName = new Map(all.map((crash) => [nameOf(crash), crash]));
  return [...byName].filter(([name]) => story.own.test(name)).map(([, crash]) => crash);
}

const orchestrator = (point: Crash['point'], where: string): Crash => ({ actor: 'orchestrator', point, where });

function ofTransitions(history: readonly Checkpoint[]): Crash[] {
  // A transition is saved twice: with its outbox, and settled.
  const saved = history.filter(({ outbox }) => outbox.length > 0);
  return saved.flatMap((checkpoint): Crash[] => {
    const where = placeOf(checkpoint);
    const isLoaded = checkpoint.status === 'active' && !PASSED_THROUGH.includes(statePath(checkpoint.value));
    return [
      orchestrator('orchestrator.stepped', where),
      orchestrator('orchestrator.saved', where),
      ...checkpoint.outbox.map(({ kind }, index) =>
        orchestrator('orchestrator.carried-out', placeOf(checkpoint, `${index} ${kind}`)),
      ),
      orchestrator('orchestrator.settled', where),
      ...(isLoaded ? [orchestrator('orchestrator.loaded', where)] : []),
    ];
  });
}

/** One step may lead beyond these, so that nobody need ever load them. */
const PASSED_THROUGH = [
  'deploying.canary.judging',
  'deploying.committing',
  'deploying.guarding.judging',
  'rollingBack',
  'withdrawing',
];

function ofCommands({ outcomes }: Outcome): Crash[] {
  return outcomes.flatMap(({ subject, accepted }) => [
    orchestrator('command.received', subject),
    ...(accepted
      ? [orchestrator('command.obeyed', subject), orchestrator('message.handled', `${CONSUMERS.ctl} ${subject}`)]
      : [orchestrator('message.refused', `${CONSUMERS.ctl} ${subject}`)]),
    orchestrator('command.answered', `${subject} ${accepted ? 'accepted' : 'refused'}`),
  ]);
}

function ofSchedules({ schedules }: Outcome): Crash[] {
  // A decision with an outbox is saved again when that is carried out.
  const decisions = schedules.filter(
    ({ outbox }, index) => outbox.length > 0 || (schedules[index - 1]?.outbox ?? []).length === 0,
  );
  const slots = schedules.at(-1)?.recent.map(({ slot }) => slot) ?? [];
  return [
    ...slots.map((slot) => orchestrator('schedule.woken', `${MODEL} at ${slot}`)),
    ...decisions.flatMap((record) => [
      orchestrator('schedule.decided', workOf(record)),
      orchestrator('schedule.saved', workOf(record)),
      ...record.outbox.map(({ kind }) => orchestrator('schedule.carried-out', `${workOf(record)}: ${kind}`)),
      ...(record.outbox.length > 0 ? [orchestrator('schedule.settled', workOf(record))] : []),
    ]),
  ];
}

function ofMessages({ traces, timers }: Outcome): Crash[] {
  // Consumer, subject and code of each.
  const letters = traces.letters.map((told) => told.split(' ').slice(0, 2).join(' '));
  const awaited = traces.events.map((told) => told.split(' ')[0]!).filter(isAwaited);
  // How often a run looks around depends on the time that others take.
  const fired = timers.filter((subject) => !isLook(subject));
  const handled = [
    `${CONSUMERS.timers} `,
    ...fired.map((subject) => `${CONSUMERS.timers} ${subject}`),
    ...new Set(awaited.map((subject) => `${CONSUMERS.events} ${subject}`)),
  ];
  return [
    ...handled.filter((where) => !letters.includes(where)).map((where) => orchestrator('message.handled', where)),
    ...letters.map((where) => orchestrator('message.buried', where)),
  ];
}

/** Whether the orchestrator's consumer hands it out. */
function isAwaited(subject: string): boolean {
  const event = parseSubject(subject);
  if (event.family === 'pipeline-event') return RUN_STOPS.includes(event.fact);
  return event.family === 'work-event' || event.family === 'replica-event';
}

function isLook(subject: string): boolean {
  const timer = parseSubject(subject);
  return timer.family === 'timer' && timer.timerId === OBSERVE_TIMER;
}

function ofWorkers(runId: string, { traces: { artefacts, events } }: Outcome): Crash[] {
  const says = (stage: WorkStage, facts: string) =>
    events.some((told) => RegExp(`${stage}\\.${facts}\\.${runId}\\b(?!-)`).test(told));
  const stored = artefacts.map((object) => object.split(' ')[0]!);
  return WORK_STAGES.filter((stage) => says(stage, '\\w+')).flatMap((stage): Crash[] => {
    const actor = WORKERS[stage];
    const own = stored.filter((path) => ownerOf(path) === stage).map((path) => path.split('/').at(-1)!);
    // Removed when the training has ended.
    if (stage === 'train' && says(stage, 'completed')) own.push('training-checkpoint');
    return [
      { actor, point: 'worker.received', where: `${runId}.${stage}.` },
      ...own.map((where): Crash => ({ actor, point: 'worker.stored', where })),
      { actor, point: 'worker.published', where: `${runId}.${stage}.` },
      { actor, point: 'message.handled', where: `${workerConsumer(stage, 'start')} ` },
      ...(says(stage, 'cancelled')
        ? [{ actor, point: 'message.handled', where: `${workerConsumer(stage, 'control')} ` } as const]
        : []),
    ];
  });
}

function ownerOf(path: string): WorkStage | null {
  if (path.includes('/earlier-')) return null;
  if (path.startsWith('DATASETS/') || path.endsWith('/data.json')) return 'collect';
  return /gallery|golden|verification|data-summary|README/.test(path) ? 'verify' : 'train';
}

function ofReplicas(runId: string, { histories, traces: { events } }: Outcome): Crash[] {
  const history = histories.flat().filter(({ context }) => context.runId === runId);
  const switched = history.flatMap(({ outbox }) =>
    outbox.flatMap((effect) => (effect.kind === 'deployed' ? [effect.deployed.release] : [])),
  );
  const said = (fact: ReplicaFact) => events.some((told) => told.split(' ')[0] === replicaEventSubject(fact, runId));
  return [
    ...(['prepared', 'refused'] as const)
      .filter(said)
      .map((fact): Crash => ({ actor: 'inference', point: `replica.${fact}`, where: runId })),
    ...switched.map((release): Crash => ({
      actor: 'inference',
      point: 'replica.switched',
      where: `${runId} ${release}`,
    })),
  ];
}

const ofDeletion = (key: string): Crash[] => [
  { actor: 'janitor', point: 'janitor.condemned', where: key },
  { actor: 'janitor', point: 'janitor.swept', where: key },
];

export interface Verdict {
  readonly story: string;
  readonly crash: Crash;
  readonly reached: boolean;
  /** Traces that the undisturbed run has and this one lacks. */
  readonly lost: readonly string[];
  /** Traces that are here twice, or only here. */
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
  const rest = (['runs', 'letters', 'champion', 'schedule'] as const).filter(
    (key) => JSON.stringify(traces[key]) !== JSON.stringify(undisturbed[key]),
  );
  const differing = rest.map((key) => `${key} ${JSON.stringify(traces[key])}, not ${JSON.stringify(undisturbed[key])}`);
  return { story: name, crash, reached, lost: [...lost, ...differing], doubled: [...doubled, ...extra], stuck };
}

/** Those that stand more often in `expected` than in `found`. */
function missing(expected: readonly string[], found: readonly string[]): string[] {
  const left = [...found];
  return expected.filter((item) => {
    const index = left.indexOf(item);
    if (index === -1) return true;
    left.splice(index, 1);
    return false;
  });
}
