/** Heads on frozen backbones. The backbones are nets of ours, trained here on other images of the toy people. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../../contracts/errors.ts';
import { TrainingConfigSchema, type TrainingConfig } from '../../../../contracts/configuration/training.ts';
import type { Progress } from '../../../../contracts/progress.ts';
import type { LabelledImages } from '../../../../services/data/strategy.ts';
import { createOnnxGraphStrategy } from '../../../../services/training/onnx-graph.ts';
import { importBackbone } from '../../../../services/training/backbone/import.ts';
import { readModelMetadata } from '../../../../services/training/model/metadata.ts';
import { decodeModel, encodeAgain } from '../../../../services/training/onnx/encoding.ts';
import type { TrainingJob } from '../../../../services/training/strategy.ts';
import { withFolder } from '../../../support/folder.ts';
import { crowdedFile, externalModel, hoardingModel, loopingModel } from '../../../support/hostile-models.ts';
import { bytesOf, noise, smallModel } from '../backbone/onnx-models.ts';
import { quietContext, toyImages, toyJob } from '../toy.ts';

const strategy = createOnnxGraphStrategy();
const HEAD = [{ type: 'batch-norm' as const }, { type: 'dense' as const, units: 6 }];

let trained: Promise<Uint8Array> | undefined;
/** An exported model of ours: 16x16 pixels to rows of 8. */
const backbone = () => (trained ??= strategy.train(toyJob(), quietContext()).then(({ model }) => model));

async function withBackbone(
  model: Uint8Array,
  use: (jobOf: (rest?: Partial<TrainingJob>, backbone?: object) => TrainingJob, cacheDir: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'backbone.onnx');
    const cacheDir = join(folder, 'features');
    writeFileSync(path, model);
    const jobOf = (rest: Partial<TrainingJob> = {}, more: object = {}) => {
      const { config, ...job } = toyJob({ epochs: 8 }, rest);
      const backbone = { path, cacheDir, head: HEAD, ...more };
      return { ...job, config: TrainingConfigSchema.parse({ ...config, backbone }) };
    };
    await use(jobOf, cacheDir);
  });
}

/** How many features were made anew, as the log tells. */
async function trainCounting(job: TrainingJob) {
  const counted: number[] = [];
  const info = (fields: object) => void ('computed' in fields && counted.push(Number(fields.computed)));
  const checkpoints: Uint8Array[] = [];
  const saveCheckpoint = async (state: Uint8Array) => void checkpoints.push(state);
  const reports: Progress[] = [];
  const progress = (report: Progress) => void reports.push(report);
  const outcome = await strategy.train(job, quietContext({ log: { info, warn: () => {} }, saveCheckpoint, progress }));
  assert.is(counted.length, 1);
  const images = reports.filter(({ unit }) => unit === 'image').at(-1);
  assert.equal([images?.done ?? 0, images?.total ?? 0], [counted[0], counted[0]], 'making features is progress, too');
  return { outcome, computed: counted[0]!, checkpoints };
}

async function embed(model: Uint8Array, { pixels, spec, count }: LabelledImages): Promise<Float32Array> {
  const session = await InferenceSession.create(model);
  const { channels, height, width } = spec;
  const images = new Tensor('float32', Float32Array.from(pixels), [count, channels, height, width]);
  const { embeddings } = await session.run({ images });
  await session.release();
  return embeddings!.data as Float32Array; // the contract says float32
}

const HOSTILE: readonly [what: string, model: Uint8Array, message: RegExp][] = [
  ['that loops for ever', loopingModel(), /it fails on 16 images \(it did not end within 3 s\)/],
  ['that wants gigabytes', hoardingModel(2 ** 30, 'run'), /it fails on 16 images \(.*(allocate|512 MiB)/],
  ['whose constants lie elsewhere', externalModel('weights.bin'), /its weights lie in another file, weights\.bin/],
  [
    'that is made to fill the memory',
    crowdedFile(20_000_000),
    /its structure cannot be read \((.*512 MiB|it did not end within 3 s)/,
  ],
];
for (const [what, model, message] of HOSTILE) {
  test(`frozen backbone: one ${what} is MODEL_INVALID, and the trainer lives`, async () => {
    await withBackbone(model, async (jobOf) => {
      const { config, ...job } = jobOf();
      const foreignModel = { memoryBytes: 512 * 1024 ** 2, timeoutMs: 3000 };
      const training = strategy.train({ ...job, config: { ...config, foreignModel } }, quietContext());
      const error = await training.catch((cause: unknown) => cause);
      assert.instance(error, PipelineError);
      assert.is((error as PipelineError).code, 'MODEL_INVALID');
      assert.match((error as PipelineError).message, message);
    });
  });
}

test('frozen backbone: a head is trained on it, and both leave as one model that takes raw pixels', async () => {
  await withBackbone(await backbone(), async (jobOf) => {
    const { outcome } = await trainCounting(jobOf());
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.ok(outcome.loss < outcome.curve[0]!.loss);
    const session = await InferenceSession.create(outcome.model);
    assert.equal([session.inputNames, session.outputNames], [['images'], ['embeddings']]);
    await session.release();
    const set = toyImages(1, 3);
    const rows = await embed(outcome.model, set);
    assert.is(rows.length, set.count * 6);
    for (let row = 0; row < set.count; row++)
      assert.ok(Math.abs(Math.hypot(...rows.subarray(row * 6, row * 6 + 6)) - 1) < 1e-5);
    const { image, embeddingDimensions, framework } = readModelMetadata(outcome.model);
    assert.equal([image, embeddingDimensions], [{ width: 16, height: 16, channels: 1 }, 6]);
    assert.match(framework, /^onnx-graph .* on the frozen backbone [0-9a-f.]{25}$/);
    const keys = decodeModel(outcome.model).graph!.initializer!.map(({ name }) => name);
    assert.is(new Set(keys).size, keys.length);
  });
});

test('frozen backbone: without a head its features serve as they are, of length 1, and nothing is trained', async () => {
  const model = await backbone();
  await withBackbone(model, async (jobOf) => {
    const { outcome, computed } = await trainCounting(jobOf({}, { head: 'none' }));
    assert.is(computed, 48 + 16);
    assert.equal([outcome.epochs, outcome.curve.length, outcome.weights], [0, 0, undefined]);
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.ok(outcome.loss > 0 && outcome.loss < Math.log(4), `${outcome.loss} is better than guessing among four`);
    assert.match(
      outcome.course!.warmStart.type === 'scratch' ? outcome.course!.warmStart.reason : '',
      /nothing is trained/,
    );
    assert.is(readModelMetadata(outcome.model).embeddingDimensions, 8);
    // The backbone's own rows have length 1 already, so nothing may change.
    const [served, own] = [await embed(outcome.model, toyImages(1, 3)), await embed(model, toyImages(1, 3))];
    assert.is(served.length, own.length);
    served.forEach((value, at) => assert.ok(Math.abs(value - own[at]!) < 1e-5, `${value} and ${own[at]}`));
  });
});

test('frozen backbone: its weights are in the model as they were', async () => {
  const model = await backbone();
  await withBackbone(model, async (jobOf) => {
    const { outcome } = await trainCounting(jobOf({}, { head: [{ type: 'dense', units: 8 }] }));
    const constants = (bytes: Uint8Array) =>
      new Map(decodeModel(bytes).graph!.initializer!.map((it) => [it.name, it.rawData]));
    const merged = constants(outcome.model);
    for (const [name, data] of constants(model)) assert.equal(merged.get(`backbone/${name}`), data, String(name));
  });
});

test('frozen backbone: the next training computes features of new images only, other pixels or backbones all', async () => {
  await withBackbone(await backbone(), async (jobOf, cacheDir) => {
    assert.is((await trainCounting(jobOf())).computed, 48 + 16);
    assert.is((await trainCounting(jobOf())).computed, 0);
    // Another seed: other noise, so other images; the validation images stay.
    const { computed } = await trainCounting(jobOf({ train: toyImages(3, 9) }));
    assert.is(computed, 12);
    assert.is((await trainCounting(jobOf({}, { input: { mean: 1 } }))).computed, 48 + 16);
    assert.is(readdirSync(cacheDir).length, 2);
  });
});

test('frozen backbone: broken cached features are made again, and old files are removed', async () => {
  await withBackbone(await backbone(), async (jobOf, cacheDir) => {
    await trainCounting(jobOf());
    const [name] = readdirSync(cacheDir);
    writeFileSync(join(cacheDir, name!), 'not what it was');
    for (let i = 0; i < 6; i++) writeFileSync(join(cacheDir, `old-${i}.safetensors`), '');
    assert.is((await trainCounting(jobOf())).computed, 48 + 16);
    const left = readdirSync(cacheDir);
    assert.ok(left.includes(name!) && left.length === 4, left.join());
  });
});

test('frozen backbone: a cached feature of which a bit has flipped is made again, and nothing else', async () => {
  await withBackbone(await backbone(), async (jobOf, cacheDir) => {
    await trainCounting(jobOf());
    const path = join(cacheDir, readdirSync(cacheDir)[0]!);
    const whole = readFileSync(path);
    for (const from of [whole.length - 1, whole.length - 4 * (48 + 16) - 9]) {
      const bytes = Buffer.from(whole);
      bytes[from]! ^= 0x40;
      writeFileSync(path, bytes);
      assert.is((await trainCounting(jobOf())).computed, 1);
      assert.is((await trainCounting(jobOf())).computed, 0);
    }
  });
});

test('frozen backbone: a resumed training ends the same, one with another backbone begins afresh', async () => {
  await withBackbone(await backbone(), async (jobOf) => {
    const { outcome, checkpoints } = await trainCounting(jobOf());
    const resumed = await strategy.train(jobOf({ resumeFrom: checkpoints[0]! }), quietContext());
    assert.ok(Buffer.from(resumed.model).equals(outcome.model));
    const warnings: string[] = [];
    const log = { info: () => {}, warn: (_: object, message: string) => void warnings.push(message) };
    const other = jobOf({ resumeFrom: checkpoints[0]! }, { input: { mean: 2 } });
    await strategy.train(other, quietContext({ log }));
    assert.equal(warnings, ['training starts afresh: its checkpoint cannot be used']);
  });
});

test('frozen backbone: images of another size are made to fit inside the model', async () => {
  const big = (images: LabelledImages): LabelledImages => ({
    ...images,
    spec: { width: 32, height: 32, channels: 1 },
    pixels: Uint8Array.from({ length: images.count * 1024 }, (_, at) => {
      const [image, y, x] = [Math.floor(at / 1024), Math.floor((at % 1024) / 32), at % 32];
      return images.pixels[image * 256 + (y >> 1) * 16 + (x >> 1)]!;
    }),
  });
  await withBackbone(await backbone(), async (jobOf) => {
    const { outcome } = await trainCounting(jobOf({ train: big(toyImages(12, 1)), validation: big(toyImages(4, 2)) }));
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.equal(readModelMetadata(outcome.model).image, { width: 32, height: 32, channels: 1 });
    // Each pixel twice in both directions: the middle of two equal pixels is that pixel again.
    const small = await trainCounting(jobOf());
    const [a, b] = [
      await embed(outcome.model, big(toyImages(1, 3))),
      await embed(small.outcome.model, toyImages(1, 3)),
    ];
    a.forEach((value, index) => assert.ok(Math.abs(value - b[index]!) < 1e-4, `${value} and ${b[index]}`));
  });
});

test('frozen backbone: a backbone for RGB takes grey images as three equal channels', async () => {
  const rgb = (images: LabelledImages): LabelledImages => ({
    ...images,
    spec: { ...images.spec, channels: 3 },
    pixels: Uint8Array.from(
      { length: images.count * 768 },
      (_, at) => images.pixels[Math.floor(at / 768) * 256 + (at % 256)]!,
    ),
  });
  const job = toyJob({ epochs: 2 }, { train: rgb(toyImages(12, 1)), validation: null });
  const { model } = await strategy.train(job, quietContext());
  await withBackbone(model, async (jobOf) => {
    const { outcome } = await trainCounting(jobOf());
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    const fromRgb = await trainCounting(jobOf({ train: rgb(toyImages(12, 1)), validation: null }));
    const [a, b] = [
      await embed(outcome.model, toyImages(1, 3)),
      await embed(fromRgb.outcome.model, rgb(toyImages(1, 3))),
    ];
    a.forEach((value, index) => assert.ok(Math.abs(value - b[index]!) < 1e-5, `${value} and ${b[index]}`));
  });
});

/** Pixels [batch, 1, 16, 16] to means of 36 blocks of a convolution. */
const backboneOf = (opset: number) =>
  bytesOf(
    smallModel({
      ...{ opset, shape: ['batch', 1, 16, 16] },
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { strides: [4, 4], kernel_shape: [4, 4] } },
        { op: 'Flatten', inputs: ['c'], outputs: ['y'] },
      ],
      constants: { w: { floats: noise(4 * 16), shape: [4, 1, 4, 4] } },
    }),
  );

/** Every kind of layer that a head can have. */
const MANY: TrainingConfig['net'] = [
  { type: 'batch-norm' },
  { type: 'prelu' },
  { type: 'residual', layers: [{ type: 'dense', units: 64 }, { type: 'relu' }] },
  { type: 'dropout', rate: 0.1 },
  { type: 'dense', units: 6 },
  { type: 'l2-normalise' },
];
for (const opset of [7, 13, 18, 20, 21, 26]) {
  test(`frozen backbone: a head on one of operators ${opset}`, async () => {
    await withBackbone(backboneOf(opset), async (jobOf, cacheDir) => {
      const out = join(cacheDir, '..', 'imported.onnx');
      const flags = { mean: [127.5], scale: [1 / 127.5] };
      const path = join(cacheDir, '..', 'backbone.onnx');
      const { file } = opset < 13 ? await importBackbone({ path, out, flags, sample: 8 }) : { file: path };
      const outcome = await strategy.train(jobOf({}, { path: file, head: MANY }), quietContext());
      assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
      const version = opset < 13 ? 17 : opset;
      assert.is(Number(decodeModel(outcome.model).opsetImport[0]!.version), version);
      assert.is((await embed(outcome.model, toyImages(1, 3))).length, 4 * 6);
    });
  });
}

test('frozen backbone: with mirror it answers the mean of a picture and its mirror image, with a head and without', async () => {
  const model = await backbone();
  await withBackbone(model, async (jobOf, cacheDir) => {
    for (const head of [HEAD, 'none' as const]) {
      const job = jobOf({}, { head });
      const both = await strategy.train({ ...job, config: { ...job.config, mirror: true } }, quietContext());
      const plain = await strategy.train(job, quietContext());
      assert.is(readModelMetadata(both.model).mirror, true);
      assert.is(readModelMetadata(plain.model).mirror, undefined);
      const images = toyImages(1, 3);
      const rows = await embed(plain.model, images);
      const mirrored = await embed(plain.model, mirrorOf(images));
      const size = rows.length / images.count;
      const answered = await embed(both.model, images);
      for (let image = 0; image < images.count; image++) {
        const of = (all: Float32Array) => all.subarray(image * size, (image + 1) * size);
        const sum = of(rows).map((value, at) => value + of(mirrored)[at]!);
        const length = Math.hypot(...sum);
        of(answered).forEach((value, at) => assert.ok(Math.abs(value - sum[at]! / length) < 1e-5));
      }
      const turned = await embed(both.model, mirrorOf(images));
      turned.forEach((value, at) => assert.ok(Math.abs(value - answered[at]!) < 1e-5, 'both ways round are one'));
    }
    assert.is(readdirSync(cacheDir).length, 1, 'the features are those of the pictures as they are');
  });
});

const mirrorOf = (images: LabelledImages): LabelledImages => ({
  ...images,
  pixels: images.pixels.map((_, at) => images.pixels[at - (at % 16) + 15 - (at % 16)]!),
});

const { onnx } = onnxProto;
type Model = InstanceType<typeof onnx.ModelProto>;
const UNFIT: readonly [what: string, change: (model: Model) => Uint8Array, backbone: object, message: RegExp][] = [
  ['that is no ONNX', () => Buffer.from('PyTorch'), {}, /backbone\.onnx \(training\.backbone\.path\) cannot be used/],
  ['that is empty', () => new Uint8Array(0), {}, /it is an empty file/],
  ['without a graph', () => Buffer.of(8, 8), {}, /no ONNX file with a graph/],
  [
    'that is a git-lfs pointer',
    () => Buffer.from('version https://git-lfs.github.com/spec/v1\n'),
    {},
    /git-lfs pointer/,
  ],
  [
    'of old operators',
    (model) => encodeAgain(Object.assign(model, { opsetImport: [{ domain: '', version: 9 }] })),
    {},
    /version 9; export it with 13 to 26, or let `nightshift backbone import` convert it/,
  ],
  [
    'of half floats',
    (model) => encodeAgain(withInput(model, 10, [1, 16, 16])),
    {},
    /input of float; found images float16 \[batch, 1, 16, 16\]; `nightshift backbone import` converts it/,
  ],
  [
    'of bytes',
    (model) => encodeAgain(withInput(model, 2, [1, 16, 16])),
    {},
    /found images uint8 \[batch, 1, 16, 16\]; `nightshift backbone import` converts it/,
  ],
  [
    'that was cut off',
    (model) => encodeAgain(model).subarray(0, 2000),
    {},
    /an ONNX file that was cut off: it has 2000 bytes and should have at least \d+ more/,
  ],
  [
    'of integers',
    (model) => encodeAgain(withInput(model, 6, [1, 16, 16])),
    {},
    /float \[batch, .*; found images int32 \[batch, 1, 16, 16\]/,
  ],
  [
    'with its channels last',
    (model) => encodeAgain(withInput(model, 1, [16, 16, 1])),
    {},
    /channels last \(NHWC\); found images float \[batch, 16, 16, 1\]; `nightshift backbone import` turns it/,
  ],
  ['whose output is not there', encodeAgain, { output: 'logits' }, /outputs are "embeddings"; name one/],
  ['with a wrong count of means', encodeAgain, { input: { mean: [1, 2, 3] } }, /3 values for 1 channels/],
  ['of a fixed batch', (model) => encodeAgain(withBatch(model, 1)), {}, /batch is fixed at 1/],
  ['of broken nodes', (model) => encodeAgain(withoutConstants(model)), {}, /cannot load it|fails on/],
];
for (const [what, change, settings, message] of UNFIT) {
  test(`frozen backbone: one ${what} is MODEL_INVALID`, async () => {
    await withBackbone(change(decodeModel(await backbone()) as Model), async (jobOf) => {
      const error = await strategy.train(jobOf({}, settings), quietContext()).catch((cause: unknown) => cause);
      assert.instance(error, PipelineError);
      assert.is((error as PipelineError).code, 'MODEL_INVALID');
      assert.match((error as PipelineError).message, message);
    });
  });
}

function withBatch(model: Model, batch: number): Model {
  model.graph!.input![0]!.type!.tensorType!.shape!.dim![0] = { dimValue: batch };
  return model;
}

function withInput(model: Model, elemType: number, sizes: readonly number[]): Model {
  const { tensorType } = model.graph!.input![0]!.type!;
  tensorType!.elemType = elemType;
  tensorType!.shape!.dim = [{ dimParam: 'batch' }, ...sizes.map((dimValue) => ({ dimValue }))];
  return model;
}

function withoutConstants(model: Model): Model {
  model.graph!.initializer = [];
  return model;
}

test('frozen backbone: a head that does not fit its features is NET_INVALID', async () => {
  await withBackbone(await backbone(), async (jobOf) => {
    const head: TrainingConfig['net'] = [{ type: 'conv', filters: 4, kernel: 3, stride: 1 }];
    const error = await strategy.train(jobOf({}, { head }), quietContext()).catch((cause: unknown) => cause);
    assert.is((error as PipelineError).code, 'NET_INVALID');
  });
});

test.run();
