/** Notices past a kill of the orchestrator, and `nightshift notify test`, in processes of their own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL, pipelineEventSubject } from '../../contracts/subjects.ts';
import { runCli, withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { WEBHOOK_SECRET, withMailServer, withReceiver } from '../support/receivers.ts';
import { quickPipeline, withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

const pipeline = quickPipeline({ retry: { attemptsMax: 1 } });
const failing = async () => {
  throw new Error('no disk');
};

async function configured(folder: string, notify: object): Promise<void> {
  await writeFile(join(folder, 'secret'), `${WEBHOOK_SECRET}\n`);
  await writeFile(join(folder, 'nightshift.config.json'), JSON.stringify({ models: { face: pipeline }, notify }));
}

test('notifications: a kill of the orchestrator loses no notice, and without a crash in between none comes twice', () =>
  withReceiver((receiver) =>
    withFolder((cwd) =>
      withServer((server) =>
        withSaga(server, { orchestrators: 0, pipeline, works: { train: failing } }, async (saga) => {
          await configured(cwd, { webhooks: { ops: { url: receiver.url, secret: { file: 'secret' } } } });
          const options = { cwd, env: { NATS_URL: server.url, NIGHTSHIFT_LOG_LEVEL: 'warn' } };
          receiver.answerWith(503);
          await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'n1' });
          await withCli(['actor', 'orchestrator'], options, async (cli) => {
            await until(() => receiver.asked.length > 0, 'the receiver was asked');
            cli.kill('SIGKILL');
            await cli.exited;
          });
          receiver.answerWith(200);
          await withCli(['actor', 'orchestrator'], options, async () => {
            await until(() => receiver.taken.length > 0, 'the receiver has it');
            await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n2' }, { id: 'n2' });
            await saga.event(pipelineEventSubject('failed', 'n2'));
            await until(() => receiver.taken.some(({ notice }) => notice.runId === 'n2'), 'the next one');
          });
          assert.equal(
            receiver.taken.map(({ notice }) => notice.runId),
            ['n1', 'n2'],
          );
        }),
      ),
    ),
  ));

test('cli: notify test says of each target what came back', () =>
  withReceiver((receiver) =>
    withMailServer(({ port, mails }) =>
      withFolder(async (cwd) => {
        const ops = { url: receiver.url, secret: { file: 'secret' } };
        const crew = { smtp: { env: 'SMTP_URL' }, from: 'n@example.org', to: ['a@example.org'] };
        await configured(cwd, { webhooks: { ops }, mail: { crew } });
        const env = { SMTP_URL: `smtp://127.0.0.1:${port}` };
        const well = await runCli(['notify', 'test'], { cwd, env });
        assert.is(well.code, 0, well.stderr);
        assert.is(well.stdout, 'ops: taken (HTTP 204)\ncrew: taken (SMTP 250, 1 of 1 receivers)\n');
        assert.is(receiver.taken[0]!.notice.kind, 'test');
        assert.match(mails[0]!, /^Subject: Nightshift: a test message/m);
        receiver.answerWith(401);
        const refused = await runCli(['notify', 'test', '--json'], { cwd });
        assert.is(refused.code, 1);
        const { ok, targets } = JSON.parse(refused.stdout);
        assert.is(ok, false);
        assert.match(targets[0].failure.message, /answered HTTP 401/);
        assert.match(targets[1].failure.message, /notify\.mail\.crew\.smtp: .*SMTP_URL is not set/);
        await configured(cwd, {});
        const none = await runCli(['notify', 'test'], { cwd });
        assert.is(none.code, 2);
        assert.match(none.stderr, /nobody to notify.*\[CONFIG_INVALID\]/);
      }),
    ),
  ));

test.run();
