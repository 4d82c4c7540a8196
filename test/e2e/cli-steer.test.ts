/** The commands about one run as an operator types them, against a saga whose work is trivial. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pipelineEventSubject } from '../../contracts/subjects.ts';
import { runCli, withCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { quickPipeline, withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';

const pipeline = quickPipeline({ deployment: { guardMs: 0, approval: { required: true } } });

test('cli: approve, fork, reject, retry and cancel say what became of the run, also as JSON', () =>
  withFolder((cwd) =>
    withServer((server) =>
      withSaga(server, { pipeline }, async (saga) => {
        const command = (...args: string[]) => runCli(args, { cwd, env: { NATS_URL: server.url } });
        const json = async (...args: string[]) => JSON.parse((await command(...args, '--json')).stdout);
        const asked = (runId: string) => saga.event(pipelineEventSubject('awaiting-approval', runId));

        const { runId } = await json('run', '--detach');
        await asked(runId);
        const approved = await command('approve', runId);
        assert.equal([approved.code, approved.stderr], [0, '']);
        assert.match(approved.stdout, new RegExp(`^${runId} is approved and goes on; it is `));
        await saga.event(pipelineEventSubject('completed', runId));

        const changes = '{"training":{"epochs":5}}';
        const forked = await json('fork', runId, '--from', 'verify', '--changes', changes);
        assert.equal([forked.accepted, forked.changed], [true, true]);
        await asked(forked.runId);
        const rejected = await command('reject', forked.runId, '--reason', 'not now');
        assert.match(rejected.stdout, / is rejected; the model in service stays; it is rejected\n$/);

        const retried = await command('retry', forked.runId);
        const retryId = `${forked.runId}-r1`;
        assert.match(
          retried.stdout,
          new RegExp(`^${forked.runId} is retried as ${retryId}; it is waiting for approval\n$`),
        );
        const paused = await json('pause', retryId);
        assert.is(paused.state, 'paused');
        assert.equal(await json('cancel', retryId), { runId: retryId, fact: 'cancelled' });
        const again = await command('cancel', retryId);
        assert.equal([again.code, again.stdout], [0, `${retryId} cancelled\n`]);

        const unknown = await command('resume', 'nobody');
        assert.is(unknown.code, 1);
        assert.match(unknown.stderr, /^nightshift: no run nobody is stored.*\[RUN_UNKNOWN\]\n$/);
        const invalid = await command('fork', runId, '--from', 'train', '--changes', '{');
        assert.equal([invalid.code, invalid.stdout], [2, '']);
        assert.match(invalid.stderr, /^nightshift: --changes: .*expected JSON such as/);
      }),
    ),
  ));

test('cli: run says when no orchestrator answers, goes on waiting, and Ctrl-C ends it', () =>
  withFolder((cwd) =>
    withServer((server) =>
      withSaga(server, { orchestrators: 0 }, () =>
        withCli(['run'], { cwd, env: { NATS_URL: server.url } }, async (cli) => {
          await cli.printed(/no orchestrator has answered for 10 s.*Still waiting; Ctrl-C ends the waiting/);
          cli.kill('SIGINT');
          const { code, signal } = await cli.exited;
          assert.equal([code, signal], [1, null]);
        }),
      ),
    ),
  ));

test.run();
