/**
 * The orchestrator actor: message in -> one step of a run -> effects out. It hosts the pipeline machine and holds no
 * state. durable.ts says in which order things happen; commands.ts has the commands, api.ts the questions.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { parseData } from '../../contracts/envelope.ts';
import { HeldBackSchema } from '../../contracts/configuration/record.ts';
import { CompletedSchemas, FailedSchema, PipelineEventSchema, WorkEventSchema } from '../../contracts/messages.ts';
import { parseSubject, type ParsedSubject } from '../../contracts/parse-subject.ts';
import { heldBackSubject, STREAMS, type WorkStage } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { refuse } from './answer.ts';
import { checkedVerification } from './check-release.ts';
import type { OrchestratorContext } from './context.ts';
import { handleAdvisory } from './dead-letters.ts';
import { startNotifications } from './notifications.ts';
import { OBSERVE_TIMER } from './observe.ts';
import { handleOperator } from './operator.ts';
import { refuseCommand } from './refusals.ts';
import { applyEvent, applyTimer, reconsider } from './run-loop.ts';
import { handleRunStop, handleSlot } from './schedule.ts';

/** Runs advance independently of each other; this many messages are worked on at once. */
const CONCURRENCY = 16;
/** With back-off from 0.2 s to 30 s this is some minutes of trying before a message becomes a dead letter. */
const DELIVERIES_MAX = 20;

export function startOrchestrator(o: OrchestratorContext): { stop(): Promise<void> } {
  const common = { concurrency: CONCURRENCY, deliveriesMax: DELIVERIES_MAX };
  const consumers = [
    o.bus.consume({
      ...common,
      stream: STREAMS.ctl,
      consumer: CONSUMERS.ctl,
      handle: (delivery) => handleOperator(o, delivery),
      onRefused: (failure, delivery) => refuseCommand(o, failure, delivery),
      onDeadLetter: (failure, delivery) =>
        refuse(o, failure, delivery.envelope?.id ?? `${STREAMS.ctl}-${delivery.seq}`, delivery),
    }),
    o.bus.consume({
      ...common,
      stream: STREAMS.events,
      consumer: CONSUMERS.events,
      handle: (delivery) => handleFact(o, delivery),
    }),
    o.bus.consume({
      ...common,
      stream: STREAMS.timers,
      consumer: CONSUMERS.timers,
      handle: (delivery) => handleTimer(o, delivery),
    }),
    o.bus.consume({
      ...common,
      stream: STREAMS.advisories,
      consumer: CONSUMERS.advisories,
      handle: (delivery) => handleAdvisory(o, delivery),
    }),
    startNotifications(o),
  ];
  const heldBack = o.bus.listen(heldBackSubject('*', '*'), ({ envelope }) => {
    const { actor, host, problems } = parseData(HeldBackSchema, envelope);
    o.log.warn(
      { worker: actor, host, problems },
      'orchestrator: a worker takes no work: its file is not of this system',
    );
  });
  return {
    stop: async () => {
      heldBack.stop();
      await Promise.all(consumers.map((consumer) => consumer.stop()));
    },
  };
}

/**
 * A worker's fact moves its run, a replica's makes the run look at the replicas, and a schedule may wait for its end.
 */
async function handleFact(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const event = parseSubject(delivery.subject);
  if (event.family === 'replica-event') return void (await reconsider(o, event.runId));
  if (event.family === 'pipeline-event') {
    const { model } = parseData(PipelineEventSchema, delivery.envelope);
    return handleRunStop(o, { runId: event.runId, fact: event.fact, model });
  }
  if (event.family !== 'work-event') {
    throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: nobody speaks of ${delivery.subject}`);
  }
  const told = toMachineEvent(event, delivery);
  const believed = told.type === 'verify.completed' ? await checkedVerification(o, event.runId, told) : told;
  await applyEvent(o, event.runId, delivery.envelope.id, believed);
}

type WorkEvent = Extract<ParsedSubject, { family: 'work-event' }>;

function toMachineEvent({ stage, fact }: WorkEvent, { envelope, subject }: Delivery): PipelineEvent {
  switch (fact) {
    case 'completed':
      return completedEvent(stage, envelope);
    case 'failed':
      return failedEvent(stage, envelope);
    case 'cancelled':
    case 'working':
    case 'absent':
      return { type: `${stage}.${fact}`, ...parseData(WorkEventSchema, envelope) };
    case 'progressed':
      throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: ${subject} is no fact that a run waits for`);
  }
}

/** A run keeps no lines of the log: notices.ts takes them from the fact. */
function failedEvent(stage: WorkStage, envelope: Delivery['envelope']): PipelineEvent {
  const { lastLines: _, ...failed } = parseData(FailedSchema, envelope);
  return { type: `${stage}.failed`, ...failed };
}

function completedEvent(stage: WorkStage, envelope: Delivery['envelope']): PipelineEvent {
  const { commandId } = parseData(WorkEventSchema, envelope);
  switch (stage) {
    case 'collect':
      return { type: 'collect.completed', commandId, ...parseData(CompletedSchemas.collect, envelope) };
    case 'train':
      return { type: 'train.completed', commandId, ...parseData(CompletedSchemas.train, envelope) };
    case 'verify':
      return { type: 'verify.completed', commandId, ...parseData(CompletedSchemas.verify, envelope) };
  }
}

const TimerPayloadSchema = z.object({ armedAt: z.number() });

/** A timer of a run, or a slot of a model's schedule. */
async function handleTimer(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const fired = parseSubject(delivery.subject);
  if (fired.family === 'slot') return handleSlot(o, fired.model, delivery);
  if (fired.family !== 'timer') {
    throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: no timer fires on ${delivery.subject}`);
  }
  const { runId, timerId } = fired;
  if (timerId === OBSERVE_TIMER) return void (await reconsider(o, runId));
  const { armedAt } = parseData(TimerPayloadSchema, delivery.envelope);
  await applyTimer(o, runId, timerId, armedAt);
}
