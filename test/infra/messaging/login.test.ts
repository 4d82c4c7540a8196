/** Every way to log in to a real server that demands it, and connections that come back with a changed login. */
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import type { NatsConnection } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Login } from '../../../infra/config/nats.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { withFolder } from '../../support/folder.ts';
import { makeOperator } from '../../support/operator.ts';
import { jetStreamIn, withOwnServer } from '../../support/own-server.ts';
import { testLogger } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const log = testLogger();

interface Way {
  /** For the server's configuration. */
  readonly settings: string;
  readonly login: Login;
  readonly scheme?: string;
  /** As the server names who has logged in; absent if that is the test's to know. */
  readonly user?: string;
}

const secretIn = (folder: string, name: string, text: string) => {
  writeFileSync(join(folder, name), `${text}\n`);
  return { file: join(folder, name) };
};

function nkeyIn(folder: string): { readonly nkey: { readonly file: string }; readonly publicKey: string } {
  const pair = nkeys.createUser();
  return { nkey: secretIn(folder, 'user.nk', Buffer.from(pair.getSeed()).toString()), publicKey: pair.getPublicKey() };
}

const WAYS: Readonly<Record<string, (folder: string) => Way | Promise<Way>>> = {
  'a user and password': (folder) => ({
    settings: 'authorization { user: ann, password: SESAME }',
    login: { user: 'ann', password: secretIn(folder, 'password', 'SESAME') },
    user: 'ann',
  }),
  'a token': (folder) => ({
    settings: 'authorization { token: SESAME }',
    login: { token: secretIn(folder, 'token', 'SESAME') },
  }),
  'an nkey': (folder) => {
    const { nkey, publicKey } = nkeyIn(folder);
    return { settings: `authorization { users: [{ nkey: ${publicKey} }] }`, login: { nkey }, user: publicKey };
  },
  'creds of an operator': async (folder) => {
    const operator = await makeOperator(folder);
    return { settings: operator.settings, login: { creds: { file: await operator.creds('ann') } } };
  },
  'TLS with a CA of its own': (folder) => {
    const ca = makeAuthority(folder, 'ca');
    return { settings: tls(ca.issue('server', ['127.0.0.1'])), login: { tls: { ca: ca.cert, first: false } } };
  },
  'TLS from the first byte on': (folder) => {
    const ca = makeAuthority(folder, 'ca');
    const settings = tls(ca.issue('server', ['127.0.0.1']), 'handshake_first: true');
    return { settings, scheme: 'tls://', login: { tls: { ca: ca.cert, first: true } } };
  },
  'a client certificate': (folder) => {
    const ca = makeAuthority(folder, 'ca');
    const own = ca.issue('ann');
    const demand = `ca_file: "${ca.cert}"\n verify_and_map: true`;
    return {
      settings: `${tls(ca.issue('server', ['127.0.0.1']), demand)}\nauthorization { users: [{ user: "CN=ann" }] }`,
      login: { tls: { ca: ca.cert, cert: own.cert, key: own.key, first: false } },
      user: 'CN=ann',
    };
  },
  'an inbox prefix of its own': (folder) => ({
    settings:
      'authorization { users: [{ user: ann, password: SESAME, permissions: { subscribe: "_INBOX_ann.>", publish: ">" } }] }',
    login: { user: 'ann', password: secretIn(folder, 'password', 'SESAME'), inboxPrefix: '_INBOX_ann' },
    user: 'ann',
  }),
};

const tls = ({ cert, key }: { cert: string; key: string }, more = '') =>
  `tls { cert_file: "${cert}"\n key_file: "${key}"\n ${more} }`;

/** The server says who it takes us for. */
const userOf = async (nc: NatsConnection) =>
  ((await nc.request('$SYS.REQ.USER.INFO', '')).json() as { data: { user: string } }).data.user;

for (const [way, make] of Object.entries(WAYS)) {
  test(`login: ${way} is known to the server, which refuses others`, () =>
    withFolder(async (folder) => {
      const { settings, login, user, scheme = 'nats://' } = await make(folder);
      await withOwnServer(folder, `${jetStreamIn(folder)}\n${settings}`, async ({ address }) => {
        const url = `${scheme}${address}`;
        for (const isHasty of [true, false]) {
          const nc = await connectNats({ url, login, name: 'test', log, isHasty });
          if (user !== undefined) assert.is(await userOf(nc), user);
          await nc.close();
        }
        const refused = await connectNats({ url, name: 'test', log, isHasty: true }).then(
          (nc) => nc.close(),
          (error: { code: string }) => error.code,
        );
        // Before TLS that server says nothing, so it may be any program.
        assert.is(refused, way === 'TLS from the first byte on' ? 'NATS_UNAVAILABLE' : 'LOGIN_REFUSED');
      });
    }));
}

test('login: of several servers those that are down are passed over, first and later', () =>
  withFolder(async (folder) => {
    const settings = (name: string) => `${jetStreamIn(folder, name)}\nauthorization { token: SESAME }`;
    const login = { token: secretIn(folder, 'token', 'SESAME') };
    await withOwnServer(folder, settings('one'), ({ address: one, pid }) =>
      withOwnServer(folder, settings('two'), async ({ address: two }) => {
        const url = `127.0.0.1:1, ${one}`;
        const first = await connectNats({ url, login, name: 'test', log });
        assert.is(first.getServer(), one);
        await first.close();
        const both = await connectNats({ url: `${one},${two}`, login, name: 'test', log });
        // The server is asked to end; the connection that was to it goes to the other.
        process.kill(pid, 'SIGKILL');
        await until(() => both.getServer() === two, 'the other server');
        await until(() => both.rtt().catch(() => null), 'an answer of the other server');
        await both.close();
      }),
    );
  }));

test('login: renewed creds count at the next reconnection, and none at all leave the old ones in use', () =>
  withFolder(async (folder) => {
    const operator = await makeOperator(folder);
    const [first, second] = [await operator.creds('first'), await operator.creds('second')];
    const file = join(folder, 'in-use.creds');
    copyFileSync(first, file);
    await withOwnServer(folder, `${jetStreamIn(folder)}\n${operator.settings}`, async ({ address }) => {
      const nc = await connectNats({ url: address, login: { creds: { file } }, name: 'test', log });
      const before = await userOf(nc);
      copyFileSync(second, file);
      const after = await reconnected(nc);
      assert.is.not(after, before);
      rmSync(file);
      assert.is(await reconnected(nc), after);
      await nc.close();
    });
  }));

async function reconnected(nc: NatsConnection): Promise<string> {
  const statuses = nc.status()[Symbol.asyncIterator]();
  await nc.reconnect();
  while ((await statuses.next()).value?.type !== 'reconnect');
  return userOf(nc);
}

test('login: creds that expire in use are refused until new ones lie there', () =>
  withFolder(async (folder) => {
    const operator = await makeOperator(folder);
    const file = await operator.creds('short', { expires: Math.floor(Date.now() / 1000) + 2 });
    await withOwnServer(folder, `${jetStreamIn(folder)}\n${operator.settings}`, async ({ address }) => {
      const nc = await connectNats({ url: address, login: { creds: { file } }, name: 'test', log });
      const types: string[] = [];
      void (async () => {
        for await (const { type } of nc.status()) types.push(type);
      })();
      // Refused twice: once in use, once when it comes back.
      await until(() => types.filter((type) => type === 'error').length > 1, 'the end of the creds');
      assert.not.ok(nc.isClosed());
      copyFileSync(await operator.creds('long'), file);
      // A return in the second in which the old ones expire is cut off at once, and does not count.
      const isBack = () =>
        nc.flush().then(
          () => types.includes('reconnect'),
          () => false,
        );
      await until(isBack, 'the return with new creds');
      await nc.close();
    });
  }));

test.run();
