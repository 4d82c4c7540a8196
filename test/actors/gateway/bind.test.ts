/** A port that somebody else has is told once, and keeps nothing from working. */
import { once } from 'node:events';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bind } from '../../../actors/gateway/bind.ts';
import { knownCallers } from '../../../actors/gateway/callers.ts';
import { createServer } from '../../../actors/gateway/server.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { createLogger } from '../../../runtime/logger.ts';

test('bind: a port that is taken is told with a way out, and the gateway is there without it', async () => {
  const other = createNetServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo; // It listens on a port.
  const lines: string[] = [];
  const log = createLogger({ level: 'info' }, { write: (line) => void lines.push(line) });
  const { gateway: config } = ConfigSchema.parse({ gateway: { port } });
  const app = createServer({ config, callers: knownCallers(config, null), log, onAnswered: () => {} });
  const bound = await bind(app, config, log);
  try {
    assert.is(bound.address(), null);
    assert.is(lines.length, 1);
    assert.match(lines[0]!, new RegExp(`127.0.0.1:${port} cannot be taken \\(EADDRINUSE\\).*gateway.port`));
  } finally {
    bound.stop();
    await app.close();
    other.close();
  }
});

test('bind: with a free port it listens there, and answers health to everybody', async () => {
  const log = createLogger({ level: 'silent' });
  const { gateway: config } = ConfigSchema.parse({ gateway: { port: 0 } });
  const app = createServer({ config, callers: knownCallers(config, null), log, onAnswered: () => {} });
  app.get('/here', () => ({ here: true }));
  const bound = await bind(app, config, log);
  try {
    assert.equal(await (await fetch(`${bound.address()}/here`)).json(), { here: true });
    const nowhere = await fetch(`${bound.address()}/nowhere`);
    assert.equal(
      [nowhere.status, nowhere.headers.get('content-type')],
      [404, 'application/problem+json; charset=utf-8'],
    );
    const large = await fetch(`${bound.address()}/here`, { method: 'POST', body: 'x' });
    assert.is(large.status, 404);
  } finally {
    bound.stop();
    app.server.closeAllConnections();
    app.server.close();
    await app.close();
  }
});

test.run();
