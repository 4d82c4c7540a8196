/** More requests than one caller may send: told when to come again, while a login, other callers and health go on. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bind } from '../../../actors/gateway/bind.ts';
import type { Callers } from '../../../actors/gateway/callers.ts';
import { createServer } from '../../../actors/gateway/server.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { createLogger, type Logger } from '../../../runtime/logger.ts';
import { until } from '../../support/wait.ts';

const PER_SECOND = 5;
const MANY = 40;

/** `Bearer x` is the login x; `Bearer wrong` is nobody's. */
const CALLERS: Callers = {
  of: ({ headers: { authorization = '' } }) => {
    const name = authorization.replace('Bearer ', '');
    if (name === 'wrong') throw new PipelineError('LOGIN_REFUSED', 'nobody knows it');
    return { name, role: 'operator', login: null };
  },
};

test('server: a caller who sends too much is answered 429 with the time to wait; nobody else is', async () => {
  const { gateway: config } = ConfigSchema.parse({ gateway: { port: 0, requestsPerSecondMax: PER_SECOND } });
  const log = createLogger({ level: 'silent' });
  const app = createServer({ config, callers: CALLERS, log, onAnswered: () => {} });
  app.get('/me', ({ caller }) => ({ name: caller.name }));
  app.get('/healthz', { config: { open: true, vital: true } }, () => ({}));
  const bound = await bind(app, config, log);
  const ask = (path: string, as: string) =>
    fetch(`${bound.address()}${path}`, { headers: { authorization: `Bearer ${as}` } });
  const statuses = async (path: string, as: string) => {
    const answers = await Promise.all(Array.from({ length: MANY }, () => ask(path, as)));
    return Promise.all(
      answers.map(async (answer) => {
        const { title = null } = (await answer.json()) as { title?: string };
        return [answer.status, answer.headers.get('retry-after'), title] as const;
      }),
    );
  };
  try {
    const flood = await statuses('/me', 'flood');
    const letIn = flood.filter(([status]) => status === 200).length;
    assert.ok(letIn >= 2 * PER_SECOND && letIn < MANY, `${letIn} were let in`);
    for (const refused of flood.filter(([it]) => it !== 200)) assert.equal(refused, [429, '1', 'OVERLOADED']);
    assert.is((await ask('/me', 'door')).status, 200);
    assert.ok((await statuses('/healthz', 'flood')).every(([status]) => status === 200));
    // Tokens that are tried count for the address.
    const tried = await statuses('/me', 'wrong');
    assert.equal(new Set(tried.map(([status]) => status)), new Set([401, 429]));
    assert.is((await ask('/me', 'door')).status, 200);
  } finally {
    bound.stop();
    app.server.closeAllConnections();
    app.server.close();
    await app.close();
  }
});

test('server: an address that cannot be read, or is too long, is answered as any other wrong request, and not said again', async () => {
  const { gateway: config } = ConfigSchema.parse({ gateway: { port: 0 } });
  const log = createLogger({ level: 'silent' });
  const app = createServer({ config, callers: CALLERS, log, onAnswered: () => {} });
  app.get('/runs/:runId', () => ({}));
  const bound = await bind(app, config, log);
  try {
    for (const [path, why] of [
      ['%E0%A4%A', /^the address cannot be read$/],
      ['x'.repeat(2_000), /^the address has a part of more than 1024 characters$/],
    ] as const) {
      const answer = await fetch(`${bound.address()}/runs/${path}`);
      const { title, detail } = (await answer.json()) as { title: string; detail: string };
      assert.equal([answer.status, title], [400, 'REQUEST_INVALID']);
      assert.is(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8');
      assert.match(detail, why);
    }
  } finally {
    bound.stop();
    app.server.close();
    await app.close();
  }
});

const HANG_UPS = 50;

test('server: a client that hangs up at once is no failure of the gateway', async () => {
  const { gateway: config } = ConfigSchema.parse({ gateway: { port: 0 } });
  const failed: string[] = [];
  const log = { ...createLogger({ level: 'silent' }), error: (_fields: unknown, text: string) => failed.push(text) };
  const callers: Callers = { of: () => ({ name: 'anonymous', role: 'viewer', login: null }) };
  const app = createServer({ config, callers, log: log as unknown as Logger, onAnswered: () => {} });
  app.get('/', { config: { open: true } }, () => ({}));
  const bound = await bind(app, config, createLogger({ level: 'silent' }));
  const { host, port } = new URL(bound.address()!);
  try {
    for (let i = 0; i < HANG_UPS; i++) {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    assert.is((await fetch(bound.address()!)).status, 200);
    assert.equal(failed, []);
  } finally {
    bound.stop();
    app.server.closeAllConnections();
    app.server.close();
    await app.close();
  }
});

test('server: a request that waits behind another on its connection is over, and gives its place back, when that is cut', async () => {
  const { gateway: config } = ConfigSchema.parse({ gateway: { port: 0 } });
  const log = createLogger({ level: 'silent' });
  const answered: string[] = [];
  const app = createServer({ config, callers: CALLERS, log, onAnswered: (route) => void answered.push(route) });
  const arrived: string[] = [];
  const never = new Promise<object>(() => {});
  for (const path of ['/first', '/second', '/third'])
    app.get(path, () => {
      arrived.push(path);
      return never;
    });
  const bound = await bind(app, config, log);
  try {
    const socket = connect(Number(new URL(bound.address()!).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(['/first', '/second', '/third'].map((it) => `GET ${it} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join(''));
    await until(() => arrived.length === 3, 'all three are under way');
    socket.destroy();
    await until(() => answered.length === 3, 'all three are over');
    assert.equal(new Set(answered), new Set(arrived));
  } finally {
    bound.stop();
    app.server.closeAllConnections();
    app.server.close();
    await app.close();
  }
});

test.run();
