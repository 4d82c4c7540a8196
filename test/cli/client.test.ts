/** An answer as a command reads it: its parts, its error, or that it comes from another version. */
import type { NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ask } from '../../cli/client.ts';
import type { Answer } from '../../contracts/api.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { API } from '../../contracts/subjects.ts';
import { serveApi } from '../../infra/messaging/api.ts';
import { failureOf } from '../support/failures.ts';
import { withServer } from '../support/server.ts';

const answering = (answer: () => Promise<unknown>, use: (nc: NatsConnection) => Promise<void>) =>
  withServer(async ({ connect, log }) => {
    const api = await serveApi(await connect(), { [API.runs]: answer }, log);
    await use(await connect());
    await api.stop();
  });

const run: Answer<typeof API.runs>['runs'][number] = {
  runId: 'n1',
  model: 'face',
  kind: 'night',
  state: 'completed',
  status: 'done',
  startedAt: '2026-01-01T02:00:00Z',
  updatedAt: '2026-01-01T02:10:00Z',
  failure: null,
};

test('client: an answer is parsed; a field that a newer orchestrator adds is left out', () =>
  answering(
    async () => ({ runs: [{ ...run, mood: 'good' }] }),
    async (nc) => assert.equal(await ask(nc, API.runs, {}), { runs: [run], total: 0 }),
  ));

test('client: an answer that does not fit is an error with the name of the field, and of the likely reason', () =>
  answering(
    async () => ({ runs: [run, { ...run, status: 'asleep' }] }),
    async (nc) => {
      const { code, message } = await failureOf(() => ask(nc, API.runs, {}));
      assert.is(code, 'MESSAGE_MALFORMED');
      assert.match(
        message,
        /nightshift\.api\.runs does not fit \(runs\.1\.status: .*\): .*another version of Nightshift/,
      );
    },
  ));

test('client: an error of the orchestrator keeps its code; one of an unknown code is unexpected', async () => {
  await answering(
    () => Promise.reject(new PipelineError('MODEL_UNKNOWN', 'no cats')),
    async (nc) => {
      const { code, message } = await failureOf(() => ask(nc, API.runs, {}));
      assert.equal([code, message], ['MODEL_UNKNOWN', 'no cats']);
    },
  );
  await answering(
    // As a later version may.
    () => Promise.reject(Object.assign(new PipelineError('INTERNAL', 'too late'), { code: 'FROM_LATER' })),
    async (nc) => assert.is((await failureOf(() => ask(nc, API.runs, {}))).code, 'INTERNAL'),
  );
});

test.run();
