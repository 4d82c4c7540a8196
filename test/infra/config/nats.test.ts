/** The section `nats`: which layer counts, how a context of the NATS CLI is read, and that no secret is in it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../../infra/config/config.ts';
import { refuseLoginWithoutServer, serversIn, type NatsConfig } from '../../../infra/config/nats.ts';
import type { NatsOptions } from '../../../infra/config/nats-layers.ts';
import { failureOf } from '../../support/failures.ts';
import { withFolder } from '../../support/folder.ts';

type Env = Readonly<Record<string, string>>;

/** Loads a file with this section, from a home folder of its own. */
const withNats = (use: (load: Load, home: string) => Promise<void> | void) =>
  withFolder(async (home) => {
    const path = join(home, 'c.json');
    await use((written, env = {}, nats = {}) => {
      writeFileSync(path, JSON.stringify({ nats: written }));
      return loadConfig({ path, env: { HOME: home, ...env }, nats }).nats;
    }, home);
  });
type Load = (written: object, env?: Env, options?: NatsOptions) => NatsConfig;

const EMBEDDED = { storeDir: '.nightshift', port: 4222, insecure: false, replicas: 1, namespace: 'nightshift' };

function writeContext(home: string, name: string, context: object): string {
  const folder = join(home, '.config/nats/context');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(context));
  return join(folder, `${name}.json`);
}

test('nats: the command line is stronger than the environment, and that than the file', () =>
  withNats((load, home) => {
    const written = { url: 'nats://file', creds: { file: 'a.creds' }, tls: { ca: 'ca.pem' }, replicas: 3 };
    assert.equal(load(written), {
      ...{ ...EMBEDDED, replicas: 3, url: 'nats://file' },
      creds: { file: join(home, 'a.creds') },
      tls: { ca: join(home, 'ca.pem'), first: false },
    });
    const env = { NATS_URL: 'nats://env', NATS_NKEY: '/b.nk', NATS_CERT: '/c.pem', NATS_KEY: '/k.pem', NATS_CREDS: '' };
    assert.equal(load(written, env), {
      ...{ ...EMBEDDED, replicas: 3, url: 'nats://env' },
      nkey: { file: '/b.nk' },
      tls: { ca: join(home, 'ca.pem'), cert: '/c.pem', key: '/k.pem', first: false },
    });
    const named = { jsDomain: 'hub', namespace: 'staging' };
    const options = { server: 'nats://option', user: 'ann', passwordFile: '/p', tlsCa: '/other.pem', ...named };
    assert.equal(load(written, env, options), {
      ...{ ...EMBEDDED, replicas: 3, url: 'nats://option', domain: 'hub', user: 'ann', password: { file: '/p' } },
      namespace: 'staging',
      tls: { ca: '/other.pem', cert: '/c.pem', key: '/k.pem', first: false },
    });
  }));

test('nats: a password or token in the environment is named, not taken along', () =>
  withNats((load) => {
    const config = load({ user: 'ann' }, { NATS_PASSWORD: 'SESAME' });
    assert.equal([config.user, config.password], ['ann', { env: 'NATS_PASSWORD' }]);
    assert.equal(load({ user: 'ann' }, { NATS_TOKEN: 'SESAME' }).token, { env: 'NATS_TOKEN' });
  }));

test('nats: a secret that is written where only its place belongs is refused, unrepeated', () =>
  withNats(async (load) => {
    const refusals: readonly (readonly [object, RegExp])[] = [
      [{ user: 'ann', password: 'SESAME' }, /nats\.password: .*\{"env": "NAME"\} or \{"file": "path"\}/],
      [{ token: 'SESAME' }, /nats\.token: a secret is not written here/],
      [{ nkey: { seed: 'SESAME' } }, /nats\.nkey: write \{"env"/],
      [{ url: 'nats://ann:SESAME@host' }, /nats\.url: .*nats\.user and nats\.password/],
      [{ url: 'nats://a,nats://SESAME@b' }, /nats\.url: .*nats\.token/],
      [{ url: 'http://SESAME' }, /nats\.url: expected are addresses such as nats:/],
    ];
    for (const [written, message] of refusals) {
      const error = await failureOf(() => load(written));
      assert.match(error.message, message);
      assert.not.match(`${error.stack} ${String(error.cause)}`, /SESAME/);
    }
    const told = await failureOf(() => load({}, { NATS_URL: 'nats://ann:SESAME@host' }));
    assert.not.match(told.message, /SESAME/);
  }));

test('nats: settings that do not fit together are refused by name', () =>
  withNats(async (load) => {
    const file = { file: 'x' };
    const refusals: readonly (readonly [object, RegExp])[] = [
      [{ creds: file, nkey: file }, /nats\.nkey: nats\.creds is there as well/],
      [{ user: 'ann' }, /nats\.password: nats\.user needs it/],
      [{ password: file }, /nats\.user: nats\.password needs it/],
      [{ tls: { cert: 'x' } }, /nats\.tls\.key: nats\.tls\.cert needs it/],
      [{ tls: { key: 'x' } }, /nats\.tls\.cert: nats\.tls\.key needs it/],
      [{ inboxPrefix: 'MINE' }, /nats\.inboxPrefix: begins with _INBOX/],
      [{ namespace: 'My Team' }, /nats\.namespace: up to 32 lower-case letters, digits and dashes/],
      [{ crets: file }, /nats\.crets: .*did you mean creds/],
    ];
    for (const [written, message] of refusals) assert.match((await failureOf(() => load(written))).message, message);
  }));

test('nats: a context of the NATS CLI brings server and login, and a setting beside it is stronger', () =>
  withNats((load, home) => {
    const file = writeContext(home, 'prod', {
      ...{ description: 'x', url: 'tls://a:1,tls://b:2', user: 'ann', password: 'SESAME', creds: '', token: '' },
      ...{ ca: '~/ca.pem', cert: '', key: '', jetstream_domain: 'hub', inbox_prefix: '_INBOX_ann', color_scheme: '' },
    });
    const expected = {
      ...{ ...EMBEDDED, url: 'tls://a:1,tls://b:2', user: 'ann', password: { file, field: 'password' } },
      ...{ tls: { ca: join(home, 'ca.pem'), first: false }, domain: 'hub', inboxPrefix: '_INBOX_ann' },
    };
    assert.equal(load({ context: 'prod' }), expected);
    const weaker = { url: 'nats://file', creds: { file: 'a.creds' } };
    assert.equal(load(weaker, { NATS_CONTEXT: 'prod' }), expected);
    assert.equal(load(weaker, {}, { context: 'prod' }), expected);
    assert.equal(load({ context: 'prod' }, { NATS_URL: 'nats://env' }), { ...expected, url: 'nats://env' });
    writeContext(home, 'other', { url: 'nats://c', nkey: '/k.nk', tls_first: true });
    const other = { ...EMBEDDED, url: 'nats://c', nkey: { file: '/k.nk' }, tls: { first: true } };
    assert.equal(load({ context: 'prod' }, {}, { context: 'other' }), other);
    mkdirSync(join(home, 'xdg/nats'), { recursive: true });
    assert.throws(() => load({ context: 'prod' }, { XDG_CONFIG_HOME: join(home, 'xdg') }), /xdg\/nats\/context\/prod/);
  }));

test('nats: a context that is not there, or uses what Nightshift does not know, is refused with the way out', () =>
  withNats(async (load, home) => {
    writeContext(home, 'nsc', { url: 'nats://a', nsc: 'nsc://o/a/u' });
    writeContext(home, 'broken', { url: 7, password: 'SESAME' });
    writeFileSync(join(home, '.config/nats/context/text.json'), '{"password": SESAME');
    writeContext(home, 'userinfo', { url: 'nats://ann:SESAME@a' });
    const refusals: readonly (readonly [string, RegExp])[] = [
      ['absent', /no NATS context "absent": .*absent\.json does not exist; `nats context ls`/],
      ['../x', /is no name of a NATS context/],
      ['nsc', /uses nsc: .*`nsc generate creds`/],
      ['broken', /broken\.json does not fit: url/],
      ['text', /text\.json is not readable JSON/],
      ['userinfo', /nats\.url: a user, password or token does not belong into an address/],
    ];
    for (const [context, message] of refusals) {
      const error = await failureOf(() => load({ context }));
      assert.is(error.code, 'CONFIG_INVALID');
      assert.match(error.message, message);
      assert.not.match(`${error.stack} ${String(error.cause)}`, /SESAME/);
    }
  }));

test('nats: a list of servers is split, and each part is looked at', () =>
  withNats((load) => {
    const servers = ['nats://a:1', 'tls://b.internal', 'c', '127.0.0.1:4222', 'nats://[::1]:4222'];
    assert.equal(serversIn(load({ url: servers.join(' , ') }).url!), servers);
    for (const url of [',', 'nats://a,b c', 'ws://a', 'nats://a:port'])
      assert.throws(() => load({ url }), /separated by commas/);
  }));

test('nats: a login without a server is refused, because the server that is started knows none', () =>
  withNats(async (load) => {
    refuseLoginWithoutServer(load({}));
    refuseLoginWithoutServer(load({ url: 'nats://a', creds: { file: 'x' } }));
    const { message } = await failureOf(() => refuseLoginWithoutServer(load({ creds: { file: 'x' } })));
    assert.match(message, /^nats\.creds is for a server that runs already.*set nats\.url/);
  }));

test.run();
