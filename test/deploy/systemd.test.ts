/** The units of deploy/systemd: an instance for each actor, walls, limits; systemd itself judges, where it is installed. */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTORS, SERVING } from '../../actors/names.ts';
import { loadConfig } from '../../infra/config/config.ts';
import { SMALL_YOUNG_SPACE } from '../../runtime/garbage.ts';
import { DEPLOY, documented, hasTool, unless } from '../support/deploy.ts';
import { withFolder } from '../support/folder.ts';

const FOLDER = join(DEPLOY, 'systemd');
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
const unit = read('nightshift@.service');

test('systemd: the target wants an instance of each actor, and workers make room for the doors', () => {
  for (const actor of ACTORS) assert.match(read('nightshift.target'), new RegExp(`\\bnightshift@${actor}\\.service`));
  for (const worker of ['collector', 'trainer', 'verifier', 'janitor']) {
    assert.match(read(`nightshift@${worker}.service.d/worker.conf`), /^Nice=10$[\s\S]*^MemoryMax=\d+G$/m);
  }
  for (const serving of SERVING) {
    assert.equal(readdirSync(join(FOLDER, `nightshift@${serving}.service.d`)), ['serving.conf']);
    assert.ok(read(`nightshift@${serving}.service.d/serving.conf`).includes(`NODE_OPTIONS=${SMALL_YOUNG_SPACE}\n`));
  }
});

test('systemd: an actor is no root, has limits and walls, comes back after a failure, and gets its own key alone', () => {
  for (const line of [
    'DynamicUser=yes',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'CapabilityBoundingSet=',
    'MemoryMax=2G',
    'Restart=on-failure',
    'LoadCredential=nkey:/etc/nightshift/keys/%i.nk',
    'ExecStart=/usr/bin/nightshift actor %i',
  ]) {
    assert.ok(unit.split('\n').includes(line), line);
  }
});

test('systemd: variables are documented, and the configuration reads the key where systemd puts it', () => {
  const files = ['nightshift@.service', 'nightshift-setup.service', 'nightshift.env.example'].map(read).join('\n');
  const variables = [...files.matchAll(/\b((?:NIGHTSHIFT|NATS)_[A-Z_]+|TMPDIR)=/g)].map(([, name]) => name!);
  assert.ok(variables.length > 0);
  for (const variable of variables) assert.ok(documented(variable), variable);
  const { nats } = loadConfig({ path: join(FOLDER, 'nightshift.config.json'), env: {} });
  for (const actor of ACTORS) {
    assert.equal(nats.roles?.[actor]?.nkey, { file: `/run/credentials/nightshift@${actor}.service/nkey` });
  }
});

unless(
  hasTool('systemd-analyze', ['--version']),
  'systemd-analyze',
  'systemd: `systemd-analyze verify` has nothing to say of any instance',
  () =>
    withFolder(async (folder) => {
      cpSync(FOLDER, folder, { recursive: true });
      // Whether the program is installed is no matter of the units.
      for (const name of ['nightshift@.service', 'nightshift-setup.service']) {
        writeFileSync(join(folder, name), read(name).replace('/usr/bin/nightshift', '/bin/true'));
      }
      const units = [
        ...ACTORS.map((actor) => `nightshift@${actor}.service`),
        'nightshift-setup.service',
        'nightshift.target',
      ];
      const args = ['verify', '--man=no', ...units.map((it) => join(folder, it))];
      const told = execFileSync('systemd-analyze', args, { stdio: 'pipe', encoding: 'utf8' });
      assert.is(told, '');
    }),
);

test.run();
