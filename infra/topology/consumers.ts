/**
 * The durable consumers, every option explicit; applied with the streams by topology.ts. Delivery is never given up by
 * the server (`max_deliver: -1`): conclude.ts counts deliveries itself and keeps a dead letter, so nothing is lost
 * silently.
 */
import type { ConsumerConfig } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import {
  ADVISORIES,
  ALL,
  commandSubject,
  deadLetterEventSubject,
  janitorCommandSubject,
  sweepCommandSubject,
  WORK_STAGES,
  pipelineEventSubject,
  REPLICA_FACTS,
  replicaEventSubject,
  RUN_STOPS,
  scheduleEventSubject,
  STREAMS,
  WORK_FACTS,
  workEventSubject,
  type WorkStage,
} from '../../contracts/subjects.ts';

export const CONSUMERS = {
  ctl: 'orchestrator-ctl',
  events: 'orchestrator-events',
  timers: 'orchestrator-timers',
  advisories: 'orchestrator-advisories',
  notifications: 'orchestrator-notifications',
  janitor: 'janitor-forget',
} as const;

/** `start` carries long work, one at a time; `control` (cancel, report) must get through beside it. */
export type WorkerConsumerKind = 'start' | 'control';
export const workerConsumer = (stage: WorkStage, kind: WorkerConsumerKind) => `${stage}-${kind}`;

export interface ConsumerSpec {
  readonly stream: string;
  readonly config: Partial<ConsumerConfig> & { readonly durable_name: string };
}

/**
 * A handler that is silent for this long is taken for dead, and its message goes to another: five seconds after a kill at
 * the latest. conclude.ts signals at a fifth of it from the main thread, on which no worker computes for seconds. A worker
 * that stalls for longer all the same costs a second one the work, and nothing else: each command has its effect once.
 */
const ACK_WAIT_MS = 4_500;
/** Deliveries under way over all processes of one kind. */
const STARTS_PENDING_MAX = 16;
const MESSAGES_PENDING_MAX = 256;
/** Pull requests waiting at the server: one per lane and process. */
const WAITING_MAX = 512;

/** All but `progressed`, which is for people and would be most of the traffic. */
const AWAITED_FACTS = WORK_FACTS.filter((fact) => fact !== 'progressed');

/** Facts of which people are notified: see actors/orchestrator/notices.ts. */
const TOLD = [
  ...(['failed', 'rejected', 'rolled-back', 'needs-operator', 'awaiting-approval'] as const).map((fact) =>
    pipelineEventSubject(fact, '*'),
  ),
  ...(['decided', 'overdue'] as const).map((fact) => scheduleEventSubject(fact, '*')),
  deadLetterEventSubject('kept', '*'),
];

export const CONSUMER_SPECS: readonly ConsumerSpec[] = [
  consumer(STREAMS.ctl, CONSUMERS.ctl, [ALL.ctl], MESSAGES_PENDING_MAX),
  consumer(
    STREAMS.events,
    CONSUMERS.events,
    [
      ...WORK_STAGES.flatMap((stage) => AWAITED_FACTS.map((fact) => workEventSubject(stage, fact, '*'))),
      ...REPLICA_FACTS.map((fact) => replicaEventSubject(fact, '*')),
      ...RUN_STOPS.map((fact) => pipelineEventSubject(fact, '*')),
    ],
    MESSAGES_PENDING_MAX,
  ),
  consumer(STREAMS.timers, CONSUMERS.timers, [ALL.timersFired, ALL.slots], MESSAGES_PENDING_MAX),
  consumer(STREAMS.advisories, CONSUMERS.advisories, [...ADVISORIES], MESSAGES_PENDING_MAX),
  // What happened before there was this consumer is no news.
  consumer(STREAMS.events, CONSUMERS.notifications, TOLD, MESSAGES_PENDING_MAX, 'new'),
  // One after the other: two at once would take the same snapshot apart.
  consumer(STREAMS.commands, CONSUMERS.janitor, [janitorCommandSubject('*'), sweepCommandSubject('*')], 1),
  ...WORK_STAGES.flatMap((stage) => [
    consumer(
      STREAMS.commands,
      workerConsumer(stage, 'start'),
      [commandSubject(stage, 'start', '*')],
      STARTS_PENDING_MAX,
    ),
    consumer(
      STREAMS.commands,
      workerConsumer(stage, 'control'),
      [commandSubject(stage, 'cancel', '*'), commandSubject(stage, 'report', '*')],
      MESSAGES_PENDING_MAX,
    ),
  ]),
];

function consumer(
  stream: string,
  name: string,
  subjects: string[],
  pendingMax: number,
  from: 'all' | 'new' = 'all',
): ConsumerSpec {
  return {
    stream,
    config: {
      durable_name: name,
      ack_policy: 'explicit',
      ack_wait: nanos(ACK_WAIT_MS),
      deliver_policy: from,
      replay_policy: 'instant',
      filter_subjects: subjects,
      max_deliver: -1,
      max_ack_pending: pendingMax,
      max_waiting: WAITING_MAX,
      inactive_threshold: 0,
      // 0: as many copies as the stream has.
      num_replicas: 0,
      mem_storage: false,
    },
  };
}
