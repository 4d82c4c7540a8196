/** Callers by certificate and token over TLS: those of another authority do not get in, and each is whom the file names. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get, type RequestOptions } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bind } from '../../../actors/gateway/bind.ts';
import { demand, knownCallers } from '../../../actors/gateway/callers.ts';
import { createServer } from '../../../actors/gateway/server.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { makeAuthority, type Certificate } from '../../support/certificates.ts';
import { withFolder } from '../../support/folder.ts';

const TOKEN = 'the-token-of-the-operator';

test('callers: by certificate or token over TLS each is whom the file names; another authority gets nobody in', () =>
  withFolder(async (folder) => {
    const authority = makeAuthority(folder, 'ours');
    const [server, door, guest] = [
      authority.issue('gateway', ['127.0.0.1']),
      authority.issue('door'),
      authority.issue('guest'),
    ];
    const stranger = makeAuthority(folder, 'others').issue('stranger');
    writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
    const logins = {
      door: { certificate: new X509Certificate(readFileSync(door.cert)).fingerprint256, role: 'door' },
      olga: { token: { file: join(folder, 'token') }, role: 'operator' },
    };
    const tls = { ...server, clientCa: authority.cert };
    const { gateway: config } = ConfigSchema.parse({ gateway: { port: 0, host: '0.0.0.0', tls, logins } });
    const log = createLogger({ level: 'silent' });
    const app = createServer({ config, callers: knownCallers(config, null), log, onAnswered: () => {} });
    app.get('/me', ({ caller: { name, role } }) => ({ name, role }));
    app.get('/command', ({ caller }) => {
      demand(caller, 'command');
      return { name: caller.name };
    });
    const bound = await bind(app, config, log);
    const { port } = new URL(bound.address()!);
    const ask = async (path: string, by: Certificate, headers: RequestOptions['headers'] = {}) => {
      const files = { cert: readFileSync(by.cert), key: readFileSync(by.key), ca: readFileSync(authority.cert) };
      const asked = get({ host: '127.0.0.1', port, path, headers, agent: false, ...files });
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      return { status: response.statusCode, body: JSON.parse(await text(response)) as object };
    };
    try {
      assert.equal((await ask('/me', door)).body, { name: 'door', role: 'door' });
      assert.equal((await ask('/me', guest)).body, { name: 'certificate', role: 'viewer' });
      assert.is((await ask('/command', guest)).status, 403);
      const bearer = { authorization: `Bearer ${TOKEN}` };
      assert.equal(await ask('/command', guest, bearer), { status: 200, body: { name: 'olga' } });
      assert.is((await ask('/me', guest, { authorization: 'Bearer another-token-of-nobody' })).status, 401);
      const refused = await ask('/me', stranger).then(
        () => null,
        (error: NodeJS.ErrnoException) => error,
      );
      assert.instance(refused, Error);
    } finally {
      bound.stop();
      app.server.closeAllConnections();
      app.server.close();
      await app.close();
    }
  }));

test('callers: a token that can be guessed is refused at the start, and its message does not tell it', () =>
  withFolder(async (folder) => {
    writeFileSync(join(folder, 'token'), 'short');
    const logins = { door: { token: { file: join(folder, 'token') }, role: 'door' } };
    const { gateway: config } = ConfigSchema.parse({ gateway: { logins } });
    assert.throws(
      () => knownCallers(config, null),
      (error: Error) =>
        /gateway.logins.door.token: it needs 16/.test(error.message) && !error.message.includes('short'),
    );
  }));

test.run();
