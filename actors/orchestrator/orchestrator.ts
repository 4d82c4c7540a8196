/**
 * The orchestrator actor: message in -> one step of a run -> effects out. It hosts the pipeline machine and holds no
 * state; see run-loop.ts for the order in which things happen, operator.ts for commands, api.ts for questions.
 */
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { parseData } from '../../contracts/envelope.ts';
import { CompletedSchemas, FailedSchema, WorkEventSchema } from '../../contracts/messages.ts';
import { WORK_STAGES, slotSubject, STREAMS, type WorkStage, type PipelineFact } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import type { PipelineEvent } from '../../machines/pipeline.machine.ts';
import { refuse } from './answer.ts';
import type { OrchestratorContext } from './context.ts';
import { handleAdvisory } from './dead-letters.ts';
import { OBSERVE_TIMER } from './observe.ts';
import { handleOperator } from './operator.ts';
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
      handle: (delivery) => (delivery.subject.startsWith(SLOTS) ? handleSlot(o, delivery) : handleTimer(o, delivery)),
    }),
    o.bus.consume({
      ...common,
      stream: STREAMS.advisories,
      consumer: CONSUMERS.advisories,
      handle: (delivery) => handleAdvisory(o, delivery),
    }),
  ];
  return { stop: async () => void (await Promise.all(consumers.map((consumer) => consumer.stop()))) };
}

/** `nightshift.evt.<stage>.<fact>.<runId>`: a worker's fact moves its run, a replica's makes it look at the replicas. */
async function handleFact(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const [, , stage, fact, runId] = delivery.subject.split('.') as [string, string, string, string, string];
  if (stage === 'replica') return void (await reconsider(o, runId));
  // The consumer's filter lets only facts of pipelines through that are named there.
  if (stage === 'pipeline') return handleRunStop(o, runId, fact as PipelineFact);
  const event = toMachineEvent(stage as WorkStage, fact, delivery);
  await applyEvent(o, runId, delivery.envelope.id, event);
}

function toMachineEvent(stage: WorkStage, fact: string, { envelope, subject }: Delivery): PipelineEvent {
  if (!WORK_STAGES.includes(stage))
    throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: nobody speaks of ${subject}`);
  switch (fact) {
    case 'completed':
      return completedEvent(stage, envelope);
    case 'failed':
      return { type: `${stage}.failed`, ...parseData(FailedSchema, envelope) };
    case 'cancelled':
    case 'working':
    case 'absent':
      return { type: `${stage}.${fact}`, ...parseData(WorkEventSchema, envelope) };
    default:
      throw new PipelineError('MESSAGE_MALFORMED', `orchestrator: ${subject} is no fact that a run waits for`);
  }
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

/** What the subjects of all models' slots begin with. */
const SLOTS = slotSubject('');

const TimerPayloadSchema = z.object({ armedAt: z.number() });

/** `nightshift.timer.fire.<runId>.<timerId>` */
async function handleTimer(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const [, , , runId, timerId] = delivery.subject.split('.') as [string, string, string, string, string];
  if (timerId === OBSERVE_TIMER) return void (await reconsider(o, runId));
  const { armedAt } = parseData(TimerPayloadSchema, delivery.envelope);
  await applyTimer(o, runId, timerId, armedAt);
}
