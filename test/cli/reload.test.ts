import { writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { levelAnew } from '../../cli/reload.ts';
import { CONFIG_FILE, loadConfig } from '../../infra/config/config.ts';
import { makeAuthority, type Certificate } from '../support/certificates.ts';
import { runCli, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withOwnServer } from '../support/own-server.ts';
import { testLogger } from '../support/server.ts';

const put = async ({ cert, key }: Certificate, folder: string) => {
  await copyFile(cert, join(folder, 'own.pem'));
  await copyFile(key, join(folder, 'own.key'));
};

/** A trainer that logs in by the certificate of Ann, who is let in, and Eve is not. */
const withTrainer = (use: (trainer: CliProcess, folder: string, eve: Certificate) => Promise<void>) =>
  withFolder(async (folder) => {
    const ca = makeAuthority(folder, 'ca');
    const { cert, key } = ca.issue('server', ['127.0.0.1']);
    await put(ca.issue('ann'), folder);
    const tls = `tls { cert_file: "${cert}"\n key_file: "${key}"\n ca_file: "${ca.cert}"\n verify_and_map: true }`;
    const settings = `${tls}\nauthorization { users: [{ user: "CN=ann" }] }\njetstream { store_dir: "${folder}/js" }`;
    await withOwnServer(folder, settings, async ({ address }) => {
      const own = { ca: ca.cert, cert: join(folder, 'own.pem'), key: join(folder, 'own.key') };
      write(folder, { url: `tls://${address}`, tls: own }, 'info');
      const setup = await runCli(['setup'], { cwd: folder, timeoutMs: 60_000 });
      assert.is(setup.code, 0, setup.stderr);
      await withCli(['actor', 'trainer'], { cwd: folder }, async (trainer) => {
        await trainer.printed(/trainer works/);
        await use(trainer, folder, ca.issue('eve'));
      });
    });
  });

let nats: object = {};
function write(folder: string, settings: object, level: string) {
  nats = settings;
  writeFileSync(join(folder, CONFIG_FILE), JSON.stringify({ nats, log: { level } }));
}

test('reload: SIGHUP reads the log level and the client certificate anew, and ends nothing', () =>
  withTrainer(async (trainer, folder, eve) => {
    write(folder, nats, 'debug');
    trainer.kill('SIGHUP');
    await trainer.printed(/"level":"debug".*read anew/);
    await trainer.printed(/connected to nats-server again/);
    // Debug lines are there now.
    await trainer.printed(/"level":20/);
    await put(eve, folder);
    trainer.kill('SIGHUP');
    await trainer.printed(/refuses the login/);
    trainer.kill('SIGTERM');
    assert.is((await trainer.exited).code, 0);
  }));

test('reload: a configuration that cannot be read changes nothing', () =>
  withFolder(async (folder) => {
    const path = join(folder, CONFIG_FILE);
    writeFileSync(path, '{');
    assert.is(
      levelAnew(() => loadConfig({ path, env: {} }), testLogger()),
      null,
    );
    writeFileSync(path, '{"log": {"level": "warn"}}');
    assert.is(
      levelAnew(() => loadConfig({ path, env: {} }), testLogger()),
      'warn',
    );
  }));

test.run();
