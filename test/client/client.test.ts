/** The client on real replicas: processes that are stopped, releases that change, answers that do not fit. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as due } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, createClient } from '../../client/client.ts';
import { inferSubject } from '../../contracts/subjects.ts';
import { startProcess } from '../../runtime/processes.ts';
import { failureOf } from '../support/failures.ts';
import { ask, faceOf, MODEL, withReplicas, type ReplicaTest } from '../support/replicas.ts';
import type { ReplicaOrder } from '../support/replica.process.ts';
import { until } from '../support/wait.ts';

async function withProcesses(context: ReplicaTest, count: number, use: (of: ChildProcess[]) => Promise<void>) {
  const processes = Array.from({ length: count }, () => startProcess('test/support/replica.process'));
  const ended = processes.map((child) => once(child, 'exit'));
  try {
    await Promise.all(
      processes.map((child, index) => {
        const order: ReplicaOrder = { url: context.test.url, model: MODEL, replicaId: `r${index}` };
        child.send(order);
        return once(child, 'message');
      }),
    );
    await use(processes);
  } finally {
    for (const child of processes) child.kill('SIGKILL');
    await Promise.all(ended);
  }
}

const STORY = { requests: 840, everyMs: 10.7, stopAt: 80, answerMs: 2_000 };

/** Sends on time, whether or not earlier ones were answered; how many were not answered in time. */
async function lostOf(
  story: typeof STORY,
  send: () => Promise<unknown>,
  onSent: (sent: number) => void,
): Promise<number> {
  const startedAtMs = performance.now();
  const all: Promise<number>[] = [];
  for (let sent = 0; sent < story.requests; sent++) {
    await due(Math.max(0, startedAtMs + sent * story.everyMs - performance.now()));
    all.push(send().then(() => 0, () => 1)); // prettier-ignore
    onSent(sent);
  }
  return (await Promise.all(all)).reduce((sum, lost) => sum + lost, 0);
}

test('client: of three replicas one is stopped for nine seconds: a bare client loses requests, this one none', () =>
  withReplicas((context) =>
    withProcesses(context, 3, async (processes) => {
      await context.deploy({ runId: 'run1' });
      const face = await faceOf(1);
      const bare = await context.test.connect('bare');
      const client = await connect({ servers: context.test.url, model: MODEL, deadlineMs: STORY.answerMs });
      const stop = (sent: number) => void (sent === STORY.stopAt && processes[0]!.kill('SIGSTOP'));
      const [lostBare, lost] = await Promise.all([
        lostOf(STORY, () => bare.request(inferSubject(MODEL, 'identify'), face, { timeout: STORY.answerMs }), stop),
        lostOf(STORY, () => client.identify(face), () => {}), // prettier-ignore
      ]);
      processes[0]!.kill('SIGCONT');
      const { requests, hedged, retried } = client.statistics();
      const told = `lost ${lostBare} by a bare client, ${lost} by ours of ${requests}: ${hedged} hedged, ${retried} retried`;
      if (process.env['NIGHTSHIFT_FIGURES']) console.log(told);
      assert.ok(lostBare > 10, told);
      assert.is(lost, 0, told);
      assert.ok(hedged <= requests * 0.1 + 10, told);
      await client.close();
    }),
  ));

test('client: identify, verify and embed answer; each reply names release and replica', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const face = await faceOf(1);
    const client = createClient(context.nc, { model: MODEL });
    const found = await client.identify(face);
    assert.equal([found.release, found.replica, found.stale], [1, 'r1', undefined]);
    assert.type((await client.verify('p1', face)).match, 'boolean');
    assert.ok((await client.embed(face)).embedding.length > 0);
    assert.equal([client.statistics().requests, client.statistics().release], [3, 1]);
  }));

test('client: what the caller has done wrong is refused at once, with a code', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    const client = createClient(context.nc, { model: MODEL });
    const face = await faceOf(1);
    const codes = await Promise.all(
      [
        client.identify(new Uint8Array(0)),
        client.identify(new Uint8Array(9 * 1024 * 1024)),
        client.identify(face, { deadlineMs: -1 }),
        client.verify(' ', face),
        client.verify('nobody', face),
        client.identify(Buffer.from('no picture')),
        client.identify(face, { minRelease: 9, deadlineMs: 2_000 }),
      ].map(async (asked) => (await failureOf(asked)).code),
    );
    assert.equal(codes, [
      'REQUEST_INVALID',
      'IMAGE_TOO_LARGE',
      'REQUEST_INVALID',
      'REQUEST_INVALID',
      'PERSON_UNKNOWN',
      'IMAGE_UNREADABLE',
      'RELEASE_NOT_REACHED',
    ]);
    assert.throws(() => createClient(context.nc, { model: 'no token' }), /model/);
    assert.is(client.statistics().retried > 0, true, 'a release that is not there yet is looked for elsewhere');
  }));

test('client: an older answer than one before is not taken, over any number of releases', () =>
  withReplicas(async (context) => {
    await Promise.all(['r1', 'r2'].map((name) => context.start(name)));
    await context.deploy({ runId: 'run1', seed: 1 });
    const client = createClient(context.nc, { model: MODEL });
    const face = await faceOf(1);
    const releases: number[] = [];
    let isOver = false;
    const lane = async () => {
      while (!isOver) {
        const before = client.statistics().release;
        const { release } = await client.identify(face);
        assert.ok(release >= before, `${release} after ${before}`);
        releases.push(release);
      }
    };
    const lanes = Promise.all([lane(), lane(), lane()]);
    for (const seed of [2, 3]) await context.deploy({ runId: `run${seed}`, seed });
    await until(() => releases.includes(3), 'the last one answers');
    isOver = true;
    await lanes;
    assert.equal(new Set(releases), new Set([1, 2, 3]));
  }));

test('client: a full replica is asked again after the time that it names, and an abort ends the wait', () =>
  withReplicas(async (context) => {
    await context.start('r1', { config: { queueMax: 1, batchMax: 1, threads: 1 } });
    await context.deploy({ runId: 'run1', work: 100 });
    const face = await faceOf(1);
    const client = createClient(context.nc, { model: MODEL });
    const flood = Promise.all(Array.from({ length: 4 }, () => ask(context.nc, 'embed', face)));
    const reply = await client.identify(face).catch((error: { code: string }) => error.code);
    assert.ok(reply === 'OVERLOADED' || typeof reply === 'object');
    assert.ok(client.statistics().requests === 1);
    await flood;
    const controller = new AbortController();
    const asked = client.identify(face, { signal: controller.signal, minRelease: 5 });
    controller.abort(new Error('the door is shut'));
    assert.match(await asked.then(() => 'answered', String), 'the door is shut');
  }));

test('client: without any replica it says so at its deadline', () =>
  withReplicas(async ({ nc }) => {
    const client = createClient(nc, { model: MODEL, deadlineMs: 400 });
    const failure = await failureOf(client.identify(await faceOf(1)));
    assert.equal([failure.code, failure.retryable], ['NATS_UNAVAILABLE', true]);
    assert.match(failure.message, 'no replica listens there');
    assert.ok(client.statistics().retried >= 2);
  }));

test.run();
