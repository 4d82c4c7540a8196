/**
 * Heads that help people whom they have not learned, and heads that cost them. The backbone averages blocks of pixels, so
 * that its features are what the pictures are drawn from.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainingConfigSchema } from '../../../../contracts/configuration/training.ts';
import type { LabelledImages } from '../../../../services/data/strategy.ts';
import { heldOutOf } from '../../../../services/decision/held-out.ts';
import { readModelMetadata } from '../../../../services/training/model/metadata.ts';
import { createOnnxGraphStrategy } from '../../../../services/training/onnx-graph.ts';
import { createRandom } from '../../../../services/training/random.ts';
import type { TrainingJob } from '../../../../services/training/strategy.ts';
import { withFolder } from '../../../support/folder.ts';
import { bytesOf, smallModel } from '../backbone/onnx-models.ts';
import { quietContext, toyJob } from '../toy.ts';

const SIDE = 16;
const BLOCKS = 16;
const strategy = createOnnxGraphStrategy();

const BLOCK_MEANS = smallModel({
  ...{ opset: 17, shape: ['batch', 1, SIDE, SIDE] },
  nodes: [
    { op: 'AveragePool', inputs: ['x'], outputs: ['p'], attributes: { kernel_shape: [4, 4], strides: [4, 4] } },
    { op: 'Flatten', inputs: ['p'], outputs: ['y'] },
  ],
});

const namesOf = (people: number) => Array.from({ length: people }, (_, person) => `person ${person}`);
/** Whom the comparison leaves out of these. */
const asideOf = (people: number) => heldOutOf(namesOf(people), { share: 0.2, min: 10, salt: 'head' });

/** `isOwn` says which of the 16 blocks are a person's own; the others are drawn anew for each picture. */
function pictures(
  perPerson: number,
  seed: number,
  people: number,
  isOwn: (block: number, name: string) => boolean,
): LabelledImages {
  const labels = namesOf(people);
  const count = perPerson * people;
  const random = createRandom(seed);
  const own = labels.map((_, person) => {
    const look = createRandom(500 + person);
    return Array.from({ length: BLOCKS }, () => 255 * look());
  });
  const classes = Int32Array.from({ length: count }, (_, image) => image % people);
  const pixels = new Uint8Array(count * SIDE * SIDE);
  classes.forEach((person, image) => {
    const blocks = own[person]!.map((value, block) => {
      const other = 255 * random();
      return isOwn(block, labels[person]!) ? 0.7 * value + 0.3 * other : other;
    });
    for (let at = 0; at < SIDE * SIDE; at++)
      pixels[image * SIDE * SIDE + at] = blocks[4 * Math.floor(at / SIDE / 4) + Math.floor((at % SIDE) / 4)]!;
  });
  return { spec: { width: SIDE, height: SIDE, channels: 1 }, pixels, classes, labels, count };
}

async function withJob(
  isOwn: (block: number, name: string) => boolean,
  use: (jobOf: (rest?: Partial<TrainingJob>) => TrainingJob) => Promise<void>,
  people = 60,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'backbone.onnx');
    writeFileSync(path, bytesOf(BLOCK_MEANS));
    const { config, ...job } = toyJob({ epochs: 12, batchSize: 32, microBatch: 16 });
    const backbone = { path, cacheDir: join(folder, 'features'), input: { mean: 127.5, scale: 0.01 }, head: 'auto' };
    const images = { train: pictures(8, 1, people, isOwn), validation: pictures(3, 2, people, isOwn) };
    await use((rest) => ({ ...job, ...images, config: TrainingConfigSchema.parse({ ...config, backbone }), ...rest }));
  });
}

/** The lower half of a picture says nothing, whosever it is: a head learns to leave it out. */
const upperHalf = (block: number) => block < 8;
/** Of those aside it is the lower half that is their own: a head learns to look at the wrong one. */
const otherHalf = (block: number, name: string) => block < 8 !== asideOf(60).has(name);

test('head auto: one that helps people whom it has not learned is trained, on everybody', () =>
  withJob(upperHalf, async (jobOf) => {
    const { model, course, curve, epochs } = await strategy.train(jobOf(), quietContext());
    const { chosen, people, probes, trained, none, reason } = course!.head!;
    assert.equal([chosen, people, probes], ['trained', asideOf(60).size, asideOf(60).size * 5]);
    assert.ok(trained!.tar > none!.tar + 0.05 && trained!.rank1 > none!.rank1, JSON.stringify(course!.head));
    assert.match(reason, /^a head is trained: of \d+ people whom it had not learned it accepts [\d.]+ %, the features/);
    assert.equal([epochs, curve.length, course!.ended], [12, 12, 'epochs']);
    const { embeddingDimensions, classes } = readModelMetadata(model);
    assert.equal([embeddingDimensions, classes], [128, 60]);
  }));

test('head auto: one that costs people whom it has not learned is left out', () =>
  withJob(otherHalf, async (jobOf) => {
    const { model, course, weights } = await strategy.train(jobOf(), quietContext());
    const { chosen, trained, none, reason } = course!.head!;
    assert.is(chosen, 'none');
    assert.ok(trained!.tar < none!.tar - 0.05, JSON.stringify(course!.head));
    assert.match(reason, /^no head is trained: of \d+ people/);
    assert.equal(course!.warmStart, { type: 'scratch', reason });
    assert.equal([readModelMetadata(model).embeddingDimensions, weights], [BLOCKS, undefined]);
  }));

test('head auto: the choice is made once; a training that resumes keeps it and ends the same', () =>
  withJob(upperHalf, async (jobOf) => {
    const checkpoints: Uint8Array[] = [];
    const saveCheckpoint = async (state: Uint8Array) => void checkpoints.push(state);
    const whole = await strategy.train(jobOf(), quietContext({ saveCheckpoint }));
    const told: string[] = [];
    const log = { info: (_: object, message: string) => void told.push(message), warn: () => {} };
    const resumed = await strategy.train(jobOf({ resumeFrom: checkpoints[0]! }), quietContext({ log }));
    assert.ok(Buffer.from(resumed.model).equals(whole.model));
    assert.equal(resumed.course!.head, whole.course!.head);
    assert.not.ok(told.some((message) => message.includes('a head is trained')));
    assert.is(told.filter((message) => message.includes('resumes')).length, 1);
  }));

test('head auto: the champion, who has learned everybody, has no part in the choice', () =>
  withJob(upperHalf, async (jobOf) => {
    const first = await strategy.train(jobOf(), quietContext());
    const second = await strategy.train(jobOf({ championWeights: first.weights! }), quietContext());
    assert.equal(second.course!.head, first.course!.head);
    assert.is(second.course!.warmStart.type, 'warm');
  }));

test('head auto: of too few people nothing can be told, and there is no head', () =>
  withJob(
    upperHalf,
    async (jobOf) => {
      const { course } = await strategy.train(jobOf(), quietContext());
      const { chosen, reason, trained, none } = course!.head!;
      assert.equal([chosen, trained, none], ['none', null, null]);
      assert.match(reason, /too few people/);
    },
    8,
  ));

test.run();
