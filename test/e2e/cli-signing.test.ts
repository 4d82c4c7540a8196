/** The commands about keys and releases: list, rotate, revoke, export, restore; and what `model_signing` says of an export. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectClient, type Client } from '../../cli/client.ts';
import { API, BUCKETS } from '../../contracts/subjects.ts';
import { CONFIG_FILE, loadConfig } from '../../infra/config/config.ts';
import { openKv } from '../../infra/stores/record-store.ts';
import { startSystem } from '../../main.ts';
import { assertServes, deployTinyChampion, type Deployed } from '../support/champion.ts';
import { runCli } from '../support/cli.ts';
import { configureAsIn } from '../support/configured.ts';
import { withFolder } from '../support/folder.ts';
import { MODEL } from '../support/replicas.ts';
import { withServer } from '../support/server.ts';
import { keysIn, type Keys } from '../support/signed.ts';
import { until } from '../support/wait.ts';

interface House {
  readonly folder: string;
  readonly keys: Keys;
  readonly client: Client;
  readonly deployed: Deployed;
  /** The output of a command that has to succeed. */
  nightshift(...args: string[]): Promise<string>;
}

const withHouse = (use: (house: House) => Promise<void>) =>
  withFolder((folder) =>
    withServer(async ({ url, log, connect }) => {
      const keys = keysIn(folder);
      const path = join(folder, CONFIG_FILE);
      const releases = { keysDir: 'keys', stateDir: 'served' };
      const sources = [{ type: 'directory', name: 'people', path: '/people' }];
      writeFileSync(path, JSON.stringify({ nats: { url }, releases, models: { [MODEL]: { sources } } }));
      const config = loadConfig({ path, env: {} });
      await configureAsIn(await connect('configure'), config);
      const system = await startSystem(config, log, ['inference', 'orchestrator']);
      const client = await connectClient(url, log);
      const nightshift = async (...args: string[]) => {
        const { code, stdout, stderr } = await runCli(args, { cwd: folder });
        assert.is(code, 0, stderr);
        return stdout;
      };
      try {
        await use({
          ...{ folder, keys, client, nightshift },
          deployed: await deployTinyChampion(client.nc, { store: folder }),
        });
      } finally {
        await client.close();
        await system.stop();
      }
    }),
  );

test('keys: listed, rotated and revoked by command; a release of a rotated key stays valid, of a revoked one it is refused', () =>
  withHouse(async ({ folder, keys, nightshift }) => {
    const listed = JSON.parse(await nightshift('keys', '--json')) as { keys: { name: string; state: string }[] };
    assert.is(listed.keys.filter(({ state }) => state === 'signs').length, 5);
    const rotated = JSON.parse(await nightshift('keys', 'rotate', 'verifier', '--json')) as {
      id: string;
      former: string[];
    };
    assert.equal(rotated.former, [keys.verifier.id]);
    assert.is(keys.signing.keyOf('verifier')?.id, rotated.id);
    await nightshift('release', 'export', MODEL, '--out', 'valid');
    const revoked = await nightshift('keys', 'revoke', keys.verifier.id);
    assert.match(revoked, /refused from the next load on/);
    const refused = await runCli(['release', 'export', MODEL, '--out', 'refused'], { cwd: folder });
    assert.match(refused.stderr, /is revoked \[RELEASE_UNTRUSTED\]/);
    assert.not.ok(existsSync(join(folder, 'refused')));
    assert.match(await nightshift('keys'), /revoked/);
    const unknown = await runCli(['keys', 'revoke', 'nobody'], { cwd: folder });
    assert.match(unknown.stderr, /there is no key nobody/);
  }));

test('release restore: a record that is gone comes back from the note of a replica, and nothing that serves is touched', () =>
  withHouse(async ({ client, deployed, nightshift }) => {
    const kv = await openKv(client.nc, BUCKETS.deployments);
    await kv.purge(MODEL);
    const alarmsNow = async () => (await client.ask(API.status, {})).models[0]!.alarms;
    await until(async () => (await alarmsNow()).some((it) => it.includes('RECORD_LOST')), 'the alarm of the replica');
    await assertServes(client.nc, deployed.champion);
    await nightshift('release', 'restore', MODEL);
    await until(async () => (await alarmsNow()).length === 0, 'no alarm');
    const { deployment } = (await client.ask(API.status, {})).models[0]!;
    assert.equal([deployment?.current?.release, deployment?.seal?.number], [1, 2]);
    await assertServes(client.nc, deployed.champion);
  }));

/** A Python that has the package: that of NIGHTSHIFT_MODEL_SIGNING, or the usual one. */
const python = process.env['NIGHTSHIFT_MODEL_SIGNING'] ?? 'python3';
const hasModelSigning = spawnSync(python, ['-c', 'import model_signing']).status === 0;

if (hasModelSigning) {
  test('release export: model_signing accepts the files, and refuses them after one bit of the model has changed', () =>
    withHouse(async ({ folder, nightshift }) => {
      await nightshift('release', 'export', MODEL, '--out', 'exported');
      const out = join(folder, 'exported');
      const publicKey = join(folder, 'keys', 'export.pub.pem');
      const check = ['-m', 'model_signing', 'verify', 'key', out, '--public_key', publicKey];
      const run = () => spawnSync(python, [...check, '--signature', join(out, 'model.sig')], { encoding: 'utf8' });
      assert.match(execFileSync(python, [...check, '--signature', join(out, 'model.sig')]).toString(), /succeeded/);
      const model = readFileSync(join(out, 'model.onnx'));
      model[model.length - 1]! ^= 1;
      writeFileSync(join(out, 'model.onnx'), model);
      assert.is.not(run().status, 0);
    }));
} else {
  console.log(
    'skipped: release export with model_signing, which is not installed (pip install model-signing pyopenssl)',
  );
}

test.run();
