/** The deeds of operators and schedules in the stories. Each step waits for the one before it to have come about. */
import type { NatsConnection } from 'nats';
import { CheckpointSchema, runKey } from '../../../actors/orchestrator/context.ts';
import { retryIdOf } from '../../../actors/orchestrator/again.ts';
import { ScheduleConfigSchema } from '../../../contracts/configuration/schedule.ts';
import { BUCKETS, CTL, SCHEDULE_TIMER, slotSubject, STREAMS, type CtlSubject } from '../../../contracts/subjects.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../../infra/stores/record-store.ts';
import { createSweeper, OBJECT_BUCKETS } from '../../../infra/stores/sweeper.ts';
import { createTimers } from '../../../infra/messaging/timers.ts';
import { placeOf } from '../../../machines/step.ts';
import { slotRunId } from '../../../services/schedule/decide.ts';
import { upcoming } from '../../../services/schedule/slots.ts';
import { until } from '../wait.ts';
import { MODEL, RUN } from './names.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';

/** Publishes an operator's command as any NATS client would; returns when it is on the disk of the server. */
export async function say(nc: NatsConnection, subject: CtlSubject, data: object): Promise<void> {
  await clientOf(nc).publish(subject, JSON.stringify(data));
}

/** A training that ends only when it is told to, or with the trainer, and leaves nothing: it reads what never comes. */
export const NEVER_ENDING = { strategy: 'command', command: { argv: ['cat', '-'] } };

/**
 * Holds the run in training, lets it go on, cancels it; what is asked of it after its end is refused. A slot comes for a
 * model that nobody has configured, and becomes a dead letter.
 */
export async function cancelInTraining(nc: NatsConnection): Promise<void> {
  await settled(nc, RUN, 'training.working.beating');
  await say(nc, CTL.pipelinePause, { runId: RUN });
  await settled(nc, RUN, 'training.held');
  await say(nc, CTL.pipelineResume, { runId: RUN });
  await settled(nc, RUN, 'training.working.beating of crash after operator.resume');
  await say(nc, CTL.pipelineCancel, { runId: RUN });
  await settled(nc, RUN, 'cancelled');
  await say(nc, CTL.pipelineApprove, { runId: RUN });
  await clientOf(nc).publish(slotSubject('nobody'), '{}');
}

/** The candidate's gallery is gone when it is approved, so the run fails; with the gallery back it is retried. */
export async function approveAndRetry(nc: NatsConnection): Promise<void> {
  const blobs = createBlobStore(nc);
  const key = `${MODEL}/${RUN}/gallery.safetensors`;
  await settled(nc, RUN, 'awaitingApproval');
  const gallery = await blobs.get((await blobs.find('MODELS', key))!); // A run that waits for approval has one.
  await blobs.remove('MODELS', key);
  await say(nc, CTL.pipelineApprove, { runId: RUN });
  await settled(nc, RUN, 'failed');
  await blobs.put('MODELS', key, gallery);
  await say(nc, CTL.pipelineRetry, { runId: RUN });
  await settled(nc, retryIdOf(RUN), 'awaitingApproval');
  await say(nc, CTL.pipelineApprove, { runId: retryIdOf(RUN) });
}

/** Things that no run refers to, one of each kind: as of runs whose records are gone. */
export const LOOSE = [
  { bucket: 'DATASETS', key: 'manifests/loose.json' },
  { bucket: 'DATASETS', key: 'shards/loose.tar' },
  { bucket: 'MODELS', key: `${MODEL}/loose/model.onnx` },
  { bucket: 'REPORTS', key: `${MODEL}/loose/verification.json` },
] as const;

export async function plantLoose(nc: NatsConnection): Promise<void> {
  const blobs = createBlobStore(nc);
  for (const { bucket, key } of LOOSE) await blobs.put(bucket, key, Buffer.from(key));
}

/** When the run has ended; until each of them is gone, with what a deletion by halves has left. */
export async function sweepAway(nc: NatsConnection): Promise<void> {
  const [blobs, sweeper] = [createBlobStore(nc), await createSweeper(nc)];
  await settled(nc, RUN, 'completed');
  await say(nc, CTL.storeSweep, { mode: 'sweep' });
  await until(async () => {
    const found = await Promise.all(LOOSE.map(({ bucket, key }) => blobs.find(bucket, key)));
    const stocks = await Promise.all(OBJECT_BUCKETS.map((bucket) => sweeper.stock(bucket)));
    return found.every((ref) => ref === null) && stocks.every(({ remains }) => remains.length === 0);
  }, 'the janitor to have deleted what nothing refers to');
}

/** A run that stands in a state and has done all that its coming there asks for. */
async function settled(nc: NatsConnection, runId: string, place: string): Promise<void> {
  const runs = createRecordStore({ kv: await openKv(nc, BUCKETS.runs), schema: CheckpointSchema });
  await until(async () => {
    const run = (await runs.load(runKey(runId)))?.value;
    return run !== undefined && run.outbox.length === 0 && placeOf(run).startsWith(place);
  }, `${runId} in ${place}`);
}

/** Once a year: no slot comes by itself while a story goes on. */
export const SCHEDULE = { cron: '0 2 1 1 *', timeZone: 'UTC' };
const SLOT = upcoming(ScheduleConfigSchema.parse(SCHEDULE), 1, new Date())[0]!.toISOString();
export const SLOT_RUN = slotRunId(MODEL, SLOT);

/** Has the server fire the schedule's armed timer now, in place of waiting for its time. */
export async function fireSlot(nc: NatsConnection): Promise<void> {
  const timers = await createTimers({ nc, source: 'crash', now: () => new Date() });
  const target = slotSubject(MODEL);
  const payload = { dueAt: SLOT };
  await timers.set({ runId: SCHEDULE_TIMER, timerId: MODEL, dueAt: new Date(), payload, target, id: 'crash.slot' });
  const { streams } = await managerOf(nc);
  await until(() => streams.getMessage(STREAMS.timers, { last_by_subj: target }), 'the timer to fire');
}
