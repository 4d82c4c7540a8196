/**
 * Workers that do nothing, for the saga's bench: each command is answered at once, and the moments at which the server
 * stored commands and events are kept, in nanoseconds. So a transition is measured by the server's own clock, from the
 * stored event to the stored command that follows from it.
 */
import type { JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { WORK_STAGES, STREAMS, workEventSubject, type WorkStage } from '../../contracts/subjects.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { createBus, type Bus } from '../../infra/messaging/bus.ts';
import { workerConsumer } from '../../infra/topology/consumers.ts';
import type { Logger } from '../../runtime/logger.ts';
import { figures } from '../../test/support/figures.ts';
import { clientOf, managerOf } from '../../infra/messaging/jetstream.ts';

export interface IdleWorkers {
  /** Milliseconds from each answered command's event to the command or end that followed. */
  transitionsMs(): Promise<number[]>;
  stop(): Promise<void>;
}

const ref = (bucket: BlobRef['bucket']): BlobRef => ({
  bucket,
  key: 'k',
  digest: `sha256:${'0'.repeat(64)}`,
  bytes: 1,
});

/** `verdict` "rejected" ends a run after three stages, without a deployment. */
const answers = (verdict: 'blessed' | 'rejected'): Readonly<Record<WorkStage, object>> => ({
  collect: { dataset: ref('DATASETS'), samples: 2, people: 2, quarantined: 0, durationMs: 0 },
  train: { model: ref('MODELS'), epochs: 1, loss: 0, imagesPerSecond: 1, validationRank1: null, durationMs: 0 },
  verify: {
    verdict,
    admitted: verdict === 'blessed',
    reasons: [],
    report: ref('REPORTS'),
    gallery: ref('MODELS'),
    golden: ref('MODELS'),
    figures: figures(),
    durationMs: 0,
  },
});

interface Answered {
  readonly runId: string;
  readonly stage: WorkStage;
  readonly commandNs: bigint;
  readonly eventSeq: number;
}

export async function startIdleWorkers(
  nc: NatsConnection,
  log: Logger,
  verdict: 'blessed' | 'rejected',
): Promise<IdleWorkers> {
  const bus = await createBus({ nc, source: 'bench', log, now: () => new Date(), newId: () => '' });
  const answered: Answered[] = [];
  const consumed = await Promise.all(
    WORK_STAGES.map((stage) => consume(nc, bus, stage, answers(verdict)[stage], answered)),
  );
  return {
    transitionsMs: () => transitionsOf(nc, answered),
    stop: async () => void (await Promise.all(consumed.map((messages) => messages.close()))),
  };
}

async function consume(nc: NatsConnection, bus: Bus, stage: WorkStage, result: object, answered: Answered[]) {
  const consumer = await clientOf(nc).consumers.get(STREAMS.commands, workerConsumer(stage, 'start'));
  return consumer.consume({
    callback: (message: JsMsg) => {
      const { id, data } = message.json<{ id: string; data: { runId: string; model: string } }>();
      const { runId, model } = data;
      message.ack();
      const ids = { runId, model, commandId: id };
      const commandNs = BigInt(message.info.timestampNanos);
      // A rejection ends the bench.
      void bus
        .publish(workEventSubject(stage, 'completed', runId), { ...ids, ...result }, { id: `${id}.completed` })
        .then(({ seq }) => answered.push({ runId, stage, commandNs, eventSeq: seq }));
    },
  });
}

/** Of training and verification commands, and the event that led there. */
async function transitionsOf(nc: NatsConnection, answered: readonly Answered[]): Promise<number[]> {
  const manager = await managerOf(nc);
  const byStage = new Map(answered.map((one) => [`${one.runId} ${one.stage}`, one]));
  const figures: number[] = [];
  for (const { runId, stage, commandNs } of answered) {
    const before = stage === 'collect' ? undefined : byStage.get(`${runId} ${stage === 'train' ? 'collect' : 'train'}`);
    if (!before) continue;
    const event = await manager.streams.getMessage(STREAMS.events, { seq: before.eventSeq });
    if (event) figures.push(Number(commandNs - nanosOf(event.timestamp)) / 1e6);
  }
  return figures;
}

/** RFC 3339 with up to nine digits after the point. */
function nanosOf(timestamp: string): bigint {
  const [seconds, fraction = ''] = timestamp.replace('Z', '').split('.');
  return BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
