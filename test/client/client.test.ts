/** The client on real replicas: processes that are stopped, releases that change, answers that do not fit. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as due } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, createClient } from '../../client/client.ts';
import { connect as connectNats, type Msg } from 'nats';
import { inferSubject } from '../../contracts/subjects.ts';
import { startProcess } from '../../runtime/processes.ts';
import { failureOf } from '../support/failures.ts';
import { withFolder } from '../support/folder.ts';
import { withOwnServer } from '../support/own-server.ts';
import { ask, faceOf, MODEL, withReplicas, type ReplicaTest } from '../support/replicas.ts';
import { withServer } from '../support/server.ts';
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

test('client: what it demands of an answer stands in the headers that replicas and canaries read', () =>
  withServer(async ({ connect: connected }) => {
    const [replica, nc] = [await connected('replica'), await connected('client')];
    let heard: Msg | null = null;
    replica.subscribe(inferSubject(MODEL, '*' as 'verify'), {
      callback: (_, message) => {
        heard = message;
        const distances = { people: [], score: 0.9, threshold: 0.5, matched: true, person: 'p0' };
        message.respond(JSON.stringify({ release: 7, replica: 'r1', ...distances }));
      },
    });
    await replica.flush();
    const demands = { key: 'door 4', minRelease: 3, minEnrolment: 5, input: 'pixels' as const };
    await createClient(nc, { model: MODEL })
      .verify('p0', new Uint8Array([1]), demands)
      .catch(() => {});
    const of = (name: string) => (heard as Msg | null)?.headers?.get(name);
    assert.equal(
      [
        'Nightshift-Key',
        'Nightshift-Min-Release',
        'Nightshift-Min-Enrolment',
        'Nightshift-Input',
        'Nightshift-Person',
      ].map(of),
      ['door 4', '3', '5', 'pixels', 'p0'],
    );
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

test('client: where all replicas are slow, few requests are sent twice', () =>
  withServer(async ({ connect: open, url }) => {
    const [replica, face] = [await open('slow'), await faceOf(1)];
    const waiting: Msg[] = [];
    replica.subscribe(`${inferSubject(MODEL, 'embed')}.>`, { callback: (_, message) => void waiting.push(message) });
    replica.subscribe(inferSubject(MODEL, 'embed'), { callback: (_, message) => void waiting.push(message) });
    await replica.flush();
    const client = await connect({ servers: url, model: MODEL, deadlineMs: 10_000 });
    const asked = Array.from({ length: ASKED }, () => client.embed(face));
    // Longer than a client waits for one replica; the length of the wait is what is tested.
    await due(4 * SILENT_MS);
    const sent = waiting.length;
    const reply = JSON.stringify({
      release: 1,
      modelDigest: `sha256:${'0'.repeat(64)}`,
      replica: 'r1',
      embedding: [1],
    });
    waiting.forEach((message) => message.respond(reply));
    await Promise.all(asked);
    await client.close();
    assert.ok(sent <= ASKED * 1.1 + 10, `${sent} sent for ${ASKED}`);
  }));

/** Before a client has a 99th percentile of its own: four times that with which it begins. */
const SILENT_MS = 1_000;
const ASKED = 100;

test('client: one replica alone is not asked a second time, the one of two is', () =>
  withServer(async ({ connect: open, url }) => {
    const [server, face] = [await open('replicas'), await faceOf(1)];
    const subject = inferSubject(MODEL, 'embed');
    const answer = (message: Msg, replica: string) =>
      message.respond(
        JSON.stringify({ ...{ release: 1, replica, embedding: [1] }, modelDigest: `sha256:${'0'.repeat(64)}` }),
      );
    let hear = (message: Msg) => void answer(message, 'r1');
    let heard = 0;
    const callback = (_: Error | null, message: Msg) => {
      heard += 1;
      hear(message);
    };
    for (const of of [subject, `${subject}.>`]) server.subscribe(of, { callback });
    await server.flush();
    const client = await connect({ servers: url, model: MODEL, deadlineMs: 10_000 });
    // Enough for a 99th percentile of its own.
    for (let asked = 0; asked < 32; asked++) await client.embed(face);
    heard = 0;
    // Later than the 99th percentile, and sooner than a client takes a replica for silent.
    hear = (message) => void due(SLOW_MS).then(() => answer(message, 'r1'));
    await client.embed(face);
    assert.equal([heard, client.statistics().hedged], [1, 0]);
    hear = (message) => void answer(message, 'r2');
    await client.embed(face);
    hear = () => {
      hear = (second) => void answer(second, 'r2');
    };
    await client.embed(face);
    const { hedged, retried } = client.statistics();
    assert.is(hedged + retried, 1);
    await client.close();
  }));

const SLOW_MS = 200;

test('client: a login that may not ask at all hears so at once, one that may not ask by name is answered', () =>
  withFolder(async (folder) => {
    const asks = (subjects: string) => `publish: { allow: [${subjects}] }, subscribe: "_INBOX.>"`;
    const users = [
      `{ user: replica, password: x }`,
      `{ user: nobody, password: x, permissions: { ${asks('"other"')} } }`,
      `{ user: plain, password: x, permissions: { ${asks(`"${inferSubject(MODEL, 'embed')}"`)} } }`,
    ];
    await withOwnServer(folder, `authorization { users: [${users.join(', ')}] }`, async ({ address }) => {
      const as = (user: string) => connect({ servers: address, user, pass: 'x', model: MODEL, deadlineMs: 4_000 });
      const replica = await connectNats({ servers: address, user: 'replica', pass: 'x' });
      const reply = { release: 1, modelDigest: `sha256:${'0'.repeat(64)}`, replica: 'r1', embedding: [1] };
      let asked = 0;
      replica.subscribe(inferSubject(MODEL, 'embed'), {
        // Silent at first, so that the client tries it by its name.
        callback: (_, message) => void (++asked % 3 !== 2 && message.respond(JSON.stringify(reply))),
      });
      await replica.flush();
      const [nobody, plain] = await Promise.all([as('nobody'), as('plain')]);
      const startedAtMs = performance.now();
      const { code } = await failureOf(nobody.embed(await faceOf(1)));
      assert.equal([code, performance.now() - startedAtMs < 2_000], ['PERMISSION_DENIED', true]);
      for (let turn = 0; turn < 3; turn++) assert.is((await plain.embed(await faceOf(1))).replica, 'r1');
      assert.ok(plain.statistics().hedged + plain.statistics().retried > 0);
      await Promise.all([nobody.close(), plain.close(), replica.close()]);
    });
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
