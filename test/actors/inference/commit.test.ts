/** The promises to clients while several replicas switch: min-release, and no older reply after a commit is complete. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseData } from '../../../contracts/envelope.ts';
import { ReplicaSwitchedSchema } from '../../../contracts/messages.ts';
import { DeploymentConfigSchema } from '../../../contracts/configuration/deployment.ts';
import { replicaEventSubject } from '../../../contracts/subjects.ts';
import { announce, commit } from '../../../services/deployment/records.ts';
import { createHotSwap } from '../../../services/deployment/hot-swap.ts';
import { more, startLoad } from '../../support/load.ts';
import { ask, busOf, faceOf, MODEL, statusOf, withReplicas, type ReplicaTest } from '../../support/replicas.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

const CONFIG = DeploymentConfigSchema.parse({ replicasMin: 3 });

/** Commits the announced candidate and waits until the deployment strategy calls the commit complete. */
async function commitCompletely(context: ReplicaTest, runId: string) {
  const deployment = await context.change((record) => commit(record!, runId, new Date()));
  await until(async () => {
    const replicas = await context.replicas.list(MODEL);
    const observation = { runId, phase: 'committing' as const, deployment, replicas, windowOver: false };
    return createHotSwap().decide(observation, CONFIG).action === 'switched';
  }, `the commit of ${runId} is complete`);
  return deployment.current!.release;
}

async function prepare(context: ReplicaTest, runId: string, seed: number) {
  const pair = await storeTinyPair(context.blobs, { runId, seed });
  await context.change((record) => announce(record, pair, runId, MODEL));
  const isPrepared = async () =>
    (await context.replicas.list(MODEL)).every(({ prepared }) => prepared?.runId === runId && !prepared.refused);
  await until(isPrepared, `every replica has prepared ${runId}`);
}

test('commit: after it is complete no reply carries an older release, over three replicas under load', () =>
  withReplicas(async (context) => {
    for (const replicaId of ['r1', 'r2', 'r3']) await context.start(replicaId);
    await context.deploy({ runId: 'run1', seed: 1 });
    const load = await startLoad(context);
    for (const seed of [2, 3, 4, 5]) {
      await more(load, 30);
      await prepare(context, `run${seed}`, seed);
      const release = await commitCompletely(context, `run${seed}`);
      // After this the requests that the server handed out before have arrived.
      await load.flush();
      const before = load.answers.length;
      await more(load, 60);
      const late = load.answers
        .slice(before)
        .filter(({ status, body }) => status !== 200 || Number(body.release) < release);
      assert.equal(late, [], `older than release ${release}`);
    }
    await load.stop();
  }));

test('commit: each replica says when it switched, so that the skew between them can be told', () =>
  withReplicas(async (context) => {
    const moments: number[] = [];
    const bus = await busOf(context);
    bus.listen(replicaEventSubject('switched', 'run1'), ({ envelope }) => {
      const { switchedAtMs, monotonicUs } = parseData(ReplicaSwitchedSchema, envelope);
      assert.ok(Math.abs(switchedAtMs - Date.now()) < 600_000 && monotonicUs > 0);
      moments.push(monotonicUs);
    });
    await context.start('r1');
    await context.start('r2');
    await context.deploy({ runId: 'run1' });
    await until(() => moments.length === 2, 'both have said so');
    assert.ok(moments[0] !== moments[1]);
  }));

test('min-release: a request waits for the switch, and is never answered by an older release', () =>
  withReplicas(async (context) => {
    for (const replicaId of ['r1', 'r2', 'r3']) await context.start(replicaId);
    await context.deploy({ runId: 'run1', seed: 1 });
    await prepare(context, 'run2', 2);
    const face = await faceOf(1);
    /** Asks until it is answered, as a client may after NOT_READY. */
    const demanding = async () => {
      for (;;) {
        const answer = await ask(context.nc, 'identify', face, { minRelease: '2' });
        if (answer.status === 200) return answer;
        assert.match(answer.text, /^RELEASE_NOT_REACHED: release 1 is in service here, release 2 was demanded/);
      }
    };
    const asked = Array.from({ length: 12 }, demanding);
    await commitCompletely(context, 'run2');
    const answers = await Promise.all(asked);
    assert.equal([...new Set(answers.map(({ body }) => body.release))], [2]);
  }));

test('min-release: a release that does not come within the deadline is refused with the one that serves', () =>
  withReplicas(async (context) => {
    const replica = await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const face = await faceOf(1);
    const early = await ask(context.nc, 'identify', face, { minRelease: '99', deadlineMs: '50' });
    assert.is(early.status, 503);
    assert.match(early.text, /^RELEASE_NOT_REACHED: release 1 is in service here, release 99 was demanded/);
    assert.is((await ask(context.nc, 'identify', face, { minRelease: 'next' })).status, 400);
    assert.is((await ask(context.nc, 'identify', face, { minRelease: '1' })).status, 200);
    assert.is(replica.status().figures.failed, 0);
    assert.is((await statusOf(context, 'r1'))?.draining, false);
  }));

test.run();
