/** An answered request leaves nothing behind and makes no error; one that failed fails as the client has it. */
import type { NatsConnection } from 'nats';
import { RequestOne } from '@nats-io/nats-core/internal';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { spareErrorsOfAnswers } from '../../../infra/messaging/answered.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { testLogger, withServer } from '../../support/server.ts';

spareErrorsOfAnswers();

/** The requests that the client waits for. */
const waiting = (nc: NatsConnection) =>
  (nc as unknown as { protocol: { muxSubscriptions: { reqs: Map<string, RequestOne> } } }).protocol.muxSubscriptions
    .reqs;

test('answered: a request that was answered is forgotten by the client, without an error', () =>
  withServer(async ({ url }) => {
    const nc = await connectNats({ url, name: 'answered', log: testLogger() });
    try {
      nc.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
      const asked = nc.request('echo', 'hello', { timeout: 10_000 });
      const [request] = [...waiting(nc).values()];
      let cancelled = 0;
      const { cancel } = request!;
      request!.cancel = (error) => {
        cancelled += 1;
        cancel.call(request!, error);
      };
      assert.is((await asked).string(), 'hello');
      assert.equal([waiting(nc).size, cancelled], [0, 0]);
    } finally {
      await nc.close();
    }
  }));

test('answered: silence and the lack of anybody who answers fail as before', () =>
  withServer(async ({ url }) => {
    const nc = await connectNats({ url, name: 'answered', log: testLogger() });
    try {
      const nobody = await nc.request('nobody', '', { timeout: 10_000 }).then(String, (error: Error) => error.name);
      assert.is(nobody, 'RequestError');
      nc.subscribe('silent', { callback: () => {} });
      const silent = await nc.request('silent', '', { timeout: 50 }).then(String, (error: Error) => error.name);
      assert.is(silent, 'TimeoutError');
      assert.is(waiting(nc).size, 0);
    } finally {
      await nc.close();
    }
  }));

test.run();
