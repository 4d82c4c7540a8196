/**
 * Ten replicas in processes of their own behind one model: each takes its part of the load, three are killed with -9 in the
 * middle of a swap and three new ones come. No request of the published client fails, none is answered by an older
 * release than one before it, and all ten end on the same release.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL, pipelineEventSubject } from '../../contracts/subjects.ts';
import { PipelineEventSchema } from '../../contracts/messages.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { askSteadily } from '../support/chaos/load.ts';
import { withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { MODEL } from '../support/replicas.ts';
import { quickPipeline, withSaga, type Saga } from '../support/saga.ts';
import { withServer, type TestServer } from '../support/server.ts';
import { tinyWorks } from '../support/tiny-works.ts';
import { until } from '../support/wait.ts';

const REPLICAS = 10;
const KILLED = 3;
const RATE = 40;
/** Ten processes start on the cores of the tests. */
const START_MS = 120_000;
const pipeline = quickPipeline({
  deployment: { guardMs: 0, replicasMin: REPLICAS - KILLED, guardLatencyP99MsMax: 60_000 },
});

/** One inside the other, so that each is ended whatever happens. */
async function withMany(
  count: number,
  start: (use: (replica: CliProcess) => Promise<void>) => Promise<void>,
  use: (replicas: readonly CliProcess[]) => Promise<void>,
  started: readonly CliProcess[] = [],
): Promise<void> {
  if (started.length === count) return use(started);
  return start((replica) => withMany(count, start, use, [...started, replica]));
}

async function night(saga: Saga, runId: string, preparing: () => void = () => {}): Promise<void> {
  await saga.bus.publish(CTL.pipelineStart, { model: MODEL, runId }, { id: `${runId}.start` });
  await saga.event(
    pipelineEventSubject('advanced', runId),
    ({ envelope }) => PipelineEventSchema.parse(envelope.data).state === 'deploying.preparing',
  );
  preparing();
  await saga.event(pipelineEventSubject('completed', runId));
}

async function swaps(server: TestServer, saga: Saga, start: Parameters<typeof withMany>[1]): Promise<void> {
  const replicas = await createReplicaStore(saga.nc);
  const serving = async (release: number) =>
    (await replicas.list(MODEL)).filter((replica) => replica.release === release && replica.outOfService === null);
  const all = (release: number) =>
    until(async () => (await serving(release)).length === REPLICAS, `all on release ${release}`, START_MS);
  await withMany(REPLICAS, start, async (first) => {
    await until(async () => (await replicas.list(MODEL)).length === REPLICAS, 'ten replicas', START_MS);
    await night(saga, 'n1');
    await all(1);
    const over = new AbortController();
    const asking = askSteadily({ servers: [server.url], rate: RATE, signal: over.signal });
    const hasPart = async (release: number) =>
      (await serving(release)).filter(({ figures }) => figures.requests > 0).length === REPLICAS;
    await until(() => hasPart(1), 'each of the ten answers', START_MS);
    await night(saga, 'n2', () => first.slice(0, KILLED).forEach((replica) => replica.kill('SIGKILL')));
    await withMany(KILLED, start, async () => {
      await all(2);
      await night(saga, 'n3');
      await all(3);
      await until(() => hasPart(3), 'each of the ten answers by the third release', START_MS);
      over.abort();
      const { requests, failed, olderReplies, retried, hedged, bareFailed } = await asking;
      console.log(`${requests} requests, ${retried} retried, ${hedged} hedged, ${bareFailed} failed of the bare ones`);
      assert.ok(requests > RATE);
      assert.equal({ failed, olderReplies }, { failed: 0, olderReplies: 0 });
    });
  });
}

test('replicas: ten share the load through swaps, deaths and arrivals without a failed request', () =>
  withFolder((cwd) =>
    withServer(async (server) => {
      const blobs = createBlobStore(await server.connect('blobs'));
      const works = tinyWorks(blobs, (runId) => ({ seed: Number(runId.slice(1)) }));
      const options = { cwd, env: { NATS_URL: server.url, NIGHTSHIFT_LOG_LEVEL: 'warn' } };
      await writeFile(join(cwd, 'nightshift.config.json'), JSON.stringify({ models: { [MODEL]: pipeline } }));
      await withSaga(server, { works, pipeline, replica: false }, (saga) =>
        swaps(server, saga, (use) => withCli(['actor', 'inference'], options, use)),
      );
    }),
  ));

test.run();
