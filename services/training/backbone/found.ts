/**
 * Says what a file or folder is by its first bytes, so that an import that cannot work names what was found and the way
 * to what can be imported; and whether a file was cut off. Called by import.ts and by frozen/backbone.ts.
 */

/** `describeBytes` looks at no more than this. */
export const HEAD_BYTES = 4096;

interface Kind {
  readonly matches: (head: Buffer) => boolean;
  readonly text: string | ((head: Buffer) => string);
}

const text = (head: Buffer) => head.toString('latin1').trimStart();
const startsWith = (prefix: string | readonly number[]) => (head: Buffer) =>
  head.subarray(0, prefix.length).equals(Buffer.from(prefix as string));

const CONVERT_TENSORFLOW = 'convert it with tf2onnx, or with tensorflowjs_converter to a graph model';

const KINDS: readonly Kind[] = [
  { matches: (head) => head.length === 0, text: 'an empty file' },
  {
    matches: (head) => text(head).startsWith('version https://git-lfs.github.com/spec/'),
    text: 'a git-lfs pointer, a few lines of text in place of the model; `git lfs pull` fetches the file itself',
  },
  { matches: startsWith('PK\x03\x04'), text: zipText },
  {
    matches: (head) => head.subarray(4, 8).equals(Buffer.from('TFL3')),
    text: 'a TensorFlow Lite model (.tflite); convert it with tf2onnx (`python -m tf2onnx.convert --tflite`)',
  },
  {
    matches: startsWith([0x89, 0x48, 0x44, 0x46]),
    text: 'an HDF5 file (Keras .h5); convert it with tf2onnx, or with tensorflowjs_converter to a graph model',
  },
  { matches: startsWith([0x1f, 0x8b]), text: 'a gzip archive; unpack it first' },
  {
    matches: (head) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5,
    text: 'a Python pickle (an old PyTorch .pth or .pt); export it with torch.onnx.export',
  },
  {
    // Schema version 1, then a graph with its tags or the list of its operators. ONNX has had no version 1 since 2017.
    matches: (head) =>
      startsWith([0x08, 0x01, 0x12])(head) && /serve|Placeholder|NoOp|PartitionedCall/.test(text(head)),
    text: `a TensorFlow SavedModel (saved_model.pb); ${CONVERT_TENSORFLOW}`,
  },
  {
    matches: (head) => head[0] === 0x0a && /Placeholder|Const/.test(text(head)),
    text: `a frozen TensorFlow graph (.pb); ${CONVERT_TENSORFLOW}`,
  },
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
  const kind = KINDS.find(({ matches }) => matches(head));
  return typeof kind?.text === 'function' ? kind.text(head) : (kind?.text ?? null);
}

/** A zip is known by the name of the first file in it (APPNOTE.TXT 4.3.7: its length lies at 26, itself at 30). */
function zipText(head: Buffer): string {
  const name = head.length >= 30 ? head.toString('utf8', 30, 30 + head.readUInt16LE(26)) : '';
  if (/(^|\/)(data\.pkl|version|byteorder|constants\.pkl|\.format_version)$/.test(name))
    return 'a PyTorch file (.pt or .pth, a zip of pickles); export it with torch.onnx.export';
  if (/^(metadata|config)\.json$/.test(name)) return `a Keras file (.keras); ${CONVERT_TENSORFLOW}`;
  return `a zip archive${name && ` whose first file is ${name}`}; unpack it, and name the model in it`;
}

const [VARINT, FIXED64, LENGTH, FIXED32] = [0, 1, 2, 5];

/**
 * How many bytes are missing at the end of a file of protobuf fields, such as ONNX: its last field says how long it is.
 * 0 where it is whole; null where it is none. https://protobuf.dev/programming-guides/encoding/
 */
export function missingBytes(bytes: Uint8Array): number | null {
  let at = 0;
  const varint = (): number | null => {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return null;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < bytes.length) {
    const key = varint();
    if (key === null || key < 8) return null;
    const type = key % 8;
    if (type === FIXED64) at += 8;
    else if (type === FIXED32) at += 4;
    else if (type === VARINT || type === LENGTH) {
      const value = varint();
      if (value === null) return null;
      if (type === LENGTH) at += value;
    } else return null;
  }
  return at - bytes.length;
}

/** The same for a folder, by the names of the files in it. */
export function describeFolder(names: readonly string[]): string {
  if (names.includes('saved_model.pb')) return `a TensorFlow SavedModel; ${CONVERT_TENSORFLOW}`;
  const models = names.filter((name) => /\.(onnx|json)$/.test(name));
  return models.length > 0
    ? `a folder; name a file in it: ${models.slice(0, 8).join(', ')}`
    : 'a folder without a model';
}
