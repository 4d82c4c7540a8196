/**
 * Passive redundancy: of three replicas in processes of their own, one is killed with -9 in the middle of a swap, while
 * clients ask that try once more when nobody answers. No client sees a failure, and the swap comes to its end.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL, inferSubject, modelDeployedSubject, pipelineEventSubject } from '../../contracts/subjects.ts';
import { PipelineEventSchema } from '../../contracts/messages.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { createReplicaStore } from '../../infra/stores/replica-store.ts';
import { withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { faceOf, MODEL } from '../support/replicas.ts';
import { quickPipeline, withSaga, type Saga } from '../support/saga.ts';
import { withServer, type TestServer } from '../support/server.ts';
import { tinyWorks } from '../support/tiny-works.ts';
import { until } from '../support/wait.ts';

const REPLICAS = 3;
const CLIENTS = 3;
/** Of one attempt. Long for a busy machine; only what the killed replica had taken waits for so long. */
const ATTEMPT_MS = 8_000;
const pipeline = quickPipeline({ deployment: { guardMs: 0, replicasMin: 2, guardLatencyP99MsMax: 60_000 } });

interface Asked {
  readonly release: number;
  readonly retried: boolean;
}

interface Clients {
  readonly asked: readonly Asked[];
  readonly failures: readonly string[];
  flush(): Promise<void>;
  stop(): Promise<void>;
}

async function startClients(server: TestServer): Promise<Clients> {
  const nc = await server.connect('clients');
  const faces = await Promise.all([0, 1, 2, 3, 4].map(faceOf));
  const asked: Asked[] = [];
  const failures: string[] = [];
  let isOver = false;
  const attempt = async (face: Uint8Array) => {
    const reply = await nc.request(inferSubject(MODEL, 'identify'), face, { timeout: ATTEMPT_MS });
    const { release, error } = reply.json<{ release: number; error?: { message: string } }>();
    if (error) throw new Error(error.message);
    return release;
  };
  const client = async (index: number) => {
    for (let i = index; !isOver; i++) {
      const face = faces[i % faces.length]!;
      let retried = false;
      const retry = () => {
        retried = true;
        return attempt(face);
      };
      await attempt(face)
        .catch(retry)
        .then(
          (release) => asked.push({ release, retried }),
          (error: unknown) => failures.push(String(error)),
        );
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  const stop = async () => {
    isOver = true;
    await clients;
  };
  return { asked, failures, flush: () => nc.flush(), stop };
}

/** Resolves when the run has come to the state, or is past it. */
const reaching = ({ events }: Saga, runId: string, state: string) =>
  until(
    () =>
      events.some(
        ({ subject, envelope }) =>
          subject === pipelineEventSubject('advanced', runId) &&
          PipelineEventSchema.parse(envelope.data).state === state,
      ),
    `${runId} in ${state}`,
  );

async function night(saga: Saga, runId: string, at: (state: string) => void): Promise<void> {
  await saga.bus.publish(CTL.pipelineStart, { model: MODEL, runId }, { id: `${runId}.start` });
  for (const state of ['deploying.preparing', 'deploying.committing']) {
    await reaching(saga, runId, state);
    at(state);
  }
  await saga.event(pipelineEventSubject('completed', runId));
}

test('replicas: kill -9 of one of three in the middle of a swap under load fails no client that tries once more', () =>
  withFolder((cwd) =>
    withServer(async (server) => {
      const blobs = createBlobStore(await server.connect('blobs'));
      const works = tinyWorks(blobs, (runId) => ({ seed: Number(runId.slice(1)) }));
      const options = { cwd, env: { NATS_URL: server.url, NIGHTSHIFT_LOG_LEVEL: 'warn' } };
      await writeFile(join(cwd, 'nightshift.config.json'), JSON.stringify({ models: { [MODEL]: pipeline } }));
      const withReplica = (use: (replica: CliProcess) => Promise<void>) =>
        withCli(['actor', 'inference'], options, use);
      await withSaga(server, { works, pipeline, replica: false }, (saga) =>
        withReplica((doomed) =>
          withReplica((second) =>
            withReplica(async () => {
              const replicas = await createReplicaStore(saga.nc);
              const live = async () => (await replicas.list(MODEL)).length;
              await until(async () => (await live()) === REPLICAS, 'all replicas live');
              await night(saga, 'n1', () => {});
              const clients = await startClients(server);
              await until(() => clients.asked.length > 50, 'steady load');
              // One dies while it prepares, another one while all switch; with the second, `replicasMin` no longer holds
              // until a replacement has come.
              await night(saga, 'n2', (state) => state === 'deploying.preparing' && doomed.kill('SIGKILL'));
              await withReplica(async () => {
                await until(async () => (await live()) === REPLICAS, 'a replacement lives');
                // All clients may have been waiting for the dead one, for as long as an attempt takes.
                await until(() => clients.asked.some(({ release }) => release === 2), 'answers of the second release');
                await night(saga, 'n3', (state) => state === 'deploying.committing' && second.kill('SIGKILL'));
                await saga.event(modelDeployedSubject(MODEL), ({ envelope }) => envelope.id.startsWith('n3'));
                await clients.flush();
                const before = clients.asked.length;
                await until(() => clients.asked.length > before + 50, 'load after the last swap');
                await clients.stop();
                assert.equal(clients.failures, []);
                const seen = [...new Set(clients.asked.map(({ release }) => release))].sort((a, b) => a - b);
                assert.equal(seen, [1, 2, 3]);
                assert.equal([...new Set(clients.asked.slice(before).map(({ release }) => release))], [3]);
                await until(async () => (await live()) === REPLICAS - 1, 'the dead replica is gone from the list');
                const retried = clients.asked.filter((it) => it.retried).length;
                console.log(`${clients.asked.length} requests answered, ${retried} of them at the second attempt`);
              });
            }),
          ),
        ),
      );
    }),
  ));

test.run();
