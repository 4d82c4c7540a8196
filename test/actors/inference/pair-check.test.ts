/** Signed pairs on a real replica: what is not signed is not loaded, and what was revoked since is not switched to. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { InferenceOptions } from '../../../actors/inference/inference.ts';
import type { ModelPair } from '../../../contracts/release.ts';
import { announce, commit, rollBack, withdraw } from '../../../services/deployment/records.ts';
import { withFolder } from '../../support/folder.ts';
import { ask, faceOf, MODEL, statusOf, withReplicas, type ReplicaTest } from '../../support/replicas.ts';
import { keysIn, signedPair, strangersKey, type Keys } from '../../support/signed.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

/** Verifiers have to sign; the test itself writes the record, so no seal is demanded. */
const withSigned = (use: (replicas: ReplicaTest, keys: Keys) => Promise<void>) =>
  withFolder((folder) =>
    withReplicas(async (replicas) => {
      const keys = keysIn(folder);
      keys.change((trust) => ({ ...trust, keys: trust.keys.filter(({ role }) => role === 'verifier') }));
      await use(replicas, keys);
    }),
  );

async function deploy(replicas: ReplicaTest, keys: Keys, runId: string, seed: number): Promise<ModelPair> {
  const pair = await signedPair(replicas.blobs, await storeTinyPair(replicas.blobs, { runId, seed }), [keys.verifier]);
  await replicas.change((record) => announce(record, pair, runId, MODEL));
  await until(async () => (await statusOf(replicas, 'r1'))?.prepared?.runId === runId, `${runId} prepared`);
  const record = await replicas.change((announced) => commit(announced!, runId, new Date()));
  await until(async () => (await statusOf(replicas, 'r1'))?.release === record.current!.release, `${runId} serves`);
  return pair;
}

const served = async (replicas: ReplicaTest) => (await ask(replicas.nc, 'embed', await faceOf(0))).body['release'];
const alarmOf = async (replicas: ReplicaTest) => (await statusOf(replicas, 'r1'))?.alarm ?? null;
const start = (replicas: ReplicaTest, keys: Keys) => {
  const changes: Partial<InferenceOptions> = { signing: keys.signing };
  return replicas.start('r1', changes);
};

test('signed pairs: a candidate of an untrusted key is refused, the champion serves, and the next good one is taken', () =>
  withSigned(async (replicas, keys) => {
    await start(replicas, keys);
    await deploy(replicas, keys, 'n1', 1);
    const evil = await signedPair(replicas.blobs, await storeTinyPair(replicas.blobs, { runId: 'evil', seed: 66 }), [
      strangersKey(),
    ]);
    await replicas.change((record) => announce(record, evil, 'evil', MODEL));
    await until(async () => (await statusOf(replicas, 'r1'))?.prepared?.refused ?? null, 'the refusal');
    assert.match((await alarmOf(replicas)) ?? '', /RELEASE_UNTRUSTED: .*run evil is refused/);
    assert.is(await served(replicas), 1);
    await replicas.change((record) => withdraw(record!, 'evil'));
    await deploy(replicas, keys, 'n2', 2);
    assert.is(await alarmOf(replicas), null);
    assert.is(await served(replicas), 2);
  }));

test('signed pairs: a previous pair that was revoked since is not rolled back to, although it is in memory', () =>
  withSigned(async (replicas, keys) => {
    await start(replicas, keys);
    const first = await deploy(replicas, keys, 'n1', 1);
    await deploy(replicas, keys, 'n2', 2);
    keys.change((trust) => ({ ...trust, revoked: { ...trust.revoked, digests: [first.model.digest] } }));
    await replicas.change((record) => rollBack(record!, 'back', new Date()));
    await until(async () => (await alarmOf(replicas))?.includes('is revoked'), 'the alarm');
    assert.is(await served(replicas), 2);
    keys.change((trust) => ({ ...trust, revoked: { ...trust.revoked, digests: [] } }));
    await until(async () => (await statusOf(replicas, 'r1'))?.release === 3, 'the rollback');
    assert.is(await alarmOf(replicas), null);
  }));

test('signed pairs: after a restart a release that was revoked is not loaded, and that is said', () =>
  withSigned(async (replicas, keys) => {
    const before = await start(replicas, keys);
    await deploy(replicas, keys, 'n1', 1);
    await before.stop();
    keys.change((trust) => ({ ...trust, revoked: { ...trust.revoked, keys: [keys.verifier.id] } }));
    await start(replicas, keys);
    await until(async () => (await statusOf(replicas, 'r1'))?.outOfService ?? null, 'out of service');
    assert.match((await statusOf(replicas, 'r1'))?.outOfService ?? '', /RELEASE_UNTRUSTED: .*its key .* is revoked/);
  }));

test.run();
