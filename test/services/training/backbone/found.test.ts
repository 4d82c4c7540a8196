/** What a file is called that is no ONNX, by the heads that the programs behind it write; and what a cut one lacks. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeBytes, missingBytes } from '../../../../services/training/backbone/found.ts';
import { readOnnx } from '../../../../services/training/backbone/onnx-file.ts';
import { bytesOf, noise, smallModel } from './onnx-models.ts';

const MODEL = bytesOf(
  smallModel({
    ...{ opset: 17, shape: ['n', 40] },
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    constants: { w: { floats: noise(400), shape: [40, 10] } },
  }),
);

/** The head of a zip whose first file has this name: stored, without an extra field. */
function zip(name: string): Buffer {
  const head = Buffer.alloc(30);
  head.write('PK\x03\x04', 'latin1');
  head.writeUInt16LE(Buffer.byteLength(name), 26);
  return Buffer.concat([head, Buffer.from(name), Buffer.alloc(64)]);
}
const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)));

const FOUND: readonly [what: string, head: Buffer, text: RegExp][] = [
  ['torch.save', zip('archive/data.pkl'), /^a PyTorch file .*torch\.onnx\.export/],
  ['torch.jit.save', zip('resnet/version'), /^a PyTorch file/],
  ['a .keras file', zip('metadata.json'), /^a Keras file \(\.keras\); convert it with tf2onnx/],
  ['a packed model', zip('1k3d68.onnx'), /^a zip archive whose first file is 1k3d68\.onnx; unpack it/],
  ['a zip of nothing', bytes('PK\x03\x04'), /^a zip archive; unpack it/],
  ['torch.save of old', bytes([0x80, 0x02, 0x8a, 0x0a]), /^a Python pickle/],
  ['pickle of protocol 4', bytes([0x80, 0x04, 0x95]), /^a Python pickle/],
  [
    'saved_model.pb',
    bytes([0x08, 0x01, 0x12, 0x90, 0x03], '\n\x10\n\x05NoOp'),
    /^a TensorFlow SavedModel \(saved_model/,
  ],
  ['a frozen graph', bytes([0x0a, 0x3d], '\n\x05input\x12\x0bPlaceholder'), /^a frozen TensorFlow graph \(\.pb\)/],
  ['a page', bytes('\n<!DOCTYPE html><html>Not found'), /^a web page/],
  ['a pointer', bytes('version https://git-lfs.github.com/spec/v1\noid'), /^a git-lfs pointer/],
];
for (const [what, head, text] of FOUND)
  test(`found: ${what}`, () => {
    assert.match(describeBytes(head) ?? '', text);
    assert.throws(
      () => readOnnx(head),
      text.source.startsWith('^') ? new RegExp(`it is ${text.source.slice(1)}`) : text,
    );
  });

test('found: an ONNX file of one piece is none of these, wherever it was made', () => {
  assert.is(describeBytes(MODEL), null);
  assert.is(missingBytes(MODEL), 0);
  assert.is(readOnnx(MODEL).graph!.node!.length, 1);
});

test('found: a file that was cut off is called so, with what is missing at least', () => {
  for (const length of [MODEL.length - 30, 1000, 100, 20]) {
    const cut = MODEL.subarray(0, length);
    assert.throws(
      () => readOnnx(cut),
      new RegExp(`cut off: it has ${length} bytes and should have at least \\d+ more`),
    );
  }
  // The graph lies before the list of operators, which is short.
  const missing = missingBytes(MODEL.subarray(0, 1000))!;
  assert.ok(
    missing > MODEL.length - 1000 - 16 && missing <= MODEL.length - 1000,
    `${missing} of ${MODEL.length - 1000}`,
  );
  assert.is(missingBytes(Buffer.from('no fields of protobuf')), null);
  assert.throws(() => readOnnx(Buffer.alloc(100, 0xff)), /^it is no ONNX file/);
  assert.throws(() => readOnnx(Buffer.of(8, 8)), /no ONNX file with a graph in it/);
});

test.run();
