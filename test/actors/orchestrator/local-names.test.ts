/** Runs carry names: those of today, those that 0.3.0 left under way with whole configurations, and forks to other names. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineConfigSchema } from '../../../contracts/configuration/pipeline.ts';
import { FailedSchema } from '../../../contracts/messages.ts';
import { commandSubject, CTL, STREAMS, workEventSubject } from '../../../contracts/subjects.ts';
import { runKey } from '../../../actors/orchestrator/context.ts';
import { firstCheckpoint, type Checkpoint } from '../../../machines/step.ts';
import { VERSIONS } from '../../../machines/versions.ts';
import { inNamesOf04 } from '../../../machines/names.ts';
import { judgedNights } from '../../support/judged.ts';
import { definitionsOf } from '../../support/local.ts';
import { nightInput } from '../../support/runs.ts';
import { quickPipeline, trivialWorks, withSaga, type Works } from '../../support/saga.ts';
import { configure } from '../../support/configured.ts';
import { withServer } from '../../support/server.ts';
import { contextOf, ended, reached, start, tell } from '../../support/steering.ts';
import { until } from '../../support/wait.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

/** As 0.3.0 kept it in each run: all that is local has the word `hush` in it. */
const WHOLE = PipelineConfigSchema.parse({
  sources: [{ type: 'http', name: 'auth', url: 'http://hush.internal/faces?token=hush' }],
  training: { strategy: 'command', command: { argv: ['hush'], env: { TOKEN: 'hush' } } },
  verification: { featuresDir: '/hush' },
  deployment: { guardMs: 0 },
  retry: { attemptsMax: 3, backoffMs: 50 },
});

/** Notes the settings of each command that reaches a worker. */
function noting(): { readonly works: Works; readonly told: object[] } {
  const told: object[] = [];
  const works: Works = {
    collect: (command, context) => (told.push(command.pipeline), trivialWorks.collect(command, context)),
    train: (command, context) => (told.push(command.training), trivialWorks.train(command, context)),
    verify: (command, context) => (told.push(command.verification), trivialWorks.verify(command, context)),
  };
  return { works, told };
}

test('names: a run that 0.3.0 left with its command unsent goes on to its end, and no worker is told what its memory held', () =>
  withServer(async (server) => {
    const { works, told } = noting();
    await withSaga(server, { works }, async (saga) => {
      const { runs } = saga.orchestrator;
      await runs.save(runKey('old'), of03('old'), 0);
      // A sign of life of its worker is enough to make an orchestrator look at it.
      const subject = workEventSubject('collect', 'working', 'old');
      await saga.bus.publish(subject, { runId: 'old', model: 'face', commandId: 'old.collect.1' }, { id: 'sign' });
      await ended(saga, 'old', 'completed');
      assert.equal([told.length, JSON.stringify(told).includes('hush')], [3, false]);
      assert.equal(Object.assign({}, ...told).command, { local: 'face.training.command' });
      assert.not.match(JSON.stringify(await contextOf(saga, 'old')), 'hush');
    });
  }));

/** The first checkpoint of a night, with its effects still to be carried out. */
function of03(runId: string): Checkpoint {
  const { context, outbox, ...rest } = firstCheckpoint(nightInput({ runId }), 'm1', new Date());
  const version = VERSIONS[VERSIONS.findIndex(({ upcast }) => upcast === inNamesOf04) - 1]!;
  const sent = outbox.map((it) => (it.kind === 'command' ? { ...it, data: { ...it.data, pipeline: WHOLE } } : it));
  // Its types are not those of then.
  return {
    ...rest,
    machine: version.digest,
    context: { ...context, pipeline: WHOLE },
    outbox: sent,
  } as unknown as Checkpoint;
}

test('names: a command that 0.3.0 had queued is refused and kept, and the next attempt has names', () =>
  withServer(async (server) => {
    const { works, told } = noting();
    await withSaga(server, { works, absent: ['train'] }, async (saga) => {
      await start(saga, 'n1');
      await reached(saga, 'n1', 'training.working');
      const subject = commandSubject('train', 'start', 'n1');
      const manager = await managerOf(saga.nc);
      // The state is told beside the command, not after it.
      const last = () => manager.streams.getMessage(STREAMS.commands, { last_by_subj: subject });
      const queued = await until(last, 'the command to train');
      const { data, ...envelope } = queued.json<{ data: object; id: string }>();
      await manager.streams.deleteMessage(STREAMS.commands, queued.seq);
      saga.nc.publish(subject, JSON.stringify({ ...envelope, data: { ...data, training: WHOLE.training } }));
      saga.startLate('train');
      const { failure } = FailedSchema.parse(
        (await saga.event(workEventSubject('train', 'failed', 'n1'))).envelope.data,
      );
      assert.equal([failure.code, failure.retryable], ['LOCAL_SETTING', true]);
      assert.match(failure.message, 'training.command.argv, training.command.env');
      await ended(saga, 'n1', 'completed');
      assert.not.match(JSON.stringify(told), 'hush');
      const { letters } = await saga.orchestrator.deadLetters.newest(10);
      assert.equal(
        letters.map((letter) => [letter.subject, letter.code]),
        [[subject, 'LOCAL_SETTING']],
      );
    });
  }));

test('names: a fork may name another definition, and is refused with all paths and what is allowed if it brings one', () =>
  withServer(async (server) => {
    const { works, told } = noting();
    await withSaga(server, { works, pipeline: quickPipeline() }, async (saga) => {
      await start(saga, 'n1');
      await ended(saga, 'n1', 'completed');
      const fork = { runId: 'n1', from: 'train', newRunId: 'f1' };
      const bring = {
        training: { command: { argv: ['sh'], cwd: '/' }, epochs: 2 },
        sources: [{ type: 'directory', name: 'a', path: '/' }],
      };
      try {
        await tell(saga, CTL.pipelineFork, { ...fork, changes: bring });
        assert.unreachable();
      } catch (error) {
        const { code, message } = error as { code: string; message: string };
        assert.is(code, 'LOCAL_SETTING');
        assert.match(message, /carries training\.command\.argv, training\.command\.cwd, sources\.0\.path; /);
        assert.match(message, /A fork may change training \{.*epochs.*\}, sources by \{"type": "local", "name"\}$/);
      }
      assert.is(await saga.orchestrator.runs.load(runKey('f1')), null);
      const named = { training: { strategy: 'command', command: { local: 'pytorch' }, epochs: 2 } };
      await tell(saga, CTL.pipelineFork, { ...fork, changes: named });
      await ended(saga, 'f1', 'completed');
      const { strategy, command, epochs } = (await contextOf(saga, 'f1')).pipeline.training;
      assert.equal([strategy, command, epochs], ['command', { local: 'pytorch' }, 2]);
      assert.ok(told.some((it) => 'command' in it));
    });
  }));

test('names: a night after which a definition of the file has changed is not an unchanged one', () =>
  withServer(async (server) => {
    const { works } = judgedNights();
    const withArgument = (argument: string) =>
      definitionsOf({ face: { ...WHOLE, training: { strategy: 'command', command: { argv: ['train', argument] } } } });
    await withSaga(server, { works }, async (saga) => {
      const night = async (runId: string, argument: string, end: 'completed' | 'unchanged') => {
        const local = withArgument(argument);
        Object.assign(saga.orchestrator, { local });
        await configure(saga.orchestrator.configs, local.pipelines);
        await start(saga, runId);
        await ended(saga, runId, end);
      };
      await night('n1', '--fast', 'completed');
      await night('n2', '--fast', 'unchanged');
      await night('n3', '--well', 'completed');
      await night('n4', '--well', 'unchanged');
    });
  }));

test.run();
