/** Verdicts and what follows from them as an operator sees and types it, against a saga whose verdicts a test chooses. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../actors/orchestrator/api.ts';
import { pipelineEventSubject } from '../../contracts/subjects.ts';
import { serveApi } from '../../infra/messaging/api.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { runCli } from '../support/cli.ts';
import { report } from '../support/figures.ts';
import { withFolder } from '../support/folder.ts';
import { digestOf, judgedNights } from '../support/judged.ts';
import { quickPipeline, withSaga } from '../support/saga.ts';
import { testLogger, withServer } from '../support/server.ts';

test('cli: run and run show tell the verdict; an unchanged night ends well, and bless puts a candidate in by hand', () =>
  withFolder((cwd) =>
    withServer(async (server) => {
      const nights = judgedNights();
      const pipeline = quickPipeline({ noun: { one: 'digit', many: 'digits' } });
      const blobs = createBlobStore(await server.connect('reports'));
      const verify: typeof nights.works.verify = async (command, context) => {
        const { runId } = command;
        const judged = report({ runId, verdict: nights.verdict, admitted: nights.admitted });
        const ref = await blobs.put('REPORTS', `${runId}/verification.json`, Buffer.from(JSON.stringify(judged)));
        return { ...(await nights.works.verify(command, context)), report: ref };
      };
      await withSaga(server, { pipeline, works: { ...nights.works, verify } }, async (saga) => {
        const api = await serveApi(saga.nc, endpointsOf(saga.orchestrator), testLogger());
        const command = (...args: string[]) => runCli(args, { cwd, env: { NATS_URL: server.url } });
        const json = async (...args: string[]) => JSON.parse((await command(...args, '--json')).stdout);

        const first = await command('run');
        assert.is(first.code, 0, first.stderr);
        assert.match(first.stdout, /^run-\S+ completed\nverdict: blessed\n/);
        const second = await json('run');
        assert.equal([second.fact, second.verification], ['unchanged', null]);
        const same = await command('run');
        assert.equal([same.code, same.stdout.split(' ')[1]], [0, 'unchanged\n']);
        assert.match(
          (await command('run', 'show', second.runId)).stdout,
          /  unchanged\nnothing has changed since run-/,
        );

        Object.assign(nights, { verdict: 'rejected', admitted: false, content: digestOf('tuesday') });
        const third = await command('run');
        assert.is(third.code, 1);
        assert.match(third.stdout, /^run-\S+ rejected\nverdict: rejected\n  strangers are let in\n/);
        const [rejected] = third.stdout.split(' ');
        const shown = await json('run', 'show', rejected!);
        assert.equal([shown.state, shown.report.gates[0].outcome], ['rejected', 'held']);
        const text = (await command('run', 'show', rejected!)).stdout;
        assert.match(text, /  rejected\nverdict: rejected\n  strangers are let in\nStrangers let in /);
        assert.match(text, /│ fpir │ held +│ 0\.01/);
        assert.match((await command('runs')).stdout, /unchanged[^]*4 of 4\n$/);
        assert.match((await command('runs', '--limit', '1')).stdout, /1 of 4; --before run-\S+ shows older ones\n$/);
        assert.match((await command('runs', '--state', 'completed', '--since', '1h')).stdout, /\n1 of 1\n$/);
        const blessedRun = (await json('runs', '--state', 'completed')).runs[0].runId as string;
        const compared = (await command('compare', blessedRun, rejected!)).stdout;
        assert.match(compared, /state +│ completed +│ rejected/);
        assert.match(compared, /verdict +│ blessed +│ rejected/);
        assert.match(compared, /Strangers let in, share +│ [\d.]+ % +│/);
        assert.match(compared, /the same configuration\n$/);
        assert.match(compared, /Rank-1 per digit, share +│/);
        assert.is((await json('compare', blessedRun, rejected!)).figures.length > 8, true);
        const forced = await json('run', '--force');
        assert.equal([forced.fact, forced.report.verdict], ['rejected', 'rejected']);

        const nameless = await command('bless', rejected!, '--reason', 'new cameras');
        assert.equal([nameless.code, nameless.stdout], [2, '']);
        const blessed = await command('bless', rejected!, '--by', 'Ada', '--reason', 'new cameras');
        assert.match(blessed.stdout, /^the candidate of run-\S+ goes into service as run-\S+; it is /, blessed.stderr);
        const runId = blessed.stdout.split(' as ')[1]!.split(';')[0]!;
        await saga.event(pipelineEventSubject('completed', runId));
        assert.match((await command('run', 'show', runId)).stdout, /\nblessed by Ada: new cameras\nverdict: rejected/);
        assert.match((await command('deployments')).stdout, /blessed: Ada: new cameras/);
        assert.match((await command('status')).stdout, /\n  blessed     Ada: new cameras\n/);
        const again = await command('bless', rejected!, '--by', 'Ada', '--reason', 'new cameras');
        assert.is(again.code, 1);
        assert.match(again.stderr, /serves already, as release 2 \[COMMAND_NOT_APPLICABLE\]/);
        await api.stop();
      });
    }),
  ));

test.run();
