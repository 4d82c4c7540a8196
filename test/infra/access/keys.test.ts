/** The folder of keys, and what becomes of the store of a server that is started with and without it. */
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ROLES } from '../../../contracts/roles.ts';
import { STREAMS, workEventSubject } from '../../../contracts/subjects.ts';
import { addressOf, keyFileOf, keysFolder, openKeys } from '../../../infra/access/keys.ts';
import { loginOf } from '../../../infra/access/login-of.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';
import { launchServer } from '../../../infra/server/server.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { failureOf } from '../../support/failures.ts';
import { withFolder } from '../../support/folder.ts';
import { testLogger } from '../../support/server.ts';

const log = testLogger();
const SUBJECT = workEventSubject('train', 'completed', 'r1');
const NAMES = { namespace: 'nightshift', inboxPrefix: '_INBOX_nightshift_door' };
const MARKER = 'KEPT-FROM-BEFORE '.repeat(100);

test('keys: one for each role, readable by their owner alone, and the same at the next start', () =>
  withFolder(async (folder) => {
    const first = openKeys(folder);
    assert.is(new Set(Object.values(first.publicKeys)).size, ROLES.length);
    assert.is(statSync(keysFolder(folder)).mode & 0o777, 0o700);
    for (const name of readdirSync(keysFolder(folder))) {
      assert.is(statSync(join(keysFolder(folder), name)).mode & 0o777, 0o600, name);
    }
    assert.equal(openKeys(folder), first);
    rmSync(keyFileOf(folder, 'door'));
    assert.is.not(openKeys(folder).publicKeys.door, first.publicKeys.door);
  }));

test('keys: a login is given to our own server alone', () =>
  withFolder(async (storeDir) => {
    const server = await launchServer({ storeDir, hasIdentities: true, log });
    const { port } = new URL(server.url);
    const { nats } = ConfigSchema.parse({ nats: { storeDir } });
    const nkey = { file: keyFileOf(storeDir, 'door') };
    for (const ours of [server.url, `localhost:${port}`, `nats://127.0.0.1:${port}`]) {
      assert.equal(loginOf(nats, 'door', ours), { nkey, ...NAMES, isForOwnServer: true });
    }
    for (const other of [`nats://example.com:${port}`, 'nats://127.0.0.1:1', `${server.url},nats://127.0.0.1:1`]) {
      assert.is(loginOf(nats, 'door', other).nkey, undefined, other);
    }
    const named = ConfigSchema.parse({ nats: { storeDir, roles: { door: { creds: { file: 'd.creds' } } } } }).nats;
    assert.equal(loginOf(named, 'door', server.url), { creds: { file: 'd.creds' }, ...NAMES });
    await server.stop();
  }));

test('keys: a login of our own server is used for no server that lets in everybody, and for none of ours that does', () =>
  withFolder(async (storeDir) => {
    const first = await launchServer({ storeDir, hasIdentities: true, log });
    await first.stop();
    const port = Number(new URL(first.url).port);
    const { nats } = ConfigSchema.parse({ nats: { storeDir } });
    await withFolder(async (elsewhere) => {
      const foreign = await launchServer({ storeDir: elsewhere, port, log });
      for (const isHasty of [true, false]) {
        const login = loginOf(nats, 'enroller', foreign.url);
        const refused = await failureOf(connectNats({ url: foreign.url, login, name: 'test', log, isHasty }));
        assert.is(refused.code, 'LOGIN_REFUSED');
        assert.match(refused.message, /lets in everybody, so it is not the one of `nightshift start` in this folder/);
      }
      await foreign.stop();
    });
    const insecure = await launchServer({ storeDir, port, log });
    assert.is(loginOf(nats, 'enroller', insecure.url).nkey, undefined);
    await insecure.stop();
  }));

test('keys: a store of 0.3.0 is encrypted in place, and opens with its key alone', () =>
  withFolder(async (storeDir) => {
    await inServer(storeDir, false, async (js) => void (await js.publish(SUBJECT, MARKER)));
    assert.ok(clearFiles(storeDir).length > 0);

    await inServer(storeDir, true, (_, last) => assert.is(last, MARKER));
    assert.equal(clearFiles(storeDir), []);
    // Once encrypted, also for a start that lets everybody in.
    await inServer(storeDir, false, (_, last) => assert.is(last, MARKER));
    assert.equal(clearFiles(storeDir), []);

    const file = join(keysFolder(storeDir), 'store.key');
    renameSync(file, `${file}.away`);
    for (const hasIdentities of [true, false]) {
      const { code, message } = await failureOf(launchServer({ storeDir, hasIdentities, log }));
      assert.is(code, 'NATS_UNAVAILABLE');
      assert.match(message, /is encrypted, and its key \S+store\.key is not there; put the folder "keys"/);
    }
    writeFileSync(file, 'kother');
    assert.match((await failureOf(launchServer({ storeDir, hasIdentities: true, log }))).message, /holds another key/);
    renameSync(`${file}.away`, file);
    await inServer(storeDir, true, (_, last) => assert.is(last, MARKER));
  }));

type Use = (js: ReturnType<typeof clientOf>, last: string | undefined) => void | Promise<void>;

/** As `setup` makes the streams; what is published and read goes as those who may. */
async function inServer(storeDir: string, hasIdentities: boolean, use: Use): Promise<void> {
  const server = await launchServer({ storeDir, hasIdentities, log });
  const { nats } = ConfigSchema.parse({ nats: { storeDir } });
  const connectAs = (role: 'setup' | 'trainer') =>
    connectNats({ url: server.url, login: loginOf(nats, role, server.url), name: role, role, log });
  const [setup, trainer] = [await connectAs('setup'), await connectAs('trainer')];
  try {
    await applyTopology(setup, { replicas: 1 });
    const stored = await (await managerOf(trainer)).streams.getMessage(STREAMS.events, { last_by_subj: SUBJECT });
    await use(clientOf(trainer), stored?.string());
  } finally {
    await Promise.all([setup.close(), trainer.close()]);
    await server.stop();
  }
}

const clearFiles = (storeDir: string) =>
  readdirSync(join(storeDir, 'data'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(storeDir, 'data', name))
    .filter((path) => statSync(path).isFile() && readFileSync(path).includes('KEPT-FROM-BEFORE'));

test('keys: no address is known where no server has used them', () =>
  withFolder(async (folder) => {
    openKeys(folder);
    assert.is(addressOf(folder), null);
  }));

test.run();
