/** Operators who have to sign: a run waits until enough of them have, and their words become a part of the pair. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL } from '../../../contracts/subjects.ts';
import type { EnvelopeOfStatement } from '../../../contracts/signing.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { sendCommand } from '../../../infra/messaging/send-command.ts';
import { signStatement } from '../../../services/signing/dsse.ts';
import { newKey, storeKey } from '../../../services/signing/key-folder.ts';
import { approvalStatement } from '../../../services/signing/statement.ts';
import { withFolder } from '../../support/folder.ts';
import { blobRef } from '../../support/runs.ts';
import { quickPipeline, trivialWorks, withSaga, type Saga, type Works } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { keysIn, signedPair, strangersKey, type Keys } from '../../support/signed.ts';
import { until } from '../../support/wait.ts';

const PAIR = {
  model: blobRef('MODELS', 'm'),
  gallery: blobRef('MODELS', 'g'),
  golden: blobRef('MODELS', 'o'),
  runId: 'n1',
};

const wordOf = (keys: Keys, signer = keys.signing.keyOf('operator')!, model = 'face'): EnvelopeOfStatement =>
  signStatement(approvalStatement(PAIR, { model, run: 'n1', reason: null, time: '2026-01-01T02:00:00.000Z' }), [
    signer,
  ]);

/** A night whose candidate waits for people. */
const waiting = (use: (saga: Saga, keys: Keys) => Promise<void>) =>
  withFolder((folder) =>
    withServer(async (server) => {
      const keys = keysIn(folder);
      const blobs = createBlobStore(await server.connect());
      const verify: Works['verify'] = async (command, context) => {
        const { statement } = await signedPair(blobs, PAIR, [keys.verifier]);
        return { ...(await trivialWorks.verify(command, context)), ...(statement ? { statement } : {}) };
      };
      const pipeline = quickPipeline({ deployment: { guardMs: 0, approval: { required: true } } });
      await withSaga(server, { pipeline, signing: keys.signing, works: { verify } }, async (saga) => {
        await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'start' });
        await until(async () => (await saga.stateOf('n1')) === 'awaitingApproval', 'the run to wait');
        await use(saga, keys);
      });
    }),
  );

const approve = ({ bus }: Saga, id: string, approval?: EnvelopeOfStatement) =>
  sendCommand(bus, {
    ...{ subject: CTL.pipelineApprove, id, silence: 'no answer' },
    data: { runId: 'n1', ...(approval ? { approval } : {}) },
  });

const refusal = (sent: Promise<unknown>) =>
  sent.then(
    () => 'accepted',
    (error: Error) => error.message,
  );

test('approvals: an approval without a trusted signature of an operator is refused, and the run goes on waiting', () =>
  waiting(async (saga, keys) => {
    keys.change((trust) => ({ ...trust, required: { verifier: 1, operator: 1 } }));
    assert.match(await refusal(approve(saga, 'a1')), /0 of the 1 operators/);
    assert.match(await refusal(approve(saga, 'a2', wordOf(keys, strangersKey()))), /0 of the 1 operators/);
    assert.match(await refusal(approve(saga, 'a3', wordOf(keys, undefined, 'other'))), /0 of the 1 operators/);
    assert.is(await saga.stateOf('n1'), 'awaitingApproval');
    assert.is(await refusal(approve(saga, 'a4', wordOf(keys))), 'accepted');
    await saga.event('nightshift.evt.pipeline.completed.n1');
    const { current } = (await saga.orchestrator.deployments.load('face'))!.value;
    assert.is(current?.approvals?.length, 1);
    assert.ok(current?.statement);
  }));

test('approvals: two operators are two keys', () =>
  waiting(async (saga, keys) => {
    const second = newKey('operator-b', new Date());
    keys.change((trust) => ({
      ...trust,
      keys: [...trust.keys, second.listed],
      required: { verifier: 1, operator: 2 },
    }));
    const first = keys.signing.keyOf('operator')!;
    assert.match(await refusal(approve(saga, 'a1', wordOf(keys, first))), /1 of the 2 operators/);
    storeKey(keys.keysDir, second);
    const both = keys.signing.sign(
      'operator',
      JSON.parse(Buffer.from(wordOf(keys).payload, 'base64').toString()) as object,
    );
    assert.is(both?.signatures.length, 2);
    assert.is(await refusal(approve(saga, 'a2', both!)), 'accepted');
    await saga.event('nightshift.evt.pipeline.completed.n1');
  }));

test('approvals: where none is demanded, an approval without a signature is enough', () =>
  waiting(async (saga) => {
    assert.is(await refusal(approve(saga, 'a1')), 'accepted');
    await saga.event('nightshift.evt.pipeline.completed.n1');
  }));

test.run();
