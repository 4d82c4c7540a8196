/**
 * What may go on when an actor is killed: a night as it should be, and those that take something back. Each story is a run
 * with the id RUN over a fresh store, and says which of its points no story before it has.
 */
import type { NatsConnection } from 'nats';
import { BUCKETS, CTL, inferSubject } from '../../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment } from '../../../contracts/values.ts';
import { createBlobStore } from '../../../infra/blob-store.ts';
import { createRecordStore, openKv } from '../../../infra/record-store.ts';
import { announce, commit } from '../../../services/deployment/records.ts';
import { faceOf } from '../replicas.ts';
import { storeTinyPair } from '../tiny-data.ts';

export const MODEL = 'face';
export const RUN = 'crash';

export interface Story {
  readonly name: string;
  /** Epochs that have been in service before the run begins, the last one still. */
  readonly epochs: number;
  /** Merged into the model's configuration, section by section. */
  readonly pipeline: Readonly<Record<string, object>>;
  /** The command that begins the run. */
  readonly command: readonly [subject: string, data: object];
  /** Goes on beside the run, until the signal. */
  readonly beside?: (nc: NatsConnection, signal: AbortSignal) => Promise<void>;
  /** Which points are its own: `<actor> <point>@<where>`. */
  readonly own: RegExp;
}

const NIGHT = [CTL.pipelineStart, { model: MODEL, runId: RUN }] as const;
const rollback = (data: object) => [CTL.modelRollback, { model: MODEL, runId: RUN, ...data }] as const;

export const STORIES: readonly Story[] = [
  { name: 'night', epochs: 0, pipeline: {}, command: NIGHT, own: /./ },
  {
    // A canary answers a share of the requests before it is committed.
    name: 'canary',
    epochs: 1,
    pipeline: { deployment: { strategy: 'canary', canary: { windowMs: 200 } } },
    command: NIGHT,
    own: /deploying\.trying|canaryWindow/,
  },
  {
    // The new epoch breaks a limit in its guard, and the run rolls it back.
    name: 'guard',
    epochs: 1,
    pipeline: { deployment: { guardMs: 3600_000, guardRequestsMin: 1, guardLatencyP99MsMax: 1e-6 } },
    command: NIGHT,
    beside: keepAsking,
    own: /roll(ing|ed)Back|replica\.switched@crash 3/,
  },
  {
    // No second replica comes: the candidate is withdrawn at the deadline.
    name: 'withdrawal',
    epochs: 1,
    pipeline: { deployment: { replicasMin: 2 }, timeouts: { deployMs: 1_500 } },
    command: NIGHT,
    own: /withdrawing|compensating|failed|deployDeadline/,
  },
  // An operator wants the epoch before, which is resident.
  { name: 'rollback', epochs: 2, pipeline: {}, command: rollback({}), own: /./ },
  // An operator wants an epoch that has to be loaded again.
  { name: 'retained', epochs: 3, pipeline: {}, command: rollback({ epoch: 1 }), own: /./ },
];

/** Puts the epochs into the deployment record as nights would have done. Nobody may follow the record yet. */
export async function haveServed(nc: NatsConnection, epochs: number): Promise<void> {
  const blobs = createBlobStore(nc);
  let record: Deployment | null = null;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const runId = `earlier-${epoch}`;
    const pair = await storeTinyPair(blobs, { runId, seed: epoch });
    record = commit(announce(record, pair, runId, MODEL), runId, new Date('2026-01-01T02:00:00Z'));
  }
  if (!record) return;
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  await deployments.save(MODEL, record, 0);
}

/** What a request is answered is not the question here: there are moments when nobody is there. */
async function keepAsking(nc: NatsConnection, signal: AbortSignal): Promise<void> {
  const face = await faceOf(0);
  while (!signal.aborted) await nc.request(inferSubject(MODEL, 'embed'), face, { timeout: 1_000 }).catch(() => {});
}
