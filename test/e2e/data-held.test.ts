/**
 * Nights whose data is not to be believed, by the whole system: one of two sources answers with an empty page, or gives
 * fewer than it announces. Nothing is trained on it, and the model in service stays.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompletedSchemas } from '../../contracts/messages.ts';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import type { SheetDiff } from '../../services/data/sheet-diff.ts';
import { listPeople } from '../../services/data/people-folder.ts';
import { runCli } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { connectAs } from '../support/identities.ts';
import { LENIENT_GATES, lenientIn } from '../support/lenient.ts';
import { runNight } from '../support/nights.ts';
import { withHttp } from '../support/page-server.ts';
import { MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { until } from '../support/wait.ts';

/** All samples of a folder in one page, under other names. */
async function pageOf(folder: string): Promise<object[]> {
  const people = await listPeople(folder);
  const samples = people.flatMap(({ label, files }) => files.map((file) => ({ label: `helper ${label}`, file })));
  return Promise.all(
    samples.map(async ({ label, file }, at) => ({
      ...{ id: `h${at}`, label },
      image: (await readFile(file)).toString('base64'),
    })),
  );
}

test('a source that answers with an empty page, or with a part of what it announces, holds the night', () =>
  withFolder(async (home) => {
    await writeTinyPeople(join(home, 'doors'), 4, 6);
    await writeTinyPeople(join(home, 'helper'), 8, 6);
    // One bad item is one bad item.
    await symlink('/nowhere.png', join(home, 'doors', 'p0', 'gone.png'));
    execFileSync('mkfifo', [join(home, 'doors', 'p0', 'pipe.png')]);
    await mkdir(join(home, 'doors', 'p1', 'notes'));
    // The tiny people of both folders have the same pictures: the helper's are those beyond the first four.
    const all = (await pageOf(join(home, 'helper'))).slice(4 * 6);
    let given = { samples: all, total: all.length };
    await withHttp(
      (_, response) => response.end(JSON.stringify({ ...given, nextCursor: null })),
      async (url) => {
        const config = ConfigSchema.parse({
          nats: { storeDir: join(home, 'store'), port: 0 },
          models: {
            [MODEL]: {
              sources: [
                { type: 'directory', name: 'doors', path: join(home, 'doors') },
                { type: 'http', name: 'helper', url },
              ],
              ...(await lenientIn(home)),
              image: { width: 16, height: 16 },
              training: { net: [{ type: 'flatten' }, { type: 'dense', units: 16 }], epochs: 2, batchSize: 16 },
              verification: { gates: LENIENT_GATES, performanceRequests: 10 },
              deployment: { guardMs: 0 },
            },
          },
        });
        const { server, stop } = await startSystem(config, testLogger());
        const started = { url: server.url, storeDir: join(home, 'store') };
        const client = await connectAs('operator', started);
        const env = { NATS_URL: server.url, NIGHTSHIFT_STORE: started.storeDir };
        const cli = async (...args: string[]) => {
          const { code, stdout, stderr } = await runCli(args, { cwd: home, env });
          assert.is(code, 0, stderr);
          return stdout;
        };
        const held = async (runId: string) => {
          const ending = runNight(client.bus, runId);
          const state = async () => (JSON.parse(await cli('run', 'show', runId, '--json')) as { state: string }).state;
          await until(async () => (await state().catch(() => '')) === 'awaitingApproval', `${runId} to wait`);
          return { ending, text: await cli('run', 'show', runId) };
        };
        try {
          const first = await runNight(client.bus, 'first');
          assert.is(first.fact, 'completed', first.failure?.message);
          const { people, quarantined, findings } = CompletedSchemas.collect.parse(first.results.collect);
          assert.equal([people, quarantined, findings], [8, 2, undefined]);

          const blessed = await cli('data', 'show', 'first');
          assert.match(blessed, /judged by \d+; near copies: \d+\n/);
          assert.match(blessed, /most alike under two names: (doors|helper)? ?p\d and /);
          const { alike } = JSON.parse(await cli('data', 'show', 'first', '--json')) as { alike: unknown[] };
          assert.is(alike.length, 12);

          given = { samples: [], total: 0 };
          const empty = await held('empty');
          assert.match(empty.text, /held: source "helper" has 0 images and had 24: 100 % fewer/);
          assert.match(empty.text, /held: 4 of 8 people left: helper p4, helper p5, helper p6, helper p7/);
          const shown = await cli('data', 'show', 'empty');
          assert.match(shown, /hold: source "helper" has 0 images and had 24.*\(checks\.sourceShrank\)/);
          assert.not.match(shown, /most alike/, 'there is no verdict yet');
          assert.match(shown, /nobody came, 4 \(helper p4, .*\) left; images: 0 new, 24 gone/);
          const diff = JSON.parse(await cli('data', 'diff', 'first', 'empty', '--json')) as SheetDiff;
          assert.equal([diff.left.length, diff.images.gone, diff.images.added], [4, 24, 0]);
          assert.match(await cli('data', 'quarantine', 'empty'), /p0\/gone\.png.*unavailable[^]*2 in quarantine; none/);
          const { code, stderr } = await runCli(['data', 'quarantine', 'empty', '--image', '1'], { cwd: home, env });
          assert.is(code, 1);
          assert.match(stderr, /no picture 1 of empty: it could not be decoded.*"doors" has it as p0/);
          await cli('reject', 'empty', '--reason', 'the helper is ill');
          assert.is((await empty.ending).fact, 'rejected');

          given = { samples: all.slice(0, 20), total: all.length };
          const part = await held('part');
          assert.match(part.text, /held: source "helper" announced 24 samples and gave 20/);
          assert.match(await cli('approve', 'part'), /is approved and goes on/);
          assert.is((await part.ending).fact, 'completed');
        } finally {
          await client.close();
          await stop();
        }
      },
    );
  }));

test.run();
