/** Each way in which a connection fails says what is wrong and the way out, soon, and without a secret. */
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import pino from 'pino';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Login } from '../../../infra/config/nats.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { failureOf } from '../../support/failures.ts';
import { withFolder } from '../../support/folder.ts';
import { makeOperator } from '../../support/operator.ts';
import { jetStreamIn, withOwnServer } from '../../support/own-server.ts';
import { testLogger } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const log = testLogger();
/** From the call to the sentence. */
const SAID_WITHIN_MS = 5_000;
/** In every secret of these tests. */
const SECRET = /SESAME|\bSU[A-Z2-7]{56}|BEGIN/;

/** The error of a command, and of an actor as well if waiting would not help. */
async function refusalOf(url: string, login: Login, code: string, message: RegExp): Promise<void> {
  for (const isHasty of code === 'NATS_UNAVAILABLE' ? [true] : [true, false]) {
    const startedAt = performance.now();
    const error = await failureOf(connectNats({ url, login, name: 'test', log, isHasty }));
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < SAID_WITHIN_MS, `${Math.round(tookMs)} ms: ${error.message}`);
    assert.is(error.code, code, error.message);
    assert.match(error.message, message);
    assert.not.match(`${error.stack} ${String(error.cause)}`, SECRET);
  }
}

const fileIn = (folder: string, name: string, text: string | Uint8Array) => {
  writeFileSync(join(folder, name), text);
  return { file: join(folder, name) };
};

test('refusal: nobody answers', async () => {
  await refusalOf(
    'nats://127.0.0.1:1',
    {},
    'NATS_UNAVAILABLE',
    /127\.0\.0\.1:1 \(connection refused\); .*--server or NATS_URL/,
  );
  await refusalOf(
    'nats://nobody.invalid',
    {},
    'NATS_UNAVAILABLE',
    /nobody\.invalid \((there is no such host|.*cannot be looked up now)\)/,
  );
  await refusalOf('127.0.0.1:1,127.0.0.1:2', {}, 'NATS_UNAVAILABLE', /(?=.*127\.0\.0\.1:1 \()(?=.*127\.0\.0\.1:2 \()/);
});

test('refusal: another program answers, or one that is silent', async () => {
  for (const greeting of ['', 'HTTP/1.1 400 Bad Request\r\n\r\n']) {
    const other = createServer((socket) =>
      socket
        .resume()
        .on('error', () => {})
        .write(greeting),
    );
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo; // It listens on a port.
    await refusalOf(
      `127.0.0.1:${port}`,
      {},
      'NATS_UNAVAILABLE',
      /without the greeting of nats-server: .*another program/,
    );
    other.close();
  }
});

test('refusal: an actor that waits says why in its log within 5 s', () =>
  withFolder(async (folder) => {
    const lines: string[] = [];
    const told = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const settings = jetStreamIn(folder);
    const { address, port } = await withOwnServer(folder, settings, async (server) => server);
    const startedAt = performance.now();
    const waiting = connectNats({ url: address, name: 'test', log: told });
    await until(() => lines.length > 0, 'a line');
    assert.ok(performance.now() - startedAt < SAID_WITHIN_MS);
    assert.match(lines[0]!, /"why":"no nats-server answers at \S+ \(connection refused\).*still waiting/);
    await withOwnServer(folder, settings, async () => (await waiting).close(), port);
  }));

test('refusal: a login that is missing or wrong', () =>
  withFolder(async (folder) => {
    const wrong = fileIn(folder, 'wrong', 'SESAME-2');
    const settings = `${jetStreamIn(folder)}\nauthorization { user: ann, password: SESAME }`;
    await withOwnServer(folder, settings, async ({ address }) => {
      await refusalOf(address, {}, 'LOGIN_REFUSED', /demands a login, and none is configured: set nats\.creds/);
      const password = /does not accept the user "ann" with the password from the file \S+wrong/;
      await refusalOf(address, { user: 'ann', password: wrong }, 'LOGIN_REFUSED', password);
      await refusalOf(address, { token: wrong }, 'LOGIN_REFUSED', /does not accept the token from the file \S+wrong/);
      // Of the two addresses of that name, nobody listens on the other.
      const named = address.replace('127.0.0.1', 'localhost');
      await refusalOf(named, { user: 'ann', password: wrong }, 'LOGIN_REFUSED', password);
      await refusalOf(
        `127.0.0.1:1,${address}`,
        { token: wrong },
        'LOGIN_REFUSED',
        /refused\); nats-server at|other server.*refused\)/,
      );
      const stranger = nkeys.createUser();
      const nkey = fileIn(folder, 'stranger.nk', stranger.getSeed());
      await refusalOf(address, { nkey }, 'LOGIN_REFUSED', new RegExp(`the nkey ${stranger.getPublicKey()} from`));
    });
  }));

test('refusal: creds that expired, are of another operator, or of an account without JetStream', () =>
  withFolder(async (folder) => {
    const [operator, other] = [await makeOperator(folder), await makeOperator(folder)];
    const creds = (file: string) => ({ creds: { file } });
    await withOwnServer(folder, `${jetStreamIn(folder)}\n${operator.settings}`, async ({ address }) => {
      const expired = await operator.creds('old', { expires: Date.UTC(2024, 0, 1) / 1000 });
      const said =
        /the creds of user "old" from the file \S+old\.creds expired at 2024-01-01T00:00:00\.000Z: put new ones/;
      await refusalOf(address, creds(expired), 'LOGIN_REFUSED', said);
      await refusalOf(
        address,
        creds(await other.creds('foreign')),
        'LOGIN_REFUSED',
        /does not accept the creds of user "foreign"/,
      );
      const bare = creds(await operator.creds('bare', { account: 'bare' }));
      await refusalOf(address, bare, 'NATS_UNAVAILABLE', /has no JetStream for this account: enable it/);
    });
  }));

test('refusal: a secret that cannot be read, or is none', () =>
  withFolder(async (folder) => {
    const text = fileIn(folder, 'text', 'SESAME');
    const settings: readonly (readonly [Login, RegExp])[] = [
      [
        { token: { env: 'NIGHTSHIFT_NOT_SET' } },
        /^nats\.token: the environment variable NIGHTSHIFT_NOT_SET is not set$/,
      ],
      [{ creds: { file: join(folder, 'absent') } }, /^nats\.creds: the file \S+absent does not exist$/],
      [{ creds: text }, /^nats\.creds: the file \S+text does not hold creds of a user/],
      [{ nkey: text }, /^nats\.nkey: the file \S+text does not hold the seed of a user's nkey/],
      [{ tls: { ca: join(folder, 'absent'), first: false } }, /^nats\.tls\.ca: the file \S+absent cannot be read/],
    ];
    for (const [login, message] of settings) await refusalOf('127.0.0.1:1', login, 'CONFIG_INVALID', message);
  }));

test('refusal: a certificate of the server that is not trusted, of another host, or too old', () =>
  withFolder(async (folder) => {
    const [ca, other] = [makeAuthority(folder, 'ca'), makeAuthority(folder, 'other')];
    const trusting = { tls: { ca: ca.cert, first: false } };
    const at = (server: { cert: string; key: string }, use: (address: string) => Promise<void>) =>
      withOwnServer(
        folder,
        `${jetStreamIn(folder)}\ntls { cert_file: "${server.cert}"\n key_file: "${server.key}" }`,
        (own) => use(own.address),
      );
    await at(ca.issue('server', ['127.0.0.1']), async (address) => {
      await refusalOf(
        address,
        {},
        'LOGIN_REFUSED',
        /is not trusted \(UNABLE_TO_VERIFY\w+\): set nats\.tls\.ca \(--tls-ca\)/,
      );
      const distrusting = { tls: { ca: other.cert, first: false } };
      await refusalOf(address, distrusting, 'LOGIN_REFUSED', /is not trusted .*other\.pem does not hold its CA/);
      const early = { tls: { ca: ca.cert, first: true } };
      await refusalOf(address, early, 'LOGIN_REFUSED', /greets before TLS begins: leave out nats\.tls\.first/);
      await refusalOf(address.replace('127.0.0.1', 'localhost'), trusting, 'LOGIN_REFUSED', /is for another host/);
    });
    await at(ca.issue('elsewhere', ['localhost']), (address) =>
      refusalOf(address, trusting, 'LOGIN_REFUSED', /is for another host/),
    );
    await at(ca.issue('old', ['127.0.0.1'], -5), (address) =>
      refusalOf(address, trusting, 'LOGIN_REFUSED', /is not valid now \(CERT_HAS_EXPIRED\)/),
    );
  }));

test('refusal: a client certificate that is missing, of another CA, or without its key', () =>
  withFolder(async (folder) => {
    const [ca, other] = [makeAuthority(folder, 'ca'), makeAuthority(folder, 'other')];
    const server = ca.issue('server', ['127.0.0.1']);
    const [own, foreign] = [ca.issue('ann'), other.issue('ann')];
    const tls = `tls { cert_file: "${server.cert}"\n key_file: "${server.key}"\n ca_file: "${ca.cert}"\n verify: true }`;
    await withOwnServer(folder, `${jetStreamIn(folder)}\n${tls}`, async ({ address }) => {
      const demand = (login: Login, message: RegExp) => refusalOf(address, login, 'LOGIN_REFUSED', message);
      await demand({ tls: { ca: ca.cert, first: false } }, /demands a client certificate: set nats\.tls\.cert/);
      await demand(
        { tls: { ca: ca.cert, cert: foreign.cert, key: foreign.key, first: false } },
        /does not accept the client certificate \S+other-ann\.pem/,
      );
      await demand(
        { tls: { ca: ca.cert, cert: own.cert, key: foreign.key, first: false } },
        /the files of nats\.tls cannot be used .*key that of cert/,
      );
    });
  }));

test('refusal: TLS is demanded of a server that has none', () =>
  withFolder((folder) =>
    withOwnServer(folder, jetStreamIn(folder), async ({ address }) => {
      await refusalOf(`tls://${address}`, {}, 'LOGIN_REFUSED', /offers no TLS, which nats\.tls or tls:\/\/ demands/);
      const ca = makeAuthority(folder, 'ca');
      await refusalOf(address, { tls: { ca: ca.cert, first: false } }, 'LOGIN_REFUSED', /offers no TLS/);
    }),
  ));

test('refusal: no JetStream at all, or none in the domain that is named', () =>
  withFolder(async (folder) => {
    await withOwnServer(folder, '', ({ address }) =>
      refusalOf(address, {}, 'NATS_UNAVAILABLE', /runs without JetStream/),
    );
    await withOwnServer(folder, jetStreamIn(folder, 'hub', 'hub'), ({ address }) =>
      refusalOf(
        address,
        { domain: 'hob' },
        'NATS_UNAVAILABLE',
        /no JetStream in the domain "hob".*correct nats\.domain/,
      ),
    );
  }));

test('refusal: a login that is turned away later is told in the log, and the secret is not', () =>
  withFolder(async (folder) => {
    const lines: string[] = [];
    const told = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
    const token = fileIn(folder, 'token', 'SESAME');
    await withOwnServer(folder, `${jetStreamIn(folder)}\nauthorization { token: SESAME }`, async ({ address }) => {
      const nc = await connectNats({ url: address, login: { token }, name: 'test', log: told });
      writeFileSync(token.file, 'SESAME-2');
      await nc.reconnect();
      await until(() => lines.find((line) => line.includes('refuses the login')), 'the refusal');
      rmSync(token.file);
      await until(() => lines.find((line) => line.includes('cannot be read anew')), 'the missing file');
      writeFileSync(token.file, 'SESAME');
      await until(() => nc.rtt().catch(() => null), 'the return');
      await nc.close();
    });
    assert.match(lines.join(''), /does not accept the token from the file/);
    assert.not.match(lines.join(''), SECRET);
  }));

test.run();
