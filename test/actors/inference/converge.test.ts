import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { InferenceOptions } from '../../../actors/inference/inference.ts';
import { parseData } from '../../../contracts/envelope.ts';
import { ReplicaRefusedSchema, ReplicaSwitchedSchema } from '../../../contracts/messages.ts';
import { replicaEventSubject, STREAMS } from '../../../contracts/subjects.ts';
import { createReplicaStore } from '../../../infra/stores/replica-store.ts';
import { announce, commit, rollBack, withdraw } from '../../../services/deployment/records.ts';
import { ask, busOf, faceOf, MODEL, statusOf, withReplicas } from '../../support/replicas.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

test('inference: it missed deployments while it was away, and goes straight to the last one', () =>
  withReplicas(async (context) => {
    const pairs = await Promise.all(
      [1, 2, 3].map((seed) => storeTinyPair(context.blobs, { runId: `run${seed}`, seed })),
    );
    for (const pair of pairs) {
      await context.change((record) => announce(record, pair, pair.runId, MODEL));
      await context.change((record) => commit(record!, pair.runId, new Date()));
    }
    const replica = await context.start('r1');
    await until(() => replica.status().release === 3, 'the last release');
    await until(() => replica.status().resident.length === 2, 'and the one before it');
    assert.is((await ask(context.nc, 'identify', await faceOf(1))).body.release, 3);
  }));

test('inference: started while a candidate is announced, it tells of its release under the run that brought it', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1', seed: 1 });
    const announced = await storeTinyPair(context.blobs, { runId: 'run2', seed: 2 });
    await context.change((record) => announce(record, announced, 'run2', MODEL));
    const late = await context.start('r2');
    await until(() => late.status().prepared?.runId === 'run2', 'the candidate in memory');
    await late.stop();
    const bus = await busOf(context);
    const told = await bus.lastOn(STREAMS.events, replicaEventSubject('switched', 'run1'));
    assert.is(parseData(ReplicaSwitchedSchema, told!).replicaId, 'r2');
    assert.is(await bus.lastOn(STREAMS.events, replicaEventSubject('switched', 'run2')), null);
  }));

test('inference: a heartbeat vanishes with a replica that loses its connection, and comes back with it', () =>
  withReplicas(async (context) => {
    const lost = await createReplicaStore(await context.test.connect('lost'));
    let isLost = false;
    // The replica's own store, over a network that can be cut.
    const replicas: InferenceOptions['replicas'] = {
      ...lost,
      put: (...args) => (isLost ? Promise.reject(new Error('no connection')) : lost.put(...args)),
    };
    await context.start('r1', { replicas });
    const live = async () => (await context.replicas.list(MODEL)).length;
    assert.is(await live(), 1);
    isLost = true;
    await until(async () => (await live()) === 0, 'its heartbeat expires');
    isLost = false;
    await until(async () => (await live()) === 1, 'its heartbeat is back');
  }));

test('inference: a candidate that cannot be loaded is refused with its reason, and the release in service stays', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const good = await storeTinyPair(context.blobs, { runId: 'run2', seed: 2 });
    const other = await storeTinyPair(context.blobs, { runId: 'other', seed: 3 });
    await context.change((record) => announce(record, { ...good, golden: other.golden }, 'run2', MODEL));
    const refused = await until(async () => (await statusOf(context, 'r1'))?.prepared?.refused, 'a refusal');
    assert.match(refused, /^MODEL_MISMATCH: golden samples: embeddings differ by/);
    const bus = await busOf(context);
    const event = await until(
      () => bus.lastOn(STREAMS.events, replicaEventSubject('refused', 'run2')),
      'replica.refused',
    );
    assert.is(parseData(ReplicaRefusedSchema, event).failure.code, 'MODEL_MISMATCH');
    assert.is((await ask(context.nc, 'identify', await faceOf(1))).body.release, 1);
    await context.change((record) => withdraw(record!, 'run2'));
    await until(async () => (await statusOf(context, 'r1'))?.prepared === null, 'the answer is forgotten');
  }));

test('inference: a rollback needs nothing but memory, and the release before the previous leaves it', () =>
  withReplicas(async (context) => {
    const inference = await context.start('r1');
    const first = await context.deploy({ runId: 'run1', seed: 1 });
    const second = await context.deploy({ runId: 'run2', seed: 2 });
    const third = await context.deploy({ runId: 'run3', seed: 3 });
    const digests = [second, third].map(({ current }) => current!.model.digest);
    await until(() => inference.status().resident.length === 2, 'the first model is retired');
    assert.equal([...inference.status().resident].sort(), digests.sort());
    assert.not(inference.status().resident.includes(first.current!.model.digest));
    for (const { bucket, key } of [second.current!.model, second.current!.gallery])
      await context.blobs.remove(bucket, key);
    await context.change((record) => rollBack(record!, 'run3', new Date()));
    await until(() => inference.status().release === 4, 'the rollback');
    const { body } = await ask(context.nc, 'identify', await faceOf(2));
    assert.equal([body.release, body.modelDigest, body.person], [4, second.current!.model.digest, 'p2']);
    const bus = await busOf(context);
    const facts = () => bus.lastOn(STREAMS.events, replicaEventSubject('switched', 'run3'));
    const event = await until(async () => {
      const envelope = await facts();
      return envelope && parseData(ReplicaSwitchedSchema, envelope).release === 4;
    }, 'replica.switched of the rollback');
    assert.ok(event);
  }));

test.run();
