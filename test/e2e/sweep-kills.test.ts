/** The janitor is killed with -9 at one point of a sweep after the other; another goes on, and the end is the same as without. */
import { randomBytes } from 'node:crypto';
import { nanos } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient } from '../../cli/client.ts';
import { SweepReportSchema } from '../../contracts/retention.ts';
import { BUCKETS, janitorEventSubject, STREAMS, sweepCommandSubject } from '../../contracts/subjects.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { openKv } from '../../infra/stores/record-store.ts';
import { createSweeper, OBJECT_BUCKETS } from '../../infra/stores/sweeper.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { startActor } from '../../main.ts';
import { collectSnapshot } from '../../services/data/snapshot.ts';
import { createVictims } from '../support/crash/victims.ts';
import { listSource, quietContext, samplesOf } from '../support/samples.ts';
import { withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

/** In the order in which sweeps come to them: each janitor gets a little further. */
const DEATHS = [
  'janitor.condemned@manifests/',
  'janitor.swept@manifests/',
  'janitor.condemned@shards/',
  'janitor.swept@shards/',
  'janitor.condemned@model.onnx',
  'janitor.swept@verification.json',
];
const RUNS = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6'];

test('sweep: a janitor that is killed at any point leaves work that the next one ends', () =>
  withServer(async ({ url, connect, log }) => {
    const nc = await connect();
    const [blobs, sweeper, runs] = [createBlobStore(nc), await createSweeper(nc), await openKv(nc, BUCKETS.runs)];
    const image = { width: 8, height: 8, channels: 1 } as const;
    const split = { strategy: 'content-hash', validation: 0.1, probe: 0.2 } as const;
    const sizes = async () =>
      (await sweeper.sizes()).filter(({ name }) => name.startsWith('OBJ_')).map(({ bytes }) => bytes);
    const night = async (runId: string, startedAt: Date) => {
      const sources = [listSource('doors', await samplesOf([`${runId} a`, `${runId} b`], 4))];
      const job = { ...quietContext(), sources, image, split, holdOut: { share: 0, min: 0 }, blobs };
      const { dataset } = await collectSnapshot(job);
      const candidate = await blobs.put('MODELS', `face/${runId}/model.onnx`, randomBytes(1_000));
      await blobs.put('REPORTS', `face/${runId}/verification.json`, Buffer.from('{}'));
      const context = { runId, model: 'face', dataset, candidate, verification: null };
      await runs.put(`run.${runId}`, JSON.stringify({ startedAt: startedAt.toISOString(), status: 'done', context }));
      return dataset;
    };
    const last = await night('last', new Date('2026-01-02T02:00:00Z'));
    const afterOne = await sizes();
    for (const runId of RUNS) await night(runId, new Date('2026-01-01T02:00:00Z'));
    // A message of a killed janitor comes back after this.
    const manager = await managerOf(nc);
    await manager.consumers.update(STREAMS.commands, CONSUMERS.janitor, { ack_wait: nanos(1_000) });
    const retention = { snapshots: 1, models: 1, reports: 1, graceMinutes: 0 };
    const config = ConfigSchema.parse({ nats: { url }, retention });
    const victims = createVictims();
    const client = await connectClient(url, log);
    try {
      for (const [index, fault] of DEATHS.entries()) {
        // A new order each time: one message may not kill more than five.
        const id = `order-${index}`;
        await client.bus.publish(sweepCommandSubject(id), { id, mode: 'sweep' }, { id });
        const victim = await victims.start({ actor: 'janitor', url, config, fault });
        await until(victim.dead, `the janitor to die at ${fault}`);
        await victim.end();
      }
      assert.not.equal(await sizes(), afterOne, 'the last kill came before the end');
      const janitor = await startActor('janitor', url, config, log);
      try {
        const end = janitorEventSubject('swept', `order-${DEATHS.length - 1}`);
        const done = await until(() => client.bus.lastOn(STREAMS.events, end), 'the order to be carried out');
        SweepReportSchema.parse(done.data);
      } finally {
        await janitor.stop();
      }
      const stocks = await Promise.all(OBJECT_BUCKETS.map((bucket) => sweeper.stock(bucket)));
      assert.equal(
        stocks.map(({ remains }) => remains.length),
        [0, 0, 0],
      );
      assert.equal(await sizes(), afterOne);
      assert.ok(await blobs.holds(last));
    } finally {
      await client.close();
      await victims.end();
    }
  }));

test.run();
