/** Tensors of the Open Inference Protocol: what is read out of a request is what was put in, and nothing malformed passes. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeOutputs, itemsOf, parseInfer, type Output } from '../../../../actors/gateway/oip/tensors.ts';
import { PipelineError } from '../../../../contracts/errors.ts';

const ITEMS_MAX = 4;

/** A request with one input, and bytes behind its JSON. */
function read(input: object, binary: Buffer = Buffer.alloc(0)): readonly Uint8Array[] {
  const json = Buffer.from(JSON.stringify({ inputs: [input] }));
  const parsed = parseInfer(Buffer.concat([json, binary]), binary.length > 0 ? String(json.length) : undefined);
  return itemsOf(parsed.request.inputs[0]!, parsed.binary, ITEMS_MAX);
}

const withLength = (...files: readonly Buffer[]) =>
  Buffer.concat(
    files.flatMap((file) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(file.length);
      return [length, file];
    }),
  );

const texts = (items: readonly Uint8Array[]) => items.map((it) => Buffer.from(it).toString());

test('tensors: files come as binary elements with their lengths, or in base64', () => {
  const binary = withLength(Buffer.from('one'), Buffer.from(''), Buffer.from('three'));
  const parameters = { binary_data_size: binary.length };
  assert.equal(texts(read({ name: 'image', shape: [3], datatype: 'BYTES', parameters }, binary)), ['one', '', 'three']);
  const base64 = { content_type: 'base64' };
  const data = [Buffer.from('one').toString('base64')];
  assert.equal(texts(read({ name: 'image', shape: [1, 1], datatype: 'BYTES', parameters: base64, data })), ['one']);
});

test('tensors: pixels come as bytes, as floats, or as numbers', () => {
  const shape = [2, 1, 1, 2];
  const expected = [Uint8Array.of(0, 255), Uint8Array.of(7, 8)];
  const bytes = Buffer.from([0, 255, 7, 8]);
  const input = (datatype: string, more: object) => ({ name: 'pixels', shape, datatype, ...more });
  const plain = (items: readonly Uint8Array[]) => items.map((it) => Uint8Array.from(it));
  assert.equal(plain(read(input('UINT8', { parameters: { binary_data_size: 4 } }), bytes)), expected);
  assert.equal(plain(read(input('UINT8', { data: [0, 255, 7, 8] }))), expected);
  assert.equal(plain(read(input('UINT8', { data: [[[[0, 255]]], [[[7, 8]]]] }))), expected);
  const floats = Buffer.from(Float32Array.of(-1, 300, 7.2, 8).buffer);
  assert.equal(plain(read(input('FP32', { parameters: { binary_data_size: 16 } }), floats)), expected);
});

test('tensors: a request that does not fit its own words is refused, and says why', () => {
  const bad: readonly (readonly [object, Buffer?])[] = [
    [{ name: 'image', shape: [1], datatype: 'BYTES', data: ['no base64 said'] }],
    [{ name: 'image', shape: [0], datatype: 'BYTES', data: [] }],
    [
      { name: 'image', shape: [5], datatype: 'BYTES', parameters: { binary_data_size: 4 } },
      withLength(Buffer.from('')),
    ],
    [
      { name: 'image', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: 5 } },
      withLength(Buffer.from('x')),
    ],
    [
      { name: 'image', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: 9 } },
      withLength(Buffer.from('x')),
    ],
    [
      { name: 'image', shape: [1], datatype: 'BYTES', parameters: { binary_data_size: 4 } },
      Buffer.from([255, 255, 255, 127]),
    ],
    [{ name: 'pixels', shape: [1, 2], datatype: 'UINT8', data: [1] }],
    [{ name: 'pixels', shape: [1, 2], datatype: 'UINT8', data: [1, 256] }],
    [{ name: 'pixels', shape: [1, 2], datatype: 'UINT8', parameters: { binary_data_size: 3 } }, Buffer.alloc(3)],
    [{ name: 'pixels', shape: [1, 2], datatype: 'INT8', data: [1, 2] }],
  ];
  for (const [input, binary] of bad) {
    assert.throws(
      () => read(input, binary),
      (error: unknown) => error instanceof PipelineError && error.code === 'REQUEST_INVALID',
      JSON.stringify(input),
    );
  }
  for (const length of ['9999', '-1', 'x'])
    assert.throws(() => parseInfer(Buffer.from('{}'), length), /Content-Length/);
  assert.throws(() => parseInfer(Buffer.from('{'), undefined), /not JSON/);
});

test('tensors: an answer carries each output as it was wanted', () => {
  const outputs: readonly Output[] = [
    { name: 'person', datatype: 'BYTES', shape: [2], data: ['Zoë', ''] },
    { name: 'known', datatype: 'BOOL', shape: [2], data: [true, false] },
    { name: 'score', datatype: 'FP32', shape: [2], data: [0.5, -1] },
  ];
  const plain = encodeOutputs({ model_name: 'face' }, outputs, () => false);
  assert.is(plain.jsonBytes, null);
  assert.equal(JSON.parse(plain.body.toString()), { model_name: 'face', outputs });
  const { body, jsonBytes } = encodeOutputs({}, outputs, (name) => name !== 'known');
  const { outputs: told } = JSON.parse(body.subarray(0, jsonBytes!).toString()) as {
    outputs: Record<string, unknown>[];
  };
  assert.equal(
    told.map(({ parameters }) => parameters),
    [{ binary_data_size: 12 }, undefined, { binary_data_size: 8 }],
  );
  const binary = body.subarray(jsonBytes!);
  assert.equal(binary.subarray(0, 12), withLength(Buffer.from('Zoë'), Buffer.from('')));
  assert.is(binary.readFloatLE(12), 0.5);
  assert.is(binary.length, 20);
});

test.run();
