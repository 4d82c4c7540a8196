/** A second training that also learns the probes, beside a candidate that stays as it is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { refit } from '../../../actors/trainer/refit.ts';
import { startTrainer } from '../../../actors/trainer/trainer.ts';
import { TrainingConfigSchema } from '../../../contracts/configuration/training.ts';
import { refitKeyOf } from '../../../contracts/references.ts';
import { collectSnapshot } from '../../../services/data/snapshot.ts';
import type { TrainingJob, TrainingOutcome } from '../../../services/training/strategy.ts';
import { decodeWeights } from '../../../services/training/loop/weights.ts';
import { withOneStage } from '../../support/one-stage.ts';
import { listSource, quietContext, samplesOf } from '../../support/samples.ts';
import { tinySplit } from '../../support/tiny-data.ts';
import { recordWork } from '../../support/work.ts';

const NET = [{ type: 'flatten' }, { type: 'dense', units: 8 }];
const TRAINING = { net: NET, epochs: 3, batchSize: 8, microBatch: 4, threads: 1 };

test('refit: another model lies beside the same candidate, and the weights for the next night are the candidate’s', () =>
  withOneStage('train', startTrainer, async ({ blobs, run }) => {
    const { dataset } = await collectSnapshot({
      ...{
        ...quietContext(),
        sources: [listSource('auth', await samplesOf(['ada', 'ben', 'cleo', 'dora'], 6))],
        blobs,
      },
      ...{ image: { width: 8, height: 8, channels: 1 }, split: { strategy: 'first-n', train: 3 } },
      holdOut: { share: 0, min: 1 },
    });
    const train = (runId: string, more: object) =>
      run(runId, { dataset, training: { ...TRAINING, ...more }, champion: null });
    const [plain, fitted] = [await train('r1', {}), await train('r2', { refit: true })];
    const digestOf = async (key: string) => (await blobs.find('MODELS', key))?.digest;
    const weightsOf = async (runId: string) => {
      const stored = await blobs.find('MODELS', `face/${runId}/training-weights.safetensors`);
      const { runId: _, ...weights } = decodeWeights(await blobs.get(stored!));
      return weights;
    };
    assert.equal(await weightsOf('r2'), await weightsOf('r1'));
    assert.is(await digestOf(refitKeyOf(plain.model)), undefined);
    const again = await digestOf(refitKeyOf(fitted.model));
    assert.ok(again !== undefined && again !== fitted.model.digest);
    assert.equal([fitted.epochs, fitted.loss], [plain.epochs, plain.loss]);
  }));

const outcome = (changes: Partial<TrainingOutcome> = {}): TrainingOutcome => ({
  ...{ model: Uint8Array.of(1), epochs: 9, loss: 1, imagesPerSecond: 1, validationRank1: null, curve: [] },
  ...changes,
});
const job = (training: object): Omit<TrainingJob, 'validation' | 'resumeFrom'> => ({
  ...{ runId: 'r1', model: 'face', train: tinySplit(8, 2), datasetDigest: 'd' },
  config: TrainingConfigSchema.parse(training),
});
const course = (bestEpoch: number, ended: 'epochs' | 'time' = 'epochs') => ({
  ...{ ended, bestEpoch, retry: null, warmStart: { type: 'scratch' as const, reason: 'a test' } },
});

test('refit: it takes as many passes as the best one of the candidate, and nothing ends it early', async () => {
  const asked: TrainingJob[] = [];
  const strategy = {
    name: 'told',
    train: async (told: TrainingJob) => {
      asked.push(told);
      return outcome({ model: Uint8Array.of(2) });
    },
  };
  const config = { epochs: 40, earlyStopping: { patience: 2 }, maxDurationMs: 60_000 };
  const candidate = { ...outcome({ course: course(7) }), durationMs: 20_000 };
  assert.equal(await refit(strategy, job(config), candidate, recordWork()), Uint8Array.of(2));
  const [{ config: used, validation, resumeFrom }] = asked as [TrainingJob];
  assert.equal([used.epochs, used.maxDurationMs, used.earlyStopping], [7, 40_000, undefined]);
  assert.equal([validation, resumeFrom], [null, null]);
});

test('refit: there is none where nothing was trained or no time is left, and a line says so', async () => {
  const isCut = { name: 'slow', train: async () => outcome({ course: course(3, 'time') }) };
  const cases = [
    { candidate: { ...outcome({ epochs: 0 }), durationMs: 1 }, why: /nothing was trained/ },
    { candidate: { ...outcome(), durationMs: 59_500 }, why: /the candidate took all of training\.maxDurationMs/ },
    { candidate: { ...outcome(), durationMs: 1 }, why: /training\.maxDurationMs ended it early/ },
  ];
  for (const { candidate, why } of cases) {
    const work = recordWork();
    assert.is(await refit(isCut, job({ maxDurationMs: 60_000 }), candidate, work), null);
    assert.match(work.warnings[0]!.message, why);
  }
});

test.run();
