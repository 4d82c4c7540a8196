/**
 * A tiny ONNX embedding model for tests that need some model and not a good one: flatten, a seeded random projection,
 * rows brought to length 1. Input `images` [batch, 1, 16, 16], output `embeddings` [batch, 8].
 */
import onnxProto, { type onnx as Onnx } from 'onnx-proto';

export const TINY_IMAGE = { width: 16, height: 16, channels: 1 } as const;
export const TINY_DIMENSIONS = 8;
// onnx-proto is CommonJS whose names Node does not see, so its values come from the default export.
const { onnx } = onnxProto;
const FLOAT = onnx.TensorProto.DataType.FLOAT;

export interface TinyModelOptions {
  readonly seed?: number;
  readonly outputName?: string;
  /** Square products before the projection, to make a run slow: 0.13 MFLOP per image each. */
  readonly work?: number;
}

export function tinyModel({ seed = 1, outputName = 'embeddings', work = 0 }: TinyModelOptions = {}): Uint8Array {
  const inputs = TINY_IMAGE.width * TINY_IMAGE.height;
  const slow = Array.from({ length: work }, (_, i) =>
    node('MatMul', [i ? `slow${i - 1}` : 'flat', 'square'], `slow${i}`),
  );
  const model = onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 13 }],
    producerName: 'nightshift-tests',
    graph: {
      name: 'tiny',
      node: [
        node('ReduceMean', ['images'], 'mean', [{ name: 'axes', type: 7, ints: [1, 2, 3] }]),
        node('Sub', ['images', 'mean'], 'centred'),
        node('Flatten', ['centred'], 'flat'),
        ...slow,
        node('MatMul', [work ? `slow${work - 1}` : 'flat', 'projection'], 'projected'),
        node('ReduceL2', ['projected'], 'length', [{ name: 'axes', type: 7, ints: [1] }]),
        node('Max', ['length', 'epsilon'], 'divisor'),
        node('Div', ['projected', 'divisor'], outputName),
      ],
      initializer: [
        floats('projection', [inputs, TINY_DIMENSIONS], randomFloats(inputs * TINY_DIMENSIONS, seed)),
        floats('epsilon', [1], Float32Array.of(1e-6)),
        // Random entries of variance 1 / inputs, so that lengths neither vanish nor explode.
        ...(work
          ? [
              floats(
                'square',
                [inputs, inputs],
                randomFloats(inputs * inputs, 3).map((x) => x * Math.sqrt(3 / inputs)),
              ),
            ]
          : []),
      ],
      input: [value('images', ['batch', TINY_IMAGE.channels, TINY_IMAGE.height, TINY_IMAGE.width])],
      output: [value(outputName, ['batch', TINY_DIMENSIONS])],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

/** mulberry32: small, seeded, good enough for test data. Values in -1..1. */
export function randomFloats(count: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  });
}

/**
 * Pixels [count, 1, 16, 16] of invented people: each person has a random pattern, each image of it some noise.
 * Image i is of person i % people.
 */
export function tinyImages(count: number, people: number, seed = 7): Uint8Array {
  const size = TINY_IMAGE.width * TINY_IMAGE.height;
  const patterns = randomFloats(people * size, 1000);
  const noise = randomFloats(count * size, seed);
  return Uint8Array.from({ length: count * size }, (_, i) => {
    const person = Math.floor(i / size) % people;
    return 128 + 80 * patterns[person * size + (i % size)]! + 20 * noise[i]!;
  });
}

const node = (opType: string, input: string[], output: string, attribute: Onnx.IAttributeProto[] = []) => ({
  opType,
  input,
  output: [output],
  attribute,
});

const floats = (name: string, dims: number[], data: Float32Array) => ({
  name,
  dims,
  dataType: FLOAT,
  rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

const value = (name: string, dims: (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType: FLOAT,
      shape: { dim: dims.map((size) => (typeof size === 'string' ? { dimParam: size } : { dimValue: size })) },
    },
  },
});
