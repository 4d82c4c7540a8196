/**
 * A colleague's stray `nightshift start` at the server of production: what production's models are, its schedule and its next
 * run stay as they were, no other faces appear, and both sides say what happened.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunEnd } from '../../cli/follow.ts';
import type { ModelStatus, ScheduleStatus } from '../../contracts/api.ts';
import type { ConfigRevision } from '../../contracts/configuration/record.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { runCli, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { MODEL } from '../support/replicas.ts';
import { withServer } from '../support/server.ts';
import { tinyNightIn } from '../support/tiny-night.ts';

interface Production {
  readonly folder: string;
  readonly url: string;
  readonly system: CliProcess;
  json<T>(...args: string[]): Promise<T>;
}

const withProduction = (use: (production: Production) => Promise<void>) =>
  withFolder((folder) =>
    withServer(async ({ url }) => {
      const face = { ...(await tinyNightIn(folder)), schedule: { cron: '0 2 * * *' } };
      const env = { NATS_URL: url };
      await writeFile(join(folder, CONFIG_FILE), JSON.stringify({ models: { [MODEL]: face }, log: { level: 'info' } }));
      await withCli(['start'], { cwd: folder, env }, async (system) => {
        await system.printed(
          /collector waits and takes no work: no model is configured .*nightshift apply -f \S+config\.json/,
        );
        await system.printed(/Nightshift is up/);
        const applied = await runCli(['apply', '-f', CONFIG_FILE, '--yes'], { cwd: folder, env });
        assert.is(applied.code, 0, applied.stderr + system.output());
        for (const actor of ['collector', 'trainer', 'verifier']) {
          await system.printed(new RegExp(`${actor}: the configuration file fits to what is applied now`));
        }
        const json = async <T>(...args: string[]) => {
          const { code, stdout, stderr } = await runCli([...args, '--json'], { cwd: folder, env });
          assert.is(code, 0, stderr + system.output());
          return JSON.parse(stdout) as T;
        };
        await use({ folder, url, system, json });
        system.kill('SIGINT');
        await system.exited;
      });
    }),
  );

const stateOf = async ({ json }: Production) => ({
  history: (await json<{ revisions: ConfigRevision[] }>('config', 'history')).revisions,
  schedules: (await json<{ schedules: ScheduleStatus[] }>('schedule')).schedules,
});

/** The people whom a night has collected. */
async function peopleOf({ json }: Production): Promise<number> {
  const { fact, runId, failure } = await json<RunEnd>('run', MODEL, '--force');
  assert.is(fact, 'completed', `${failure?.code} ${failure?.message}`);
  const { context } = await json<{ context: { pipeline: { training: { epochs: number } } } }>('run', 'show', runId);
  assert.is(context.pipeline.training.epochs, 1);
  const { models } = await json<{ models: ModelStatus[] }>('status');
  const [status] = models;
  assert.equal([models.length, status?.deployment?.current?.runId], [1, runId]);
  const people = new Set(status?.replicas.map(({ decision }) => decision?.people));
  assert.is(people.size, 1, JSON.stringify(status));
  return [...people][0] ?? 0;
}

test('a stray start: one without a configuration ends with words, and joins nothing', () =>
  withProduction(async (production) => {
    const before = await stateOf(production);
    await withFolder(async (cwd) => {
      const { code, stderr } = await runCli(['start'], { cwd, env: { NATS_URL: production.url } });
      assert.is(code, 2);
      assert.match(stderr, /has no model and nothing that one names, .* the system of somebody may run/);
    });
    assert.equal(await stateOf(production), before);
  }));

test('a stray start: one with other faces under the same names takes no work, and production hears of it', () =>
  withProduction(async (production) => {
    const before = await stateOf(production);
    await withFolder(async (cwd) => {
      await mkdir(join(cwd, 'synthetic'));
      await writeTinyPeople(join(cwd, 'synthetic'), 3, 5);
      const sources = [{ type: 'directory', name: 'people', path: join(cwd, 'synthetic') }];
      const face = { ...(await tinyNightIn(cwd)), sources, training: { epochs: 9 } };
      await writeFile(join(cwd, CONFIG_FILE), JSON.stringify({ models: { [MODEL]: face } }));
      await withCli(['start'], { cwd, env: { NATS_URL: production.url } }, async (stray) => {
        for (const actor of ['collector', 'trainer', 'verifier']) {
          const other = 'models\\.face\\.sources\\.people is another in this file than in the applied revision 1';
          await stray.printed(new RegExp(`${actor} waits and takes no work: ${other}`));
          await production.system.printed(
            new RegExp(`"worker":"${actor}"[^\\n]*takes no work: its file is not of this system`),
          );
        }
        await stray.printed(/Nightshift is up/);
        assert.is(await peopleOf(production), 6);
        assert.equal(await stateOf(production), before);
        stray.kill('SIGINT');
        assert.is((await stray.exited).code, 0);
      });
    });
    assert.equal(await stateOf(production), before);
  }));

test.run();
