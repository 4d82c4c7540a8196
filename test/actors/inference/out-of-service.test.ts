/** Replicas that are behind: cut off, starting, or unable to load the release in service. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { parseData } from '../../../contracts/envelope.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { ReplicaOutOfServiceSchema } from '../../../contracts/messages.ts';
import { replicaEventSubject, STREAMS } from '../../../contracts/subjects.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { announce, commit, rollBack } from '../../../services/deployment/records.ts';
import { releasesOf, more, startLoad } from '../../support/load.ts';
import { busOf, MODEL, statusOf, withReplicas, type ReplicaTest } from '../../support/replicas.ts';
import { withTcpProxy } from '../../support/tcp-proxy.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

/** A store, as a replica with a broken disk sees it: the objects of `runId` are unreadable. */
const brokenFor = (blobs: BlobStore, runId: string): BlobStore => ({
  ...blobs,
  get: (ref) =>
    ref.key.startsWith(`${runId}/`)
      ? Promise.reject(new PipelineError('BLOB_CORRUPT', `${ref.key}: digest differs`))
      : blobs.get(ref),
});

/** Puts a pair into service without waiting for anybody. */
async function force(context: ReplicaTest, runId: string, seed: number) {
  const pair = await storeTinyPair(context.blobs, { runId, seed });
  await context.change((record) => announce(record, pair, runId, MODEL));
  await context.change((record) => commit(record!, runId, new Date()));
}

test('out of service: a replica that cannot load the committed release says so, takes no requests, and comes back', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    const sick = await context.start('r2', { blobs: brokenFor(context.blobs, 'run2') });
    await context.deploy({ runId: 'run1', seed: 1 });
    const load = await startLoad(context);
    await until(() => sick.status().figures.requests > 5, 'both take requests');
    await force(context, 'run2', 2);
    const why = await until(async () => (await statusOf(context, 'r2'))?.outOfService, 'it says so');
    assert.is(why, 'BLOB_CORRUPT: run2/model.onnx: digest differs');
    const bus = await busOf(context);
    const event = await until(
      () => bus.lastOn(STREAMS.events, replicaEventSubject('out-of-service', 'run2')),
      'the event',
    );
    const said = parseData(ReplicaOutOfServiceSchema, event);
    assert.equal([said.replicaId, said.release, said.failure.code], ['r2', 2, 'BLOB_CORRUPT']);
    // As its heartbeat says it: by then the server has every reply of the former release.
    const isSwitched = async () => {
      const status = await statusOf(context, 'r1');
      return status?.release === 2 && !status.draining;
    };
    await until(isSwitched, 'the other one serves, and has answered what began on the release before');
    await load.flush();
    const taken = sick.status().figures.requests;
    const before = load.answers.length;
    await more(load, 40);
    assert.is(sick.status().figures.requests, taken);
    assert.equal(releasesOf(load.answers.slice(before)), [2]);

    await context.change((record) => rollBack(record!, 'rollback', new Date()));
    await until(async () => (await statusOf(context, 'r2'))?.outOfService === null || null, 'it is back');
    await until(() => sick.status().release === 3 && sick.status().figures.requests > 5, 'it takes requests again');
    const answers = await load.stop();
    assert.equal(
      answers.filter(({ status }) => status !== 200),
      [],
    );
  }));

test('out of service: a replica that starts and cannot load the release never takes a request, until it can', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1', seed: 1 });
    const load = await startLoad(context);
    const sick = await context.start('r2', { blobs: brokenFor(context.blobs, 'run1') });
    await until(async () => (await statusOf(context, 'r2'))?.outOfService, 'it says so');
    await more(load, 40);
    assert.is(sick.status().figures.requests, 0);
    await force(context, 'run2', 2);
    await until(() => sick.status().release === 2 && sick.status().figures.requests > 5, 'it takes requests');
    assert.is(sick.status().outOfService, null);
    const answers = await load.stop();
    assert.equal(
      answers.filter(({ status }) => status !== 200),
      [],
    );
  }));

test('partition: a replica that was cut off answers nothing old when it returns, and converges', () =>
  withReplicas((context) =>
    withTcpProxy(context.test.url, async (network) => {
      await context.start('r1');
      const nc = await connectNats({ url: network.url, name: 'behind the proxy', log: context.test.log });
      const away = await context.start('r2', {}, nc);
      await context.deploy({ runId: 'run1', seed: 1 });
      await until(() => away.status().release === 1, 'it serves');
      network.cut();
      await until(async () => (await statusOf(context, 'r2')) === null || null, 'nobody waits for it any more');
      const { current } = await context.deploy({ runId: 'run2', seed: 2 });
      assert.is(away.status().release, 1);
      const load = await startLoad(context);
      await more(load, 10);
      network.heal();
      await until(() => away.status().release === 2 && away.status().figures.requests > 5, 'it takes requests again');
      const answers = await load.stop();
      assert.is(away.status().modelDigest, current!.model.digest);
      assert.equal([releasesOf(answers), answers.filter(({ status }) => status !== 200)], [[2], []]);
      await away.stop();
      await nc.close();
    }),
  ));

test.run();
