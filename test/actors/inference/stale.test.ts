/** Replicas that are cut off from the store while requests still reach them. */
import type { NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { managerOf } from '../../../infra/messaging/jetstream.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { kvStreamName } from '../../../infra/topology/streams.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { announce, commit } from '../../../services/deployment/records.ts';
import { withCluster } from '../../support/cluster.ts';
import { withFolder } from '../../support/folder.ts';
import { more, releasesOf, startLoad, type Load } from '../../support/load.ts';
import { ask, faceOf, MODEL, withReplicas, withReplicasOn, type ReplicaTest } from '../../support/replicas.ts';
import { testLogger } from '../../support/server.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

const notAnswered = ({ answers }: Load) => answers.filter(({ status }) => status !== 200);
const isStale = ({ answers }: Load) => answers.at(-1)?.body['stale'] === true;

test('stale: two of three servers gone: no request fails, replies are marked, and a demand is refused', () =>
  withFolder((folder) =>
    withCluster(folder, async (cluster) => {
      const log = testLogger();
      const connections: NatsConnection[] = [];
      const connect = async (name = 'test') => {
        connections.push(await connectNats({ url: cluster.urls[0]!, name, log }));
        return connections.at(-1)!;
      };
      try {
        const admin = await connect();
        await until(() => applyTopology(admin, { replicas: 3 }).then(() => true, () => null), 'a cluster with a leader'); // prettier-ignore
        await withReplicasOn({ connect, log }, async (context) => {
          await context.start('r1');
          await context.start('r2');
          await context.deploy({ runId: 'run1', seed: 1 });
          const load = await startLoad(context);
          await more(load, 20);
          await Promise.all([cluster.kill(1), cluster.kill(2)]);
          await until(() => isStale(load), 'a reply is marked stale');
          await more(load, 300);
          const { body } = load.answers.at(-1)!;
          assert.ok(Number(body['knowledgeAgeMs']) >= 4_000, `${String(body['knowledgeAgeMs'])} ms`);
          const demanding = { minRelease: '1', deadlineMs: '300' };
          const refused = await ask(context.nc, 'identify', await faceOf(1), demanding);
          assert.match(refused.text, /^NOT_READY/);
          // It has seen that release, so an answer of it is no step back, stale as it is.
          const seen = await ask(context.nc, 'identify', await faceOf(1), { seenRelease: '1' });
          assert.equal([seen.status, seen.body['stale']], [200, true]);
          cluster.start(1);
          cluster.start(2);
          const isFresh = () => load.answers.slice(-20).every(({ body: { stale } }) => stale === undefined);
          await until(isFresh, 'both replicas are back in touch');
          await load.stop();
          assert.equal([notAnswered(load), releasesOf(load.answers)], [[], [1]]);
        });
      } finally {
        await Promise.all(connections.map((nc) => nc.close()));
      }
    }),
  ));

/** Heartbeats are refused from now on, while the record can still be read. */
async function breakHeartbeats({ nc }: ReplicaTest): Promise<void> {
  await (await managerOf(nc)).streams.delete(kvStreamName(BUCKETS.replicas));
}

test('stale: a replica whose heartbeat alone is refused never answers by a release that was replaced', () =>
  withReplicas(async (context) => {
    const replica = await context.start('r1');
    await context.deploy({ runId: 'run1', seed: 1 });
    const pair = await storeTinyPair(context.blobs, { runId: 'run2', seed: 2 });
    const load = await startLoad(context);
    await breakHeartbeats(context);
    await until(() => isStale(load), 'a reply is marked stale');
    await context.change((record) => announce(record, pair, 'run2', MODEL));
    await until(() => replica.status().prepared?.runId === 'run2', 'it holds the candidate');
    await context.change((record) => commit(record!, 'run2', new Date()));
    const { body } = await ask(context.nc, 'identify', await faceOf(1));
    assert.equal([body['release'], body['stale']], [2, true]);
    await load.stop();
    assert.equal(notAnswered(load), []);
  }));

test('stale: strict serving holds its requests in the same place, and says why', () =>
  withReplicas(async (context) => {
    await context.start('r1', { consistency: 'strict' });
    await context.deploy({ runId: 'run1', seed: 1 });
    await breakHeartbeats(context);
    const face = await faceOf(1);
    const refused = await until(async () => {
      const answer = await ask(context.nc, 'identify', face, { deadlineMs: '200' });
      assert.is(answer.body['stale'], undefined);
      return answer.status === 200 ? null : answer;
    }, 'it holds a request');
    assert.match(refused.text, /^NOT_READY: this replica was out of touch/);
  }));

test.run();
