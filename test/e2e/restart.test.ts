/** A system that is started again on its store, after a graceful stop and after kill -9, serves what it served. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Release } from '../../contracts/release.ts';
import { CONFIG_FILE, ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { assertServes, deployTinyChampion } from '../support/champion.ts';
import { goneWith, isListening, serverOf, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withRoles, type Started } from '../support/identities.ts';
import { ask, faceOf, MODEL } from '../support/replicas.ts';
import { testLogger } from '../support/server.ts';
import { until } from '../support/wait.ts';

/** Nothing is collected here, so the source need not exist. */
const configOf = (storeDir: string) => ({
  nats: { storeDir, port: 0 },
  log: { level: 'warn' },
  inference: { replicas: 2 },
  models: { [MODEL]: { sources: [{ type: 'directory', name: 'faces', path: 'faces' }] } },
});

/** As a night would have left it: the verifier stores the pair, the orchestrator puts it into service. */
const deploy = (started: Started) =>
  withRoles(started, ['orchestrator', 'verifier'], ({ orchestrator, verifier }) =>
    deployTinyChampion(orchestrator.nc, { verifier: verifier.nc, store: started.storeDir }).then(
      ({ champion }) => champion,
    ),
  );

/** Asks until there is an answer; `since` is what performance.now() was at the start of the system. */
async function serves(started: Started, champion: Release, since: number, how: string): Promise<void> {
  await withRoles(started, ['door'], async ({ door: { nc } }) => {
    const face = await faceOf(0);
    // Before the replica has taken up its release nobody listens, and a request fails at once.
    const isAnswered = async () => (await ask(nc, 'identify', face).catch(() => null))?.status === 200;
    await until(isAnswered, 'the first answer');
    console.log(`restart: first answer ${Math.round(performance.now() - since)} ms after ${how}`);
    await assertServes(nc, champion);
  });
}

test('restart: a system that was stopped serves the deployed release when it is started again', () =>
  withFolder(async (home) => {
    const storeDir = join(home, 'store');
    const config = ConfigSchema.parse(configOf(storeDir));
    const log = testLogger();
    const running = async <T>(use: (started: Started) => Promise<T>): Promise<T> => {
      const system = await startSystem(config, log);
      try {
        return await use({ url: system.server.url, storeDir });
      } finally {
        await system.stop();
      }
    };
    const champion = await running(deploy);
    const startedAt = performance.now();
    await running((started) => serves(started, champion, startedAt, 'startSystem()'));
  }));

test('restart: after kill -9 nothing is left of a system, and started again it serves the deployed release', () =>
  withFolder(async (cwd) => {
    await writeFile(join(cwd, CONFIG_FILE), JSON.stringify(configOf('store')));
    const start = <T>(use: (cli: CliProcess, started: Started) => Promise<T>) =>
      withCli(['start'], { cwd }, async (cli) => use(cli, { url: await serverOf(cli), storeDir: join(cwd, 'store') }));

    const champion = await start(async (cli, started) => {
      const champion = await deploy(started);
      assert.ok(
        cli.alive().some((command) => command.includes('nats-server')),
        cli.alive().join('\n'),
      );
      cli.kill('SIGKILL');
      assert.is((await cli.exited).signal, 'SIGKILL');
      await goneWith(cli);
      assert.not.ok(await isListening(started.url));
      return champion;
    });
    const startedAt = performance.now();
    await start((_, started) => serves(started, champion, startedAt, 'node cli/nightshift.mjs start'));
  }));

test.run();
