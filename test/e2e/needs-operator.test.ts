/** A withdrawal that cannot be carried out, by real actors over a server: the run waits for an operator, who resumes it. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ACTORS } from '../../actors/names.ts';
import { CheckpointSchema, runKey } from '../../actors/orchestrator/context.ts';
import { BUCKETS, CTL, STREAMS, commandAcceptedSubject, pipelineEventSubject } from '../../contracts/subjects.ts';
import { PipelineEventSchema } from '../../contracts/messages.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { createRecordStore, openKv } from '../../infra/stores/record-store.ts';
import { statePath } from '../../machines/step.ts';
import { startActor } from '../../main.ts';
import { configureAsIn } from '../support/configured.ts';
import { configOf } from '../support/crash/rig.ts';
import { MODEL, RUN } from '../support/crash/names.ts';
import { haveServed } from '../support/crash/stories.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { writeTinyStrangers } from '../support/lenient.ts';
import { ask, faceOf } from '../support/replicas.ts';
import { withServer, type TestServer } from '../support/server.ts';
import { until } from '../support/wait.ts';

/** A second replica never comes, so the candidate stays announced until somebody decides. */
const pipeline = { deployment: { replicasMin: 2 } };

test('compensation: a withdrawal that fails each time needs an operator, the champion serves on, and resume ends it', () =>
  withFolder((folder) =>
    withServer(async (server) => {
      const { log } = server;
      const nc = await server.connect('operator');
      await writeTinyPeople(join(folder, 'people'), 4, 8);
      await writeTinyStrangers(join(folder, 'street'));
      await haveServed(nc, 1);
      const config = configOf(folder, server.url, { pipeline });
      await configureAsIn(nc, config);
      const actors = await Promise.all(ACTORS.map((name) => startActor(name, server.url, config, log)));
      try {
        await damageAndMend(server);
      } finally {
        await Promise.all(actors.map((actor) => actor.stop()));
      }
    }),
  ));

async function damageAndMend({ connect, log }: TestServer): Promise<void> {
  const nc = await connect('test');
  const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: randomUUID });
  const runs = createRecordStore({ kv: await openKv(nc, BUCKETS.runs), schema: CheckpointSchema });
  const deployments = await openKv(nc, BUCKETS.deployments);
  const run = async () => (await runs.load(runKey(RUN)))?.value ?? null;
  const comesTo = (state: string) =>
    until(async () => statePath((await run())?.value ?? '').startsWith(state), `the run in ${state}`);
  const order = async (subject: string, id: string) => {
    await bus.publish(subject, { runId: RUN, model: MODEL }, { id });
    return until(() => bus.lastOn(STREAMS.events, commandAcceptedSubject(id)), `${id} accepted`);
  };
  const serves = async () => (await ask(nc, 'embed', await faceOf(0))).body['release'];

  await order(CTL.pipelineStart, 'begin');
  await comesTo('deploying.preparing');
  // The state is stored before its announcement is made, and an announcement makes a record that is missing.
  const record = await until(async () => {
    const entry = await deployments.get(MODEL);
    return entry?.json<{ announced: object | null }>().announced && entry;
  }, 'the candidate announced');
  await deployments.delete(MODEL);
  await order(CTL.pipelineCancel, 'give-up');
  await comesTo('needsOperator');
  const told = await until(
    () => bus.lastOn(STREAMS.events, pipelineEventSubject('needs-operator', RUN)),
    'the call for an operator',
  );
  const { failure } = PipelineEventSchema.parse(told.data);
  assert.match(failure?.message ?? '', /model face: the deployment record is gone, but release 1 has served/);
  const stuck = (await run())!.context;
  assert.equal([stuck.undoAttempt, stuck.plan[1]], [3, { undo: 'withdraw', status: 'due' }]);
  assert.is(await serves(), 1);

  await deployments.put(MODEL, record.value);
  await order(CTL.pipelineResume, 'go-on');
  await comesTo('cancelled');
  const { plan, undoFailure } = (await run())!.context;
  assert.equal([plan[1]?.status, undoFailure], ['done', null]);
  const mended = (await deployments.get(MODEL))!.json<{ announced: object | null; current: { release: number } }>();
  assert.equal([mended.announced, mended.current.release], [null, 1]);
  assert.is(await serves(), 1);
}

test.run();
