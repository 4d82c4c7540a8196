/**
 * Stories that may go on when an actor is killed: a night as it should be, those that take something back, and those that an
 * operator or a schedule steers. Each story begins over a fresh store, and says which of its points no story before it has.
 */
import type { NatsConnection } from 'nats';
import { retryIdOf } from '../../../actors/orchestrator/again.ts';
import { BUCKETS, CTL, inferSubject } from '../../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment } from '../../../contracts/release.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { createRecordStore, openKv } from '../../../infra/stores/record-store.ts';
import { announce, commit } from '../../../services/deployment/records.ts';
import { faceOf } from '../replicas.ts';
import { storeTinyPair } from '../tiny-data.ts';
import { MODEL, RUN } from './names.ts';
import {
  approveAndRetry,
  cancelInTraining,
  fireSlot,
  LOOSE,
  NEVER_ENDING,
  plantLoose,
  say,
  SCHEDULE,
  SLOT_RUN,
  sweepAway,
} from './steering.ts';

export interface Story {
  readonly name: string;
  /** Releases that have been in service before the run begins, the last one still. */
  readonly releases: number;
  /** Merged into the model's configuration, section by section. */
  readonly pipeline: Readonly<Record<string, object>>;
  /** Of the installation; the defaults if absent. */
  readonly retention?: object;
  /** What the janitor deletes in it, by its keys. */
  readonly deleted?: readonly string[];
  /** Makes the run begin; returns when it is on the disk of the server. */
  readonly begin: (nc: NatsConnection) => Promise<void>;
  /** The runs that end in the story; RUN alone if absent. */
  readonly runs?: readonly string[];
  /** The deeds of an operator while it goes on; the story is not over before that. */
  readonly operator?: (nc: NatsConnection) => Promise<void>;
  /** Goes on beside the run, until the signal. */
  readonly beside?: (nc: NatsConnection, signal: AbortSignal) => Promise<void>;
  /** Which points are its own: `<actor> <point>@<where>`. */
  readonly own: RegExp;
}

const night = (nc: NatsConnection) => say(nc, CTL.pipelineStart, { model: MODEL, runId: RUN });
const rollback = (data: object) => (nc: NatsConnection) =>
  say(nc, CTL.modelRollback, { model: MODEL, runId: RUN, ...data });

export const STORIES: readonly Story[] = [
  { name: 'night', releases: 0, pipeline: {}, begin: night, own: /./ },
  {
    // A canary answers a share of the requests before it is committed.
    name: 'canary',
    releases: 1,
    pipeline: { deployment: { strategy: 'canary', canary: { windowMs: 200 } } },
    begin: night,
    own: /deploying\.canary|canaryWindow/,
  },
  {
    // The new release breaks a limit in its guard, and the run rolls it back.
    name: 'guard',
    releases: 1,
    pipeline: { deployment: { guardMs: 3600_000, guardRequestsMin: 1, guardLatencyP99MsMax: 1e-6 } },
    begin: night,
    beside: keepAsking,
    own: /roll(ing|ed)Back|replica\.switched@crash 3/,
  },
  {
    // No second replica comes: the candidate is withdrawn at the deadline.
    name: 'withdrawal',
    releases: 1,
    pipeline: { deployment: { replicasMin: 2 }, timeouts: { deployMs: 1_500 } },
    begin: night,
    own: /withdrawing|compensating|failed|deployDeadline/,
  },
  // An operator wants the release before, which is resident.
  { name: 'rollback', releases: 2, pipeline: {}, begin: rollback({}), own: /./ },
  // An operator wants a release that has to be loaded again.
  { name: 'retained', releases: 3, pipeline: {}, begin: rollback({ release: 1 }), own: /./ },
  {
    // An operator holds a run in training, lets it go on and then cancels it. A command after its end is refused, and
    // a message that nobody can handle is kept.
    name: 'cancelled',
    releases: 0,
    pipeline: { training: NEVER_ENDING },
    begin: night,
    operator: cancelInTraining,
    own: /after (operator\.|train\.cancelled)|ctl\.pipeline\.(pause|resume|cancel|approve)|trainer|train\.cancelled|slot\.nobody/,
  },
  {
    // Something that a candidate needs is gone when it is deployed; an operator brings it back and has the run go on from there.
    name: 'retried',
    releases: 1,
    pipeline: { deployment: { approval: { required: true } } },
    begin: night,
    runs: [RUN, retryIdOf(RUN)],
    operator: approveAndRetry,
    own: /of crash-r1 after (started|operator)|ctl\.pipeline\.(approve|retry)|replica\.(\w+@|refused)/,
  },
  {
    // The time of a slot has come, and its run starts by itself.
    name: 'slot',
    releases: 0,
    pipeline: { schedule: SCHEDULE },
    begin: fireSlot,
    runs: [SLOT_RUN],
    own: /schedule\.|slot\.face|(stepped|saved|settled)@.* after started|pipeline\.completed/,
  },
  {
    // An operator has the janitor delete what no run refers to.
    name: 'swept',
    releases: 0,
    pipeline: {},
    retention: { graceMinutes: 0 },
    deleted: LOOSE.map(({ key }) => key),
    begin: nightBesideLoose,
    operator: sweepAway,
    own: /^janitor janitor\./,
  },
];

async function nightBesideLoose(nc: NatsConnection): Promise<void> {
  await plantLoose(nc);
  await night(nc);
}

/** The runs that end in a story. */
export const runsOf = ({ runs = [RUN] }: Story) => runs;

/** Puts the releases into the deployment record as nights would have done. Nobody may follow the record yet. */
export async function haveServed(nc: NatsConnection, releases: number): Promise<void> {
  const blobs = createBlobStore(nc);
  let record: Deployment | null = null;
  for (let release = 1; release <= releases; release++) {
    const runId = `earlier-${release}`;
    const pair = await storeTinyPair(blobs, { runId, seed: release });
    record = commit(announce(record, pair, runId, MODEL), runId, new Date('2026-01-01T02:00:00Z'));
  }
  if (!record) return;
  const deployments = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  await deployments.save(MODEL, record, 0);
}

/** The answer to a request is not the question here: there are moments when nobody is there. */
async function keepAsking(nc: NatsConnection, signal: AbortSignal): Promise<void> {
  const face = await faceOf(0);
  while (!signal.aborted) await nc.request(inferSubject(MODEL, 'embed'), face, { timeout: 1_000 }).catch(() => {});
}
