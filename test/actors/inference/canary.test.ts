/** A canary on real replicas: the requests that it answers, its figures, and the outcome of its failures. */
import { headers } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DecisionInForce } from '../../../contracts/decision.ts';
import { inferSubject } from '../../../contracts/subjects.ts';
import { announce, commit, startCanary, withdraw } from '../../../services/deployment/records.ts';
import { isChosen } from '../../../services/deployment/canary.ts';
import { seeProcesses } from '../../support/host-processes.ts';
import { faceOf, MODEL, statusOf, withReplicas, type ReplicaTest } from '../../support/replicas.ts';
import { storeTinyPair } from '../../support/tiny-data.ts';
import { until } from '../../support/wait.ts';

const SHARE = 0.5;
const KEY = 'Nightshift-Key';
const KEYS = Array.from({ length: 20 }, (_, index) => `door-${index}`);
const CHOSEN = KEYS.filter((key) => isChosen('run2', SHARE, key));

interface Reply {
  readonly release: number;
  readonly modelDigest: string;
  readonly canary?: string;
  readonly threshold: number;
  readonly decision: DecisionInForce;
}

async function ask({ nc }: ReplicaTest, key: string): Promise<Reply> {
  const meta = headers();
  meta.set(KEY, key);
  const reply = await nc.request(inferSubject(MODEL, 'identify'), await faceOf(1), { headers: meta, timeout: 15_000 });
  const body = reply.json<Reply & { error?: object }>();
  assert.is(body.error, undefined, reply.string());
  return body;
}

/** Keys whose reply came from the candidate. */
async function answeredByCandidate(context: ReplicaTest): Promise<string[]> {
  const replies = await Promise.all(KEYS.map(async (key) => ({ key, ...(await ask(context, key)) })));
  return replies.filter(({ canary }) => canary !== undefined).map(({ key }) => key);
}

/** Release 1 in service, and the candidate of run 2 a canary on every replica. */
async function startCanaryOf2(context: ReplicaTest) {
  const { current } = await context.deploy({ runId: 'run1', seed: 1, threshold: 0.8 });
  const pair = await storeTinyPair(context.blobs, { runId: 'run2', seed: 2, threshold: 0.7 });
  await context.change((record) => announce(record, pair, 'run2', MODEL));
  const every = (holds: (status: NonNullable<Awaited<ReturnType<typeof statusOf>>>) => boolean, what: string) =>
    until(async () => (await context.replicas.list(MODEL)).every(holds), what);
  await every(({ prepared }) => prepared?.runId === 'run2', 'prepared');
  assert.equal(await answeredByCandidate(context), [], 'prepared is no canary yet');
  await context.change((record) => startCanary(record!, 'run2', { share: SHARE, keyHeader: KEY }));
  await every(({ canary }) => canary?.runId === 'run2', 'a canary');
  return { champion: current!.model.digest, candidate: pair.model.digest, every };
}

test('canary: the same keys are answered by the candidate on every replica, replies say so, and both are counted', () =>
  withReplicas(async (context) => {
    const replicas = [await context.start('r1'), await context.start('r2')];
    const { champion, candidate, every } = await startCanaryOf2(context);
    assert.ok(CHOSEN.length > 3 && CHOSEN.length < 17);
    for (let round = 0; round < 3; round++) assert.equal(await answeredByCandidate(context), CHOSEN);
    const chosen = await ask(context, CHOSEN[0]!);
    assert.equal([chosen.release, chosen.modelDigest, chosen.canary], [1, candidate, 'run2']);
    const rest = await ask(
      context,
      KEYS.find((key) => !CHOSEN.includes(key))!,
    );
    assert.equal([rest.release, rest.modelDigest, rest.canary], [1, champion, undefined]);
    assert.equal([chosen.threshold, chosen.decision.verify.threshold], [0.7, 0.7], 'by its own decision');
    assert.equal([rest.threshold, rest.decision.verify.threshold], [0.8, 0.8]);
    assert.is(replicas[0]!.status().decision?.identify.threshold, 0.8, 'the heartbeat is of the release in service');
    const counted = replicas.map((replica) => replica.status().canary?.figures);
    assert.is(
      counted.reduce((sum, figures) => sum + (figures?.requests ?? 0), 0),
      CHOSEN.length * 3 + 1,
    );
    assert.ok(counted.every((figures) => !figures?.requests || figures.scores?.count === figures.requests));

    const record = await context.change((before) => commit(before!, 'run2', new Date()));
    await every(({ release, draining }) => release === record.current!.release && !draining, 'switched');
    assert.equal(await answeredByCandidate(context), []);
    assert.equal([(await ask(context, CHOSEN[0]!)).release, replicas[0]!.status().canary], [2, null]);
  }));

test('canary: its failures are answered by the release in service and counted against it; withdrawn, it is gone', () =>
  withReplicas(async (context) => {
    let isBroken = false;
    // The second process is the candidate's; broken, it refuses everything.
    const processes = seeProcesses((host, index) =>
      index === 1 ? { ...host, run: (...images) => (isBroken ? broken() : host.run(...images)) } : host,
    );
    const replica = await context.start('r1', { processes });
    const { champion, every } = await startCanaryOf2(context);
    isBroken = true;
    for (const key of CHOSEN) {
      const reply = await ask(context, key);
      assert.equal([reply.modelDigest, reply.canary], [champion, undefined]);
    }
    const { canary, figures } = replica.status();
    assert.equal([canary?.figures.failed, figures.failed], [CHOSEN.length, 0]);
    await context.change((record) => withdraw(record!, 'run2'));
    await every((status) => status.canary === null, 'withdrawn');
    await until(() => replica.status().resident.length === 1, 'and out of memory');
  }));

const broken = () => Promise.reject(new Error('a canary that sings no more'));

test.run();
