import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { seeProcesses } from '../../support/host-processes.ts';
import { releasesOf, more, startLoad } from '../../support/load.ts';
import { ask, faceOf, MODEL, withReplicas } from '../../support/replicas.ts';
import { until } from '../../support/wait.ts';

test('inference: deployments under load lose no request, and each reply is of one release', () =>
  withReplicas(async (context) => {
    const replicas = [await context.start('r1'), await context.start('r2')];
    const digests = new Map<number, string>();
    const note = ({ current }: Awaited<ReturnType<typeof context.deploy>>) =>
      digests.set(current!.release, current!.model.digest);
    note(await context.deploy({ runId: 'run1', seed: 1 }));
    const load = await startLoad(context);
    for (const seed of [2, 3, 4]) {
      await more(load, 50);
      note(await context.deploy({ runId: `run${seed}`, seed }));
    }
    await more(load, 50);
    const answers = await load.stop();
    assert.equal(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    assert.equal(releasesOf(answers), [1, 2, 3, 4]);
    for (const { body } of answers) assert.is(body.modelDigest, digests.get(Number(body.release)));
    for (const replica of replicas) {
      const { swapUs, figures } = replica.status();
      assert.ok(swapUs !== null && swapUs < 1000, `the swap took ${swapUs} us`);
      assert.is(figures.failed, 0);
    }
  }));

test('inference: a replica that starts again converges on the stored record, and takes no request before', () =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1', seed: 1 });
    await context.deploy({ runId: 'run2', seed: 2 });
    const load = await startLoad(context);
    const late = await context.start('r2');
    await until(() => late.status().resident.length === 2, 'current and previous are resident');
    assert.is(late.status().release, 2);
    await until(() => late.status().figures.requests > 10, 'it takes its share');
    const answers = await load.stop();
    assert.equal(
      answers.filter(({ status }) => status !== 200),
      [],
    );
  }));

test('inference: a replica that stops answers what it took, and says goodbye', () =>
  withReplicas(async (context) => {
    const [leaving, staying] = [await context.start('r1'), await context.start('r2')];
    await context.deploy({ runId: 'run1' });
    const load = await startLoad(context);
    await more(load, 50);
    await leaving.stop();
    const live = await context.replicas.list(MODEL);
    assert.equal(
      live.map(({ replicaId }) => replicaId),
      ['r2'],
    );
    await more(load, 50);
    const answers = await load.stop();
    assert.equal(
      answers.filter(({ status }) => status !== 200),
      [],
    );
    assert.ok(staying.status().figures.requests > 0);
  }));

/** How a process of a model host is lost: killed, it dies at once; stopped, it never answers again. */
for (const [signal, what] of [
  ['SIGKILL', 'dies'],
  ['SIGSTOP', 'hangs'],
] as const) {
  test(`inference: a model host that ${what} under load is replaced, and no request is lost`, () =>
    withReplicas(async (context) => {
      const processes = seeProcesses();
      const replica = await context.start('r1', { processes });
      await context.deploy({ runId: 'run1' });
      const load = await startLoad(context);
      await more(load, 50);
      process.kill(processes.taken[0]!.pid, signal);
      await until(() => replica.status().hosts?.replaced === 1, 'the loss is noticed');
      await more(load, 50);
      const answers = await load.stop();
      assert.equal(
        answers.filter(({ status }) => status !== 200),
        [],
      );
      assert.equal(releasesOf(answers), [1]);
      const { figures, resident, hosts } = replica.status();
      assert.equal([figures.failed, figures.requests], [0, answers.length]);
      assert.is(resident.length, 1);
      assert.ok(hosts!.imagesRetried > 0 || signal === 'SIGKILL', 'who hangs, hangs with a request');
    }));
}

test('inference: more requests than it can hold are refused with 429, the others are answered', () =>
  withReplicas(async (context) => {
    const config = { queueMax: 2, batchMax: 2, threads: 1 };
    const replica = await context.start('r1', { config });
    await context.deploy({ runId: 'run1', work: 200 });
    const face = await faceOf(1);
    const answers = await Promise.all(Array.from({ length: 30 }, () => ask(context.nc, 'identify', face)));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0);
    assert.match(refused[0]!.text, /^OVERLOADED/);
    assert.ok(refused.every(({ retryAfterMs }) => retryAfterMs !== null && retryAfterMs >= 1));
    assert.is(answers.filter(({ status }) => status === 200).length, 30 - refused.length);
    assert.is(replica.status().figures.failed, refused.length);
  }));

test.run();
