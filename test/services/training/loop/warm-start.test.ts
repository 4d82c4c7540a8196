/** A training that begins with the champion's weights: what is carried over, and when nothing is. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainingConfigSchema, type TrainingConfig } from '../../../../contracts/configuration/training.ts';
import { createOnnxEngine } from '../../../../services/training/onnx/engine.ts';
import { headSlot, initialState } from '../../../../services/training/nets/parameters.ts';
import { planOf } from '../../../../services/training/loop/plan.ts';
import { runTraining } from '../../../../services/training/loop/loop.ts';
import type { TrainingJob } from '../../../../services/training/strategy.ts';
import { beginTraining } from '../../../../services/training/loop/warm-start.ts';
import { decodeWeights } from '../../../../services/training/loop/weights.ts';
import { quietContext, toyImages, toyJob } from '../toy.ts';

const onnxEngine = createOnnxEngine('cpu');
const context = { ...quietContext(), isSaverFree: () => false, saveCheckpoint: () => {} };

/** Weights that a training on persons 0 to 3 left, with its outcome. */
let made: ReturnType<typeof trainChampion> | undefined;
const champion = () => (made ??= trainChampion());
const trainChampion = () => runTraining(onnxEngine, toyJob({ epochs: 6 }, { runId: 'champion' }), context);

const nextJob = async (config: Partial<TrainingConfig> = {}, rest: Partial<TrainingJob> = {}): Promise<TrainingJob> =>
  toyJob(config, { runId: 'next', championWeights: (await champion()).weights!, ...rest });

/** Persons 1 to 4: person 0 has gone, person 4 is new. Numbers move, names stay. */
function changedPeople() {
  const all = toyImages(12, 1, 5);
  const kept = [...all.classes.keys()].filter((index) => all.classes[index] !== 0);
  const size = all.pixels.length / all.count;
  const pixels = Uint8Array.from(kept.flatMap((index) => [...all.pixels.subarray(index * size, (index + 1) * size)]));
  const classes = Int32Array.from(kept, (index) => all.classes[index]! - 1);
  return { ...all, pixels, classes, labels: all.labels.slice(1), count: kept.length };
}

test("warm start: the backbone is the champion's, and so are the rows of known people, by name", async () => {
  const plan = planOf(await nextJob({}, { train: changedPeople(), validation: null }), 'test');
  const { state, warmStart } = await beginTraining(plan, context);
  assert.equal(warmStart, { type: 'warm', from: 'champion', peopleCarried: 3, peopleNew: 1 });
  const stored = decodeWeights((await champion()).weights!);
  const { offset } = headSlot(plan.spec);
  assert.equal(state.w.slice(0, offset), stored.backbone);
  assert.equal(state.statistics, stored.statistics);
  const rows = state.w.subarray(offset);
  assert.equal(rows.slice(0, 3 * 8), stored.classifier.slice(8), 'persons 1 to 3 are now classes 0 to 2');
  assert.ok([...state.m, ...state.v].every((value) => value === 0));
  // Another direction than the fresh row, at its length.
  const fresh = initialState(plan.spec, plan.job.config.seed).w.subarray(offset);
  const [row, before] = [rows.subarray(3 * 8), fresh.subarray(3 * 8)];
  assert.ok(Math.abs(Math.hypot(...row) - Math.hypot(...before)) < 1e-5);
  assert.is.not(row[0], before[0]);
});

test('warm start: it begins where the champion ended, and the outcome says so', async () => {
  const { loss } = await champion();
  const warm = await runTraining(onnxEngine, await nextJob({ epochs: 1 }), context);
  const cold = await runTraining(onnxEngine, await nextJob({ epochs: 1, warmStart: false }), context);
  assert.ok(warm.loss < cold.loss / 2, `champion ${loss}, warm ${warm.loss}, cold ${cold.loss}`);
  assert.equal(warm.course!.warmStart, { type: 'warm', from: 'champion', peopleCarried: 4, peopleNew: 0 });
  assert.equal(cold.course!.warmStart, { type: 'scratch', reason: 'training.warmStart is false' });
});

test('warm start: resumed, a training ends as the undisturbed one', async () => {
  const checkpoints: Uint8Array[] = [];
  const job = await nextJob({ epochs: 2, checkpointEverySteps: 5 });
  const saving = {
    ...context,
    isSaverFree: () => true,
    saveCheckpoint: (bytes: Uint8Array) => void checkpoints.push(bytes),
  };
  const outcome = await runTraining(onnxEngine, job, saving);
  const resumed = await runTraining(
    onnxEngine,
    { ...job, championWeights: null, resumeFrom: checkpoints[0]! },
    context,
  );
  assert.ok(Buffer.from(resumed.model).equals(outcome.model));
  assert.equal(resumed.course, outcome.course);
});

test('warm start: another net, a broken file or no champion mean a beginning from scratch, with the reason', async () => {
  const scratch = async (job: TrainingJob) => {
    const plan = planOf(job, 'test');
    const { state, warmStart } = await beginTraining(plan, context);
    assert.equal(state, initialState(plan.spec, job.config.seed));
    return warmStart.type === 'scratch' ? warmStart.reason : '';
  };
  const net = TrainingConfigSchema.parse({ net: [{ type: 'flatten' }, { type: 'dense', units: 8 }] }).net;
  assert.match(await scratch(await nextJob({ net })), /^the champion \(run champion\) has another net or image size$/);
  assert.match(await scratch(await nextJob({}, { championWeights: Buffer.from('x') })), /cannot be used.*safetensors/s);
  assert.match(await scratch(toyJob()), /no champion/);
  assert.is(await scratch(await nextJob({}, { lineageBreak: 'it knows ada' })), 'it knows ada');
});

test.run();
