/** Each login acts over a connection of its own, also one that is called as a role of our own store is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Connections } from '../../../actors/gateway/connections.ts';
import type { Caller } from '../../../actors/gateway/callers.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { testLogger, withServer } from '../../support/server.ts';

const OF_STORE: Caller = { name: 'operator', role: 'operator', login: null };

test('connections: a login is not taken for the role whose name it has; each caller keeps its own', () =>
  withServer(async ({ url, connect }) => {
    const logins = { operator: { role: 'viewer', certificate: Array(32).fill('AB').join(':') } };
    const { nats, gateway } = ConfigSchema.parse({ gateway: { logins } });
    const of: Caller = { name: 'operator', role: 'viewer', login: gateway.logins['operator']! };
    const connections = new Connections({ nc: await connect('gateway'), url, nats, log: testLogger() });
    try {
      const [store, file] = [await connections.of(OF_STORE), await connections.of(of)];
      assert.is.not(store, file);
      assert.is(await connections.of(OF_STORE), store);
      assert.is(await connections.of(of), file);
      assert.is.not(await connections.clientOf(OF_STORE, 'face'), await connections.clientOf(of, 'face'));
    } finally {
      await connections.close();
    }
  }));

test.run();
