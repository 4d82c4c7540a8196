/**
 * Who did it, on a server whose permissions fix the names of people, and on one that asks nobody: in the outcome, the time
 * line, the ledger, the refusals and the audit log.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { OutcomeSchema } from '../../../contracts/commands.ts';
import {
  API,
  apiOfCommand,
  commandAcceptedSubject,
  commandAs,
  commandRefusedSubject,
  CTL,
  modelRolledBackSubject,
  pipelineEventSubject,
  STREAMS,
} from '../../../contracts/subjects.ts';
import { serveApi } from '../../../infra/messaging/api.ts';
import { withPeopleServer, ROLE } from '../../support/people-server.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { reached } from '../../support/steering.ts';
import { until } from '../../support/wait.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';

const bodyOf = (id: string, data: object) =>
  JSON.stringify({ specversion: '1.0', id, source: 'somebody/who-claims-to-be-bob', type: 'command', data });

const outcomeOf = async (saga: Saga, subject: string) => OutcomeSchema.parse((await saga.event(subject)).envelope.data);

const auditOf = async (saga: Saga) =>
  (await endpointsOf(saga.orchestrator)[API.audit]({})).entries.map(({ action, by, proven }) => [action, by, proven]);

const approved = quickPipeline({ deployment: { guardMs: 0, approval: { required: true } } });

test('who did it: the permission fixes the name, from the command to the ledger', () =>
  withPeopleServer((server) =>
    withSaga(server, { pipeline: approved }, async (saga) => {
      const [alice, bob] = [clientOf(await server.as('alice')), clientOf(await server.as('bob'))];
      await alice.publish(commandAs(CTL.pipelineStart, 'alice'), bodyOf('go', { model: 'face', runId: 'n1' }));
      assert.is((await outcomeOf(saga, commandAcceptedSubject('go'))).by, 'alice');
      await reached(saga, 'n1', 'awaitingApproval');
      await bob.publish(commandAs(CTL.pipelineApprove, 'bob'), bodyOf('yes', { runId: 'n1' }));
      await saga.event(pipelineEventSubject('completed', 'n1'));
      await outcomeOf(saga, commandAcceptedSubject('yes'));
      const role = clientOf(await server.as(ROLE));
      await role.publish(CTL.modelRollback, bodyOf('back', { model: 'face', runId: 'b1', reason: 'the wrong door' }));
      const refused = await outcomeOf(saga, commandRefusedSubject('back')); // There is one release only.
      assert.equal([refused.failure?.code, refused.by], ['NO_PREVIOUS_RELEASE', 'operator']);

      const { timeline } = await endpointsOf(saga.orchestrator)[API.run]({ runId: 'n1' });
      const commanded = timeline.filter(({ by }) => by !== null).map(({ cause, by }) => `${cause} ${by}`);
      assert.equal(commanded, ['started alice', 'operator.approve bob']);
      const { models } = await endpointsOf(saga.orchestrator)[API.deployments]({});
      assert.equal(
        models[0]?.releases.map(({ by }) => by),
        ['bob'],
      );
      const { refusals } = await endpointsOf(saga.orchestrator)[API.refusals]({});
      assert.equal([refusals[0]?.by, refusals[0]?.source], ['operator', 'somebody/who-claims-to-be-bob']);
      assert.equal(await auditOf(saga), [
        ['pipeline.approve', 'bob', true],
        ['pipeline.start', 'alice', true],
      ]);
    }),
  ));

test('who did it: nobody can publish in the name of another, or of the role', () =>
  withPeopleServer((server) =>
    withSaga(server, { replica: false }, async (saga) => {
      const alice = clientOf(await server.as('alice'));
      for (const subject of [CTL.pipelineStart, commandAs(CTL.pipelineStart, 'bob')]) {
        const refused = alice.publish(subject, bodyOf('go', { model: 'face' }), { retries: 1, timeout: 1_000 });
        assert.match(await refused.then(() => 'stored').catch(String), /permission/i);
      }
      const { state } = await (await managerOf(saga.nc)).streams.info(STREAMS.ctl);
      assert.is(state.last_seq, 0);
    }),
  ));

test('who did it: a command by request and reply carries the name that its subject ends in', () =>
  withPeopleServer((server) =>
    withSaga(server, { replica: false }, async (saga) => {
      const api = await serveApi(saga.nc, endpointsOf(saga.orchestrator), testLogger());
      const alice = await server.as('alice');
      const question = JSON.stringify({ model: 'face', runId: 'n1' });
      const reply = await alice.request(`${apiOfCommand(CTL.pipelineStart)}.alice`, question, { timeout: 10_000 });
      assert.equal([reply.json<{ by: string }>().by, reply.json<{ runId: string }>().runId], ['alice', 'n1']);
      await api.stop();
    }),
  ));

test('who did it: a server that asks nobody proves nothing, and the record says so', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'one' });
      await saga.event(pipelineEventSubject('completed', 'n1'));
      await saga.bus.publish(commandAs(CTL.pipelineStart, 'alice'), { model: 'face', runId: 'n2', force: true });
      await saga.event(pipelineEventSubject('completed', 'n2'));
      await saga.bus.publish(CTL.modelRollback, { model: 'face', runId: 'b1' }, { id: 'back' });
      await saga.event(modelRolledBackSubject('face'));
      await outcomeOf(saga, commandAcceptedSubject('back'));
      assert.equal(await auditOf(saga), [
        ['model.rollback', 'anonymous', false],
        ['pipeline.start', 'alice, unproven', false],
        ['pipeline.start', 'anonymous', false],
      ]);
      const { models } = await endpointsOf(saga.orchestrator)[API.deployments]({});
      assert.equal(
        models[0]?.releases.map(({ by }) => by),
        ['anonymous', 'alice, unproven', 'anonymous'],
      );
    }),
  ));

test('audit: a line can be neither deleted nor purged, and a repeated message id does not hide a command', () =>
  withServer((server) =>
    withSaga(server, { replica: false, absent: ['collect'] }, async (saga) => {
      const js = clientOf(saga.nc);
      await js.publish(CTL.pipelineStart, bodyOf('same', { model: 'face', runId: 'n1' }));
      await js.publish(CTL.pipelinePause, bodyOf('same', { runId: 'n1', reason: 'to be seen' }));
      const { streams } = await managerOf(saga.nc);
      await saga.event(commandAcceptedSubject('same'));
      const { audit } = saga.orchestrator;
      const entries = await until(async () => {
        const kept = await audit.newest(10, null);
        return kept.total === 2 ? kept.entries : null;
      }, 'two lines');
      assert.equal(
        entries.map(({ action, about, reason }) => [action, about, reason]),
        [
          ['pipeline.pause', { runId: 'n1', model: 'face', run: 'n1' }, 'to be seen'],
          ['pipeline.start', { model: 'face', runId: 'n1', run: 'n1' }, null],
        ],
      );
      const refusals = [streams.deleteMessage(STREAMS.audit, 1), streams.purge(STREAMS.audit)];
      for (const refusal of refusals)
        assert.match(await refusal.then(() => 'done').catch(String), /not permitted|denied/);
      assert.equal((await audit.newest(1, null)).entries.length, 1);
      assert.equal((await audit.newest(10, new Date(Date.now() + 60_000))).entries, []);
    }),
  ));

test.run();
