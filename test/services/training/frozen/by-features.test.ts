/** Verification by kept features: the same embeddings as by the whole model, and the model itself where they do not fit. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainingConfigSchema, type TrainingConfig } from '../../../../contracts/configuration/training.ts';
import { PEOPLE as PEOPLE_NOUN } from '../../../../contracts/configuration/noun.ts';
import { DecisionConfigSchema } from '../../../../contracts/configuration/decision.ts';
import { VerificationConfigSchema } from '../../../../contracts/configuration/verification.ts';
import type { LabelledImages, LoadedImages } from '../../../../services/data/strategy.ts';
import { floatTensor, readSafetensors, writeSafetensors } from '../../../../services/safetensors.ts';
import { embedAll } from '../../../../services/serving/host/embed-all.ts';
import { createModelHost } from '../../../../services/serving/host/model-host.ts';
import { embedByFeatures } from '../../../../services/training/frozen/by-features.ts';
import { splitModel } from '../../../../services/training/frozen/feature-part.ts';
import { createOnnxGraphStrategy } from '../../../../services/training/onnx-graph.ts';
import { verifyCandidate } from '../../../../services/verification/verify.ts';
import { withFolder } from '../../../support/folder.ts';
import { digestOf } from '../../../support/tiny-data.ts';
import { bytesOf, noise, smallModel } from '../backbone/onnx-models.ts';
import { quietContext, toyImages, toyJob } from '../toy.ts';

const strategy = createOnnxGraphStrategy();
const HOST = { queueMax: 64, batchMax: 32, threads: 1 } as const;
const HEAD = [{ type: 'batch-norm' as const }, { type: 'dense' as const, units: 6 }];
const PEOPLE = 15;

/** Pixels [batch, 1, 16, 16] to 64 numbers. */
const BACKBONE = bytesOf(
  smallModel({
    ...{ opset: 18, shape: ['batch', 1, 16, 16] },
    nodes: [
      { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { strides: [4, 4], kernel_shape: [4, 4] } },
      { op: 'Flatten', inputs: ['c'], outputs: ['y'] },
    ],
    constants: { w: { floats: noise(4 * 16), shape: [4, 1, 4, 4] } },
  }),
);

interface Rig {
  readonly cacheDir: string;
  train(changes?: Partial<TrainingConfig>, backbone?: object): Promise<Uint8Array>;
  /** Counts the images whose features were made. */
  read(
    model: Uint8Array,
    sets: readonly LabelledImages[],
  ): Promise<{ rows: readonly Float32Array[] | null; made: number }>;
  readonly warnings: string[];
}

async function withRig(use: (rig: Rig) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const path = join(folder, 'backbone.onnx');
    const cacheDir = join(folder, 'features');
    writeFileSync(path, BACKBONE);
    const warnings: string[] = [];
    await use({
      ...{ cacheDir, warnings },
      async train(changes = {}, more = {}) {
        const { config, ...job } = toyJob({ epochs: 4, ...changes });
        const backbone = { path, cacheDir, head: HEAD, input: { mean: 127.5, scale: 0.01 }, ...more };
        const settings = TrainingConfigSchema.parse({ ...config, backbone });
        return (await strategy.train({ ...job, config: settings }, quietContext())).model;
      },
      async read(model, sets) {
        const counts: number[] = [];
        const info = (fields: object) => void ('computed' in fields && counts.push(Number(fields.computed)));
        const log = { info, warn: (_: object, message: string) => void warnings.push(message) };
        const host = await createModelHost({ model, image: sets[0]!.spec, ...HOST });
        try {
          const options = { model, host, hostOptions: HOST, cacheDir };
          const rows = await embedByFeatures(sets, options, quietContext({ log }));
          return { rows, made: counts[0] ?? 0 };
        } finally {
          await host.close();
        }
      },
    });
  });
}

async function whole(model: Uint8Array, images: LabelledImages): Promise<Float32Array> {
  const host = await createModelHost({ model, image: images.spec, ...HOST });
  try {
    return await embedAll(host, images);
  } finally {
    await host.close();
  }
}

const near = (a: Float32Array, b: Float32Array) => {
  assert.is(a.length, b.length);
  a.forEach((value, at) => assert.ok(Math.abs(value - b[at]!) < 1e-5, `${value} and ${b[at]} at ${at}`));
};

const SETS = [toyImages(12, 1), toyImages(4, 2), toyImages(2, 7), toyImages(0, 1)];

test('by features: the rows of the whole model, with features that the training left', () =>
  withRig(async ({ train, read, cacheDir, warnings }) => {
    const model = await train();
    assert.is(readdirSync(cacheDir).length, 1);
    const { rows, made } = await read(model, SETS);
    assert.is(made, 8, 'the training saw the first two sets');
    for (const [index, set] of SETS.entries()) near(rows![index]!, await whole(model, set));
    // Another head, tomorrow: nothing is left to do. The key is that of the training's own file.
    const other = await read(await train({ seed: 2 }), SETS);
    assert.equal([other.made, other.rows!.length, warnings], [0, 4, []]);
    assert.equal(readdirSync(cacheDir), [`${splitModel(model)!.key}.safetensors`]);
  }));

test('by features: of a model without a head, and of those that average with the mirror image', () =>
  withRig(async ({ train, read }) => {
    const plain = await train({}, { head: 'none' });
    near((await read(plain, SETS)).rows![2]!, await whole(plain, SETS[2]!));
    for (const head of [HEAD, 'none']) {
      const mirrored = await train({ mirror: true }, { head });
      const { rows, made } = await read(mirrored, SETS);
      // The pictures themselves are known, and next time their mirror images are.
      assert.is(made, head === 'none' ? 0 : 48 + 16 + 8);
      for (const [index, set] of SETS.entries()) near(rows![index]!, await whole(mirrored, set));
    }
  }));

test('by features: a model with a net of its own has none', () =>
  withRig(async ({ read, cacheDir }) => {
    const { model } = await strategy.train(toyJob({ epochs: 1 }), quietContext());
    assert.equal(await read(model, SETS), { rows: null, made: 0 });
    assert.not.ok(existsSync(cacheDir));
  }));

test('by features: those of another backbone or other pixels are not used, and wrong ones are noticed', () =>
  withRig(async ({ train, read, cacheDir, warnings }) => {
    const model = await train();
    const other = await train({}, { input: { mean: 100 } });
    assert.is.not(splitModel(model)!.key, splitModel(other)!.key);
    assert.is((await read(other, [SETS[0]!, toyImages(3, 30)])).made, 12);
    const path = join(cacheDir, `${splitModel(model)!.key}.safetensors`);
    const { tensors, metadata } = readSafetensors(readFileSync(path), path);
    const { data, shape } = floatTensor({ tensors, metadata }, 'features', 2, path);
    const features = { shape: [...shape], data: data.map((value) => -value) };
    writeFileSync(path, writeSafetensors({ tensors: { digests: tensors.digests!, features }, metadata }));
    assert.is((await read(model, SETS)).rows, null);
    assert.match(warnings.join(), /kept features give other embeddings than the model, which runs whole/);
  }));

const loaded = (split: LabelledImages, source: string): LoadedImages => ({
  ...split,
  ids: Array.from(split.classes, (_, image) => `${source}/${image}`),
  tags: Array.from(split.classes, () => [`source: ${source}`]),
});

test('by features: a verification finds the same with them and without, and the champion costs nothing', () =>
  withRig(async ({ train, cacheDir }) => {
    const candidateBytes = await train();
    const championBytes = await train({ seed: 2 });
    const images = {
      enrolled: loaded(toyImages(6, 1, PEOPLE), 'door'),
      probes: loaded(toyImages(5, 2, PEOPLE), 'door'),
      strangers: loaded(toyImages(0, 1), 'street'),
      heldOut: new Set([1, 3, 5, 7, 9].map((person) => `person ${person}`)),
    };
    const verify = async (featuresDir: string | null) => {
      const told: string[] = [];
      const tell = (_: object, message: string) => void told.push(message);
      const log = { info: tell, warn: tell };
      const { report, gallery } = await verifyCandidate(
        {
          ...{ runId: 'r1', model: 'face', candidateBytes, championBytes, images, history: [] },
          ...{ candidateDigest: digestOf(candidateBytes), championDigest: digestOf(championBytes) },
          championRunId: 'r0',
          config: VerificationConfigSchema.parse({ performanceRequests: 10, featuresDir }),
          decision: DecisionConfigSchema.parse({ identify: { fpir: 0.1 }, verify: { far: 0.01 } }),
          image: images.enrolled.spec,
          noun: PEOPLE_NOUN,
        },
        quietContext({ log }),
      );
      const { candidate, champion, verdict } = report;
      return { told, gallery, figures: [verdict, candidate.accuracy.recognition, champion!.accuracy.recognition] };
    };
    const [long, short] = [await verify(null), await verify(cacheDir)];
    assert.equal(short.figures, long.figures);
    assert.is(short.gallery.length, long.gallery.length);
    assert.equal(
      long.told.filter((message) => message.includes('features')),
      [],
    );
    assert.equal(
      short.told.filter((message) => message.includes('features')),
      // Four people of the training are drawn by the same noise here, once in each part.
      ['verifier: features of 165 images, 157 of them new', 'verifier: features of 165 images, 0 of them new'],
    );
  }));

test.run();
