/**
 * Something in service at once: a tiny model's pair, put into the deployment record as a run would have done, where a
 * test is about what happens after. For the whole way to it see test/e2e/night.test.ts.
 */
import * as assert from 'uvu/assert';
import type { NatsConnection } from 'nats';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment, type Release } from '../../contracts/release.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createRecordStore, openKv, type RecordStore } from '../../infra/stores/record-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { sealDeployments } from '../../actors/orchestrator/sealed-deployments.ts';
import { NO_SIGNING } from '../../services/signing/signing.ts';
import { announce, commit } from '../../services/deployment/records.ts';
import { ask, faceOf, MODEL } from './replicas.ts';
import { testLogger } from './server.ts';
import { keysIn, signedPair } from './signed.ts';
import { storeTinyPair } from './tiny-data.ts';
import { until } from './wait.ts';

export interface Deployed {
  readonly champion: Release;
  readonly deployments: RecordStore<Deployment>;
}

/**
 * Returns when every live replica, one at least, serves the pair as release 1. With identities, `nc` is the orchestrator's
 * and `verifier` stores the pair. `store`: the folder of a server that was started with keys, by which everything is signed.
 */
export async function deployTinyChampion(
  nc: NatsConnection,
  { verifier = nc, store }: { readonly verifier?: NatsConnection; readonly store?: string } = {},
): Promise<Deployed> {
  const runId = 'champion';
  const blobs = createBlobStore(verifier);
  const keys = store === undefined ? null : keysIn(store);
  const unsigned = await storeTinyPair(blobs, { runId });
  const pair = keys ? await signedPair(blobs, unsigned, [keys.verifier]) : unsigned;
  const records = createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema });
  const signing = keys?.signing ?? NO_SIGNING;
  const deployments = sealDeployments({ store: records, signing, log: testLogger() });
  const record = commit(announce(null, pair, runId, MODEL), runId, new Date());
  await deployments.save(MODEL, record, 0);
  const replicas = await createReplicaStore(nc);
  const isServed = async () => {
    const live = await replicas.list(MODEL);
    return live.length > 0 && live.every(({ release }) => release === record.current!.release);
  };
  await until(isServed, 'every replica serves the champion');
  return { champion: record.current!, deployments }; // Committed just above.
}

/** Five invented people are asked for, and the champion names each of them. */
export async function assertServes(nc: NatsConnection, { release, model }: Release): Promise<void> {
  for (let person = 0; person < 5; person++) {
    const { status, body } = await ask(nc, 'identify', await faceOf(person));
    assert.is(status, 200, JSON.stringify(body));
    assert.equal([body['release'], body['modelDigest'], body['person']], [release, model.digest, `p${person}`]);
  }
}
