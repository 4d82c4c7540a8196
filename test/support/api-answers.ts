/**
 * A model's life with all that operators may ask and command, by request and reply: one question and its answer of every
 * endpoint, as they travel. The test of the API holds the answers to their schemas; docs/api.md shows them.
 */
import { endpointsOf } from '../../actors/orchestrator/api.ts';
import { applySchedules } from '../../actors/orchestrator/schedule.ts';
import type { ApiSubject, Question } from '../../contracts/api.ts';
import {
  API,
  apiOfCommand,
  commandRefusedSubject,
  CTL,
  modelRolledBackSubject,
  slotSubject,
} from '../../contracts/subjects.ts';
import { serveApi } from '../../infra/messaging/api.ts';
import { quickPipeline, trivialWorks, withSaga, type Saga, type Works } from './saga.ts';
import { testLogger, type TestServer } from './server.ts';
import { ended, reached } from './steering.ts';
import { until } from './wait.ts';

export interface Exchange {
  readonly question: unknown;
  /** As it was sent, parsed by no schema. */
  readonly answer: unknown;
}
export type Exchanges = Readonly<Partial<Record<ApiSubject, Exchange>>>;

const MODEL = 'face';
const pipeline = quickPipeline({
  schedule: { cron: '0 2 * * *', timeZone: 'Europe/Berlin' },
  deployment: { guardMs: 0, approval: { required: true } },
});
/** The candidate of `n4` is another one, and is not blessed. */
const works: Partial<Works> = {
  train: async (command, context) => {
    const trained = await trivialWorks.train(command, context);
    const other = { ...trained.model, digest: `sha256:${'4'.repeat(64)}` };
    return command.runId === 'n4' ? { ...trained, model: other } : trained;
  },
  verify: async (command, context) => {
    const verified = await trivialWorks.verify(command, context);
    const reasons = ['12 % of 60 searches by 20 strangers are accepted; at most 1 % was promised'];
    return command.runId === 'n4' ? { ...verified, verdict: 'rejected', admitted: false, reasons } : verified;
  },
};
/** An orchestrator may be busy with the command before. */
const TIMEOUT_MS = 30_000;

/** The first exchange of each endpoint. */
export async function askEverything(server: TestServer): Promise<Exchanges> {
  const exchanges: Partial<Record<ApiSubject, Exchange>> = {};
  await withSaga(server, { pipeline, works }, async (saga) => {
    await applySchedules(saga.orchestrator);
    const api = await serveApi(saga.nc, endpointsOf(saga.orchestrator), testLogger());
    const ask: Ask = async (subject, question) => {
      const reply = await saga.nc.request(subject, JSON.stringify(question), { timeout: TIMEOUT_MS });
      const error = reply.headers?.get('Nats-Service-Error');
      if (error) throw new Error(`${subject} ${JSON.stringify(question)}: ${error}`);
      exchanges[subject] ??= { question, answer: reply.json() };
    };
    await operate(saga, ask);
    await look(ask);
    await api.stop();
  });
  return exchanges;
}

type Ask = <S extends ApiSubject>(subject: S, question: Question<S>) => Promise<void>;

/** Every command, each where it can be obeyed. */
async function operate(saga: Saga, ask: Ask): Promise<void> {
  await ask(apiOfCommand(CTL.pipelineStart), { model: MODEL, runId: 'n1' });
  await ask(apiOfCommand(CTL.pipelinePause), { runId: 'n1', reason: 'the cameras are cleaned' });
  await ask(apiOfCommand(CTL.pipelineResume), { runId: 'n1' });
  await ended(saga, 'n1', 'awaiting-approval');
  await ask(apiOfCommand(CTL.pipelineApprove), { runId: 'n1' });
  await ended(saga, 'n1', 'completed');

  await ask(apiOfCommand(CTL.pipelineStart), { model: MODEL, runId: 'n2' });
  await ended(saga, 'n2', 'awaiting-approval');
  await ask(apiOfCommand(CTL.pipelineReject), { runId: 'n2', reason: 'not before the holidays' });
  await ended(saga, 'n2', 'rejected');
  await ask(apiOfCommand(CTL.pipelineRetry), { runId: 'n2' });
  await reached(saga, 'n2-r1', 'awaitingApproval');
  await ask(apiOfCommand(CTL.pipelineCancel), { runId: 'n2-r1', reason: 'the wrong day' });
  await ended(saga, 'n2-r1', 'cancelled');
  const changes = { deployment: { approval: { required: false } } };
  await ask(apiOfCommand(CTL.pipelineFork), { runId: 'n2', from: 'deploy', changes, newRunId: 'n3' });
  await ended(saga, 'n3', 'completed');
  await ask(apiOfCommand(CTL.modelRollback), { model: MODEL, runId: 'back', reason: 'strangers were let in' });
  await saga.event(modelRolledBackSubject(MODEL));
  await ask(apiOfCommand(CTL.pipelineStart), { model: MODEL, runId: 'n4' });
  await ended(saga, 'n4', 'rejected');
  const word = { by: 'Ada Byron', reason: 'the cameras were exchanged, and the strangers are of the old ones' };
  await ask(apiOfCommand(CTL.pipelineBless), { runId: 'n4', ...word, newRunId: 'n5' });
  await ended(saga, 'n5', 'completed');

  await ask(apiOfCommand(CTL.schedulePause), { model: MODEL, reason: 'holidays' });
  await ask(apiOfCommand(CTL.scheduleResume), { model: MODEL });

  await ask(apiOfCommand(CTL.personForget), { person: '5'.repeat(64), mode: 'look' });
  await ask(apiOfCommand(CTL.storeSweep), { mode: 'look' });

  const door = { sources: [{ type: 'local', name: 'people' }], schedule: { cron: '0 3 * * *' } };
  await ask(apiOfCommand(CTL.configApply), { model: 'door', pipeline: door, expected: 0, reason: 'the new entrance' });
  const longer = { ...door, training: { epochs: 60 } };
  await ask(apiOfCommand(CTL.configApply), { model: 'door', pipeline: longer, expected: 1 });
  await ask(apiOfCommand(CTL.configRollback), { model: 'door', revision: 1, expected: 2, reason: 'it took all night' });
  await ask(apiOfCommand(CTL.configRemove), { model: 'door', expected: 3, reason: 'the entrance is closed' });

  const { deadLetters } = saga.orchestrator;
  const kept = async () => (await deadLetters.newest(10)).letters;
  for (const unknown of ['cats', 'dogs', 'birds']) await saga.bus.publish(slotSubject(unknown), {});
  const [first, second] = await until(async () => ((await kept()).length === 3 ? await kept() : null), 'dead letters');
  await ask(apiOfCommand(CTL.dlqRedrive), { seq: first!.seq }); // There are three.
  await ask(apiOfCommand(CTL.dlqDrop), { seq: second!.seq });
  await until(async () => (await kept()).length === 2, 'the dead letter that was sent again to come back');

  await saga.bus.publish(CTL.pipelineStart, { model: 'cats' }, { id: 'start-cats' });
  await saga.event(commandRefusedSubject('start-cats'));
}

async function look(ask: Ask): Promise<void> {
  await ask(API.status, {});
  await ask(API.runs, { model: MODEL });
  await ask(API.run, { runId: 'n1' });
  await ask(API.deployments, { model: MODEL });
  await ask(API.models, {});
  await ask(API.schedules, {});
  await ask(API.deadLetters, { limit: 1 });
  await ask(API.deadLetter, { seq: 1 });
  await ask(API.refusals, { limit: 1 });
  await ask(API.audit, { limit: 2 });
  await ask(API.configList, {});
  await ask(API.configShow, { model: MODEL });
  await ask(API.configHistory, { model: 'door' });
}
