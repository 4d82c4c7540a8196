/**
 * The README's lines with the real NATS CLI: start a run, watch it, see what went into service, roll back, ask. Skipped
 * by name where no `nats` is on the PATH (`go install github.com/nats-io/natscli/nats@v0.4.0`).
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../actors/orchestrator/api.ts';
import { OutcomeSchema } from '../../contracts/commands.ts';
import {
  API,
  apiOfCommand,
  CTL,
  modelDeployedSubject,
  modelRolledBackSubject,
  pipelineEventSubject,
  scheduleEventSubject,
  slotSubject,
} from '../../contracts/subjects.ts';
import { SlotDecidedSchema } from '../../contracts/configuration/schedule.ts';
import { serveApi } from '../../infra/messaging/api.ts';
import { withSaga, type Saga } from '../support/saga.ts';
import { testLogger, withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const run = promisify(execFile);
const hasCli = spawnSync('nats', ['--version']).status === 0;
const TIMEOUT_MS = 60_000;

if (!hasCli) console.log('SKIP NATS CLI: no `nats` on the PATH');

test(hasCli ? 'NATS CLI: the lines of the README work' : 'NATS CLI: skipped, no `nats` on the PATH', async () => {
  if (!hasCli) return assert.is(spawnSync('nats', ['--version']).status, null);
  await withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const nats = async (...args: string[]) =>
        (await run('nats', ['-s', server.url, ...args], { timeout: TIMEOUT_MS })).stdout;
      const watcher = await watch(server.url, saga);
      const api = await serveApi(saga.nc, endpointsOf(saga.orchestrator), testLogger());
      try {
        // The request is answered; the publication is the same without an answer.
        const asked = await nats('req', '--raw', apiOfCommand(CTL.pipelineStart), '{"model":"face","runId":"n1"}');
        assert.is(OutcomeSchema.parse(JSON.parse(asked)).runId, 'n1');
        await watcher.sees(modelDeployedSubject('face'), 'n1');
        await nats('pub', CTL.pipelineStart, '{"model":"face","runId":"n2"}');
        await saga.event(pipelineEventSubject('completed', 'n2'));
        await watcher.sees(modelDeployedSubject('face'), 'n2');
        await nats('req', '--raw', apiOfCommand(CTL.modelRollback), '{"model":"face"}');
        await watcher.sees(modelRolledBackSubject('face'), 'rollback-');
      } finally {
        watcher.stop();
      }
      const status = JSON.parse(await nats('req', '--raw', API.status, ''));
      assert.is(status.models[0].deployment.current.runId, 'n1');
      await api.stop();
      // docs/schedule.md: a schedule that the server itself keeps.
      const cron = ['--schedule-cron', '* * * * * *', '--schedule-dest', slotSubject('face')];
      await nats('pub', 'nightshift.timer.cron.face', '{}', '--jetstream', ...cron);
      const { envelope } = await saga.event(scheduleEventSubject('decided', 'face'));
      const { runId } = SlotDecidedSchema.parse(envelope.data);
      await saga.event(pipelineEventSubject('completed', runId!));
    }),
  );
});

/** A plain `nats sub`. It is known to listen once it has shown a message that is published until it does. */
async function watch(url: string, saga: Saga) {
  const child = spawn('nats', ['-s', url, 'sub', 'nightshift.evt.model.>']);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await until(() => {
    saga.nc.publish('nightshift.evt.model.listening.test', '{}');
    return output.includes('nightshift.evt.model.listening.test');
  }, '`nats sub` to listen');
  return {
    sees: (subject: string, text: string) =>
      until(() => output.slice(output.lastIndexOf(`"${subject}"`)).includes(text), `${subject} with ${text}`),
    stop: () => child.kill(),
  };
}

test.run();
