/** A system that is started again on its store, after a graceful stop and after kill -9, serves what it served. */
import { readdirSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BUCKETS } from '../../contracts/subjects.ts';
import { DeploymentSchema, type Release } from '../../contracts/release.ts';
import { CONFIG_FILE, ConfigSchema } from '../../infra/config/config.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { readTrust } from '../../services/signing/key-folder.ts';
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

/** Starts a system on the store for as long as it is used. */
const runningOn =
  (storeDir: string) =>
  async <T>(use: (started: Started) => Promise<T>): Promise<T> => {
    const system = await startSystem(ConfigSchema.parse(configOf(storeDir)), testLogger());
    try {
      return await use({ url: system.server.url, storeDir });
    } finally {
      await system.stop();
    }
  };

test('restart: a system that was stopped serves the deployed release when it is started again', () =>
  withFolder(async (home) => {
    const storeDir = join(home, 'store');
    const running = runningOn(storeDir);
    const champion = await running(deploy);
    const startedAt = performance.now();
    await running((started) => serves(started, champion, startedAt, 'startSystem()'));
  }));

test('restart: a store of before the keys goes on serving, and is signed from then on', () =>
  withFolder(async (home) => {
    const storeDir = join(home, 'store');
    const running = runningOn(storeDir);
    const champion = await running((started) =>
      withRoles(started, ['orchestrator', 'verifier'], async ({ orchestrator: { nc }, verifier }) => {
        const { champion, deployments } = await deployTinyChampion(nc, { verifier: verifier.nc, store: storeDir });
        const stored = (await deployments.load(MODEL))!; // Deployed just now.
        const { statement: _, ...unsigned } = champion;
        const { seal: __, ...record } = { ...stored.value, current: unsigned };
        await createRecordStore({ kv: await openKv(nc, BUCKETS.deployments), schema: DeploymentSchema }).save(
          MODEL,
          record,
          stored.revision,
        );
        return unsigned;
      }),
    );
    // As if releases had never been signed here. The keys of the roles and of the store are others.
    for (const file of readdirSync(join(storeDir, 'keys')))
      if (file.endsWith('.pem') || file === 'trust.json') await rm(join(storeDir, 'keys', file));
    await rm(join(storeDir, 'served'), { recursive: true });
    await running((started) => serves(started, champion, performance.now(), 'startSystem() with new keys'));
    const { adopted } = readTrust(join(storeDir, 'keys', 'trust.json'));
    assert.ok(adopted.includes(champion.model.digest));
    await running((started) => serves(started, champion, performance.now(), 'startSystem() again'));
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
