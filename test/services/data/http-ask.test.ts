/** The patience and the login of a question to a data service, against real servers. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createAsk, Refused, retryAfterMs, type AskOptions } from '../../../services/data/http-ask.ts';
import type { SourceContext } from '../../../services/data/strategy.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { withFolder } from '../../support/folder.ts';
import { withHttp } from '../../support/page-server.ts';
import { cancelled, failureOf } from '../../support/samples.ts';

process.env['NIGHTSHIFT_TEST_BEARER'] = 't0ken';
const NEVER = new AbortController().signal;

async function asked(url: string, more: Partial<AskOptions> = {}, context: SourceContext = {}, signal = NEVER) {
  const options = { name: 'auth', url, timeoutMs: 5_000, attemptsMax: 3, pauses: { pauseMs: 1 }, ...more };
  const { ask, close } = createAsk(options, context);
  try {
    const { body } = await ask({ what: 'page 1', url: new URL(url), bytesMax: 1000 }, signal);
    return body.toString();
  } finally {
    close();
  }
}

test('http ask: a service with a login and Retry-After is waited for, and told who asks', async () => {
  const [logins, waits]: [(string | undefined)[], (string | null)[]] = [[], []];
  await withHttp(
    ({ headers }, response) => {
      logins.push(headers.authorization);
      if (logins.length < 3)
        response.writeHead(429, { 'retry-after': logins.length === 1 ? '0' : new Date(0).toUTCString() }).end();
      else response.end('here');
    },
    async (url) => {
      const bearer = { env: 'NIGHTSHIFT_TEST_BEARER' };
      assert.is(await asked(url, { bearer }, { waits: (why) => void waits.push(why) }), 'here');
    },
  );
  assert.equal(logins, Array(3).fill('Bearer t0ken'));
  assert.match(
    waits[0]!,
    /^source "auth" at http:\/\/127.0.0.1:\d+, page 1: answered 429 .*asked again in 1 s \(2 of 3\)/,
  );
  assert.equal([waits.length, waits[1], waits[3]], [4, null, null]);
});

test('http ask: Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-26T12:00:00Z');
  assert.is(retryAfterMs('120', now), 120_000);
  assert.is(retryAfterMs('Thu, 26 Nov 2026 12:00:30 GMT', now), 30_000);
  assert.is(retryAfterMs('Thu, 26 Nov 2026 11:00:00 GMT', now), 0);
  assert.is(retryAfterMs('soon', now), null);
  assert.is(retryAfterMs(undefined, now), null);
});

test('http ask: a wait longer than allowed, or than the stage has left, is not begun', () =>
  withHttp(
    (_, response) => response.writeHead(503, { 'retry-after': '3600' }).end(),
    async (url) => {
      for (const [more, context] of [
        [{ waitMaxMs: 60_000 }, {}],
        [{ waitMaxMs: 7200_000 }, { leftMs: () => 60_000 }],
      ] as const) {
        const { code, message, retryable } = await failureOf(asked(url, more, context));
        assert.equal([code, retryable], ['SOURCE_UNREACHABLE', true]);
        assert.match(message, /wants to be asked again in 3600 s, and at most 60 s are waited for/);
      }
    },
  ));

test('http ask: an abort ends a wait at once', async () => {
  const controller = new AbortController();
  await withHttp(
    (_, response) => response.writeHead(503, { 'retry-after': '300' }).end(),
    async (url) => {
      const context = { waits: (why: string | null) => (why === null ? undefined : controller.abort(cancelled())) };
      assert.is((await failureOf(asked(url, {}, context, controller.signal))).code, 'CANCELLED');
    },
  );
});

test('http ask: what is refused is asked for once', () => {
  let times = 0;
  return withHttp(
    (_, response) => {
      times += 1;
      response.writeHead(404).end();
    },
    async (url) => {
      assert.instance(await failureOf(asked(url)), Refused);
      assert.is(times, 1);
    },
  );
});

test('http ask: an authority of its own is trusted, and a client certificate is shown', () =>
  withFolder(async (folder) => {
    const authority = makeAuthority(folder, 'own');
    const [server, client] = [authority.issue('server', ['127.0.0.1']), authority.issue('client')];
    const pem = (path: string) => readFileSync(path, 'utf8');
    const keys = { ca: pem(authority.cert), cert: pem(server.cert), key: pem(server.key) };
    const service = createServer({ ...keys, requestCert: true, rejectUnauthorized: true }, (_, response) =>
      response.end('in'),
    );
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    try {
      const url = `https://127.0.0.1:${(service.address() as AddressInfo).port}/faces`; // It listens on TCP.
      process.env['NIGHTSHIFT_TEST_KEY'] = pem(client.key);
      const tls = { ca: authority.cert, cert: { file: client.cert }, key: { env: 'NIGHTSHIFT_TEST_KEY' } };
      assert.is(await asked(url, { tls }), 'in');
      assert.match((await failureOf(asked(url, { attemptsMax: 1 }))).message, /no connection.*(VERIFY|SELF_SIGNED)/);
      const { message } = await failureOf(asked(url, { tls: { ca: authority.cert }, attemptsMax: 1 }));
      assert.match(message, /no connection/);
      assert.match(
        (await failureOf(asked(url, { tls: { ca: '/nowhere' } }))).message,
        /tls.ca: the file \/nowhere cannot/,
      );
    } finally {
      service.closeAllConnections();
      service.close();
    }
  }));

test.run();
