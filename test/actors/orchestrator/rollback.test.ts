/** Rollbacks and the ledger by public subjects: to the previous release, to a retained one, and from a run in its guard. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import { rollBack } from '../../../cli/commands/operate.ts';
import { API, CTL, pipelineEventSubject } from '../../../contracts/subjects.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { failureOf } from '../../support/failures.ts';
import { quickPipeline, trivialWorks, withSaga, type Saga, type Works } from '../../support/saga.ts';
import { configure } from '../../support/configured.ts';
import { withServer } from '../../support/server.ts';
import { hold, tell } from '../../support/steering.ts';
import { createGate, until } from '../../support/wait.ts';

/** Runs whose model, gallery, golden samples and detector of faces are stored objects, different for each run. */
function storingWorks(put: (runId: string, name: string) => Promise<BlobRef>): Partial<Works> {
  return {
    train: async (command, context) => ({
      ...(await trivialWorks.train(command, context)),
      model: await put(command.runId, 'model'),
    }),
    verify: async (command, context) => ({
      ...(await trivialWorks.verify(command, context)),
      gallery: await put(command.runId, 'gallery'),
      golden: await put(command.runId, 'golden'),
      faces: await put(command.runId, 'faces'),
    }),
  };
}

const withNights = (deployment: object, use: (saga: Saga) => Promise<void>) =>
  withServer(async (server) => {
    const blobs = createBlobStore(await server.connect('blobs'));
    const works = storingWorks((runId, name) => blobs.put('MODELS', `${runId}/${name}`, Buffer.from(runId + name)));
    await withSaga(server, { works, pipeline: quickPipeline({ deployment }) }, use);
  });

const start = (saga: Saga, runId: string) =>
  saga.bus.publish(CTL.pipelineStart, { model: 'face', runId }, { id: `${runId}.start` });

async function nights(saga: Saga, ...runIds: string[]): Promise<void> {
  for (const runId of runIds) {
    await start(saga, runId);
    await saga.event(pipelineEventSubject('completed', runId));
  }
}

const recordOf = async (saga: Saga) => (await saga.orchestrator.deployments.load('face'))!.value;

async function ledgerOf(saga: Saga) {
  const answer = await endpointsOf(saga.orchestrator)[API.deployments]({ model: 'face' });
  return answer.models[0]!.releases;
}

test('rollback: to the previous release and back again, and the ledger tells it', () =>
  withNights({ guardMs: 0 }, async (saga) => {
    await nights(saga, 'n1', 'n2');
    const { deployed: back } = await rollBack(saga.bus, 'face', 'too many strangers');
    assert.equal([back.release, back.origin], [3, { release: 1, runId: 'n1' }]);
    const { deployed: forth } = await rollBack(saga.bus, 'face');
    assert.equal([forth.release, forth.origin], [4, { release: 2, runId: 'n2' }]);
    const ledger = await ledgerOf(saga);
    assert.equal(
      ledger.map(({ release, reason, why, origin, retained }) => [release, reason, why, origin.release, retained]),
      [
        [4, 'operator', null, 2, false],
        [3, 'operator', 'too many strangers', 1, true],
        [2, 'deployed', null, 2, false],
        [1, 'deployed', null, 1, true],
      ],
    );
    assert.equal(
      ledger.map(({ endedAt }) => endedAt),
      [null, ledger[0]?.startedAt, ledger[1]?.startedAt, ledger[2]?.startedAt],
    );
    assert.is((await recordOf(saga)).current?.committedAt, ledger[0]?.startedAt);
  }));

test('rollback: to a retained release by preparing and committing its pair, without training', () =>
  withNights({ guardMs: 0 }, async (saga) => {
    await nights(saga, 'n1', 'n2', 'n3');
    const { deployed } = await rollBack(saga.bus, 'face', 'as in the beginning', 1);
    assert.equal([deployed.release, deployed.origin], [4, { release: 1, runId: 'n1' }]);
    const { current, previous, announced } = await recordOf(saga);
    assert.equal([current?.model.key, previous?.runId, announced], ['n1/model', 'n3', null]);
    assert.is((await ledgerOf(saga))[0]?.why, 'as in the beginning');
    const trainings = saga.events.filter(({ subject }) => subject.startsWith('nightshift.evt.train.completed.'));
    assert.is(trainings.length, 3);
    const { deployed: undone } = await rollBack(saga.bus, 'face');
    assert.equal([undone.release, undone.origin], [5, { release: 3, runId: 'n3' }]);
  }));

test('rollback: what is not retained, serves already, or is no longer stored is refused, and nothing changes', () =>
  withNights({ guardMs: 0, retainedReleases: 1 }, async (saga) => {
    await nights(saga, 'n1', 'n2', 'n3', 'n4');
    const codeOf = async (to: number) => (await failureOf(() => rollBack(saga.bus, 'face', undefined, to))).code;
    assert.equal([await codeOf(1), await codeOf(4), await codeOf(77)], Array(3).fill('RELEASE_NOT_RETAINED'));
    await saga.orchestrator.blobs.remove('MODELS', 'n2/gallery');
    const missing = await failureOf(() => rollBack(saga.bus, 'face', undefined, 2));
    assert.is(missing.code, 'BLOB_MISSING');
    assert.match(missing.message, /release 2: MODELS\/n2\/gallery is no longer stored/);
    await saga.orchestrator.blobs.put('MODELS', 'n2/gallery', Buffer.from('n2gallery'));
    await saga.orchestrator.blobs.remove('MODELS', 'n2/faces');
    const blind = await failureOf(() => rollBack(saga.bus, 'face', undefined, 2));
    assert.match(blind.message, /release 2: MODELS\/n2\/faces is no longer stored/);
    assert.equal([(await recordOf(saga)).current?.release, (await recordOf(saga)).announced], [4, null]);
  }));

test('rollback: a second one that is asked for before the first has ended is refused; a night is no hindrance', () =>
  withServer(async (server) => {
    const gate = createGate();
    const before = ({ change }: { change: string }) => (change === 'rolled-back' ? gate.opened : Promise.resolve());
    const training = hold('train');
    const isNight = ({ runId }: { runId: string }) => runId === 'n3';
    const works = {
      train: (async (command, context) =>
        isNight(command)
          ? training.works.train(command, context)
          : trivialWorks.train(command, context)) satisfies Works['train'],
    };
    await withSaga(server, { works, replica: { before } }, async (saga) => {
      await nights(saga, 'n1', 'n2');
      await start(saga, 'n3');
      await until(() => training.taken.includes('n3'), 'a night under way');
      const first = await tell(saga, CTL.modelRollback, { model: 'face', runId: 'back' });
      assert.equal([first.runId, first.state], ['back', 'rollingBack']);
      const second = await failureOf(() => tell(saga, CTL.modelRollback, { model: 'face', runId: 'back-again' }));
      assert.is(second.code, 'RUN_ACTIVE');
      assert.match(second.message, /run back is under way/);
      gate.open();
      await saga.event(pipelineEventSubject('rolled-back', 'back'));
      assert.equal([(await recordOf(saga)).current?.release, (await recordOf(saga)).current?.runId], [3, 'n1']);
      training.release();
      await saga.event(pipelineEventSubject('completed', 'n3'));
      const third = await tell(saga, CTL.modelRollback, { model: 'face', runId: 'once-more' });
      assert.is(third.changed, true);
    });
  }));

/** From now on runs stand in their guard until somebody ends them. */
const guardForEver = ({ orchestrator }: Saga) =>
  configure(orchestrator.configs, { face: quickPipeline({ deployment: { guardMs: 3_600_000 } }) });

async function guarding(saga: Saga, runId: string): Promise<void> {
  await start(saga, runId);
  await until(async () => (await saga.stateOf(runId)) === '{deploying:{guarding:watching}}' || null, 'the guard');
}

test('rollback: an operator takes back the release of a run that stands in its guard, and that run ends so', () =>
  withNights({ guardMs: 0 }, async (saga) => {
    await nights(saga, 'n1');
    await guardForEver(saga);
    await guarding(saga, 'n2');
    const { deployed } = await rollBack(saga.bus, 'face', 'doors stay shut');
    assert.equal([deployed.release, deployed.origin.release, deployed.runId], [3, 1, 'n2']);
    await saga.event(pipelineEventSubject('rolled-back', 'n2'));
    const [latest] = await ledgerOf(saga);
    assert.equal([latest?.reason, latest?.why], ['operator', 'doors stay shut']);
  }));

test('rollback: to a retained release out of a guard, the guarded release goes first', () =>
  withNights({ guardMs: 0 }, async (saga) => {
    await nights(saga, 'n1', 'n2');
    await guardForEver(saga);
    await guarding(saga, 'n3');
    const { deployed } = await rollBack(saga.bus, 'face', undefined, 1);
    assert.equal([deployed.release, deployed.origin.release], [5, 1]);
    await saga.event(pipelineEventSubject('rolled-back', 'n3'));
    const ledger = await ledgerOf(saga);
    assert.equal(
      ledger.map(({ release, origin }) => [release, origin.release]),
      [5, 4, 3, 2, 1].map((release) => [release, { 5: 1, 4: 2 }[release] ?? release]),
    );
  }));

test.run();
