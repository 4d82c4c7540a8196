/** Questions over NATS micro: answers, refusals, discovery. */
import type { NatsConnection } from '@nats-io/nats-core';
import { Svcm } from '@nats-io/services';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { API } from '../../../contracts/subjects.ts';
import { serveApi } from '../../../infra/messaging/api.ts';
import { withServer } from '../../support/server.ts';

const withApi = (use: (nc: NatsConnection) => Promise<void>) =>
  withServer(async ({ connect, log }) => {
    const nc = await connect();
    const endpoints = {
      [API.run]: async (body: unknown) => ({ echo: body }),
      [API.status]: async () => {
        throw new PipelineError('RUN_UNKNOWN', 'no run\nr9');
      },
      [API.models]: async () => {
        throw new Error('a bug');
      },
    };
    const api = await serveApi(nc, endpoints, log);
    await use(await connect());
    await api.stop();
  });

const errorOf = async (nc: NatsConnection, subject: string, body = '') => {
  const reply = await nc.request(subject, body);
  const header = (name: string) => reply.headers?.get(name);
  return [header('Nats-Service-Error-Code'), header('Nats-Service-Error'), reply.json<{ error: unknown }>().error];
};

test('api: a question is answered with JSON, an empty body is an empty object', () =>
  withApi(async (nc) => {
    assert.equal((await nc.request(API.run, '{"runId":"r1"}')).json(), { echo: { runId: 'r1' } });
    assert.equal((await nc.request(API.run)).json(), { echo: {} });
  }));

test('api: an operating error travels as code, message and status', () =>
  withApi(async (nc) => {
    const failure = { code: 'RUN_UNKNOWN', message: 'no run\nr9', retryable: false };
    assert.equal(await errorOf(nc, API.status), ['404', 'no run r9', failure]);
  }));

test('api: a body that is not JSON is refused, a bug is answered too', () =>
  withApi(async (nc) => {
    assert.is((await errorOf(nc, API.run, '{'))[0], '400');
    assert.equal(await errorOf(nc, API.models), [
      '500',
      'a bug',
      { code: 'INTERNAL', message: 'a bug', retryable: true },
    ]);
  }));

test('api: it can be discovered with its subjects', () =>
  withApi(async (nc) => {
    const found: string[] = [];
    for await (const info of await new Svcm(nc).client({ maxWait: 500, strategy: 'stall' }).info('nightshift')) {
      found.push(...info.endpoints.map(({ subject }) => subject));
    }
    assert.equal(found.sort(), [API.models, API.run, API.status].sort());
  }));

test.run();
