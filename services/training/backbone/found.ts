/**
 * Says what a file or folder is by its first bytes, so that an import that cannot work names what was found and the way
 * to what can be imported. Reads heads of files only. Called by import.ts and by frozen/backbone.ts.
 */

/** `describeBytes` looks at no more than this. */
export const HEAD_BYTES = 4096;

interface Kind {
  readonly matches: (head: Buffer) => boolean;
  readonly text: string;
}

const text = (head: Buffer) => head.toString('latin1').trimStart();
const startsWith = (prefix: string | readonly number[]) => (head: Buffer) =>
  head.subarray(0, prefix.length).equals(Buffer.from(prefix as string));

const KINDS: readonly Kind[] = [
  { matches: (head) => head.length === 0, text: 'an empty file' },
  {
    matches: (head) => text(head).startsWith('version https://git-lfs.github.com/spec/'),
    text: 'a git-lfs pointer, a few lines of text in place of the model; `git lfs pull` fetches the file itself',
  },
  {
    matches: startsWith('PK\x03\x04'),
    text: 'a zip archive (a PyTorch .pt, a Keras .keras or a packed model); unpack it, or export ONNX from its framework',
  },
  {
    matches: (head) => head.subarray(4, 8).equals(Buffer.from('TFL3')),
    text: 'a TensorFlow Lite model (.tflite); convert it with tf2onnx (`python -m tf2onnx.convert --tflite`)',
  },
  {
    matches: startsWith([0x89, 0x48, 0x44, 0x46]),
    text: 'an HDF5 file (Keras .h5); convert it with tf2onnx, or with tensorflowjs_converter to a graph model',
  },
  { matches: startsWith([0x1f, 0x8b]), text: 'a gzip archive; unpack it first' },
  { matches: startsWith([0x80, 0x02]), text: 'a Python pickle (PyTorch .pth); export it with torch.onnx.export' },
  {
    matches: (head) => /^<(!doctype|html|\?xml)/i.test(text(head)),
    text: 'a web page; the download did not give the file',
  },
  {
    matches: (head) => head.length >= 10 && head.readBigUInt64LE(0) < 100_000_000n && head[8] === 0x7b,
    text: 'a safetensors file, which has weights and no graph; export ONNX from its framework',
  },
  { matches: (head) => /^[[{]/.test(text(head)), text: 'a JSON file that is no TensorFlow.js graph model' },
];

/** What the bytes are, where they are known not to be ONNX; null where they may be. */
export function describeBytes(bytes: Uint8Array): string | null {
  const head = Buffer.from(bytes.subarray(0, HEAD_BYTES));
  return KINDS.find(({ matches }) => matches(head))?.text ?? null;
}

/** The same for a folder, by the names of the files in it. */
export function describeFolder(names: readonly string[]): string {
  if (names.includes('saved_model.pb'))
    return 'a TensorFlow SavedModel; convert it with tf2onnx, or with tensorflowjs_converter to a graph model';
  const models = names.filter((name) => /\.(onnx|json)$/.test(name));
  return models.length > 0
    ? `a folder; name a file in it: ${models.slice(0, 8).join(', ')}`
    : 'a folder without a model';
}
