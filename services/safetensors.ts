/**
 * safetensors (https://github.com/huggingface/safetensors): eight bytes little-endian header length, a JSON header,
 * then the tensors' raw bytes. Galleries, golden samples and training checkpoints are stored so; any Python reads them.
 * Written here because no maintained package writes the format in JavaScript.
 */
import { PipelineError } from '../contracts/errors.ts';

export type TensorData = Float32Array | Int32Array | Uint8Array;
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: TensorData;
}
export interface TensorFile {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** String to string, as the format has it. */
  readonly metadata: Readonly<Record<string, string>>;
}

const DTYPES = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;
type Dtype = keyof typeof DTYPES;
const HEADER_BYTES_MAX = 100_000_000;

export function writeSafetensors({ tensors, metadata }: TensorFile): Buffer {
  const forms = Object.entries(tensors).map(([name, { shape, data }]) => ({ name, shape, dtype: dtypeOf(data) }));
  const bodies = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return Buffer.concat([safetensorsHeader(forms, metadata), ...bodies]);
}

export interface TensorForm {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** The beginning of a file, for those who write the tensors' bytes after it bit by bit, in this order. */
export function safetensorsHeader(tensors: readonly TensorForm[], metadata: TensorFile['metadata']): Buffer {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const { name, dtype, shape } of tensors) {
    const bytes = shape.reduce((product, size) => product * size, DTYPES[dtype].BYTES_PER_ELEMENT);
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = Buffer.from(JSON.stringify(header));
  // Padded with spaces so that the data starts aligned to eight bytes, as the format recommends.
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/**
 * Tensors are copies: they do not keep the file's bytes alive. With `inPlace` they are those bytes where they lie as they
 * must, and the caller changes the bytes no more. Throws BLOB_CORRUPT, naming `what`.
 */
export function readSafetensors(bytes: Uint8Array, what: string, { inPlace = false } = {}): TensorFile {
  try {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const headerLength = Number(buffer.readBigUInt64LE(0));
    if (headerLength > Math.min(HEADER_BYTES_MAX, buffer.length - 8)) throw new Error('header longer than the file');
    const { __metadata__: metadata = {}, ...entries } = JSON.parse(buffer.toString('utf8', 8, 8 + headerLength));
    const body = buffer.subarray(8 + headerLength);
    const tensors = Object.fromEntries(
      Object.entries(entries).map(([name, entry]) => [name, readTensor(name, entry, body, inPlace)]),
    );
    return { tensors, metadata };
  } catch (cause) {
    throw new PipelineError('BLOB_CORRUPT', `${what}: not a safetensors file (${(cause as Error).message})`, { cause });
  }
}

/** The tensor of that name if it is float32 of the expected rank. Throws BLOB_CORRUPT. */
export function floatTensor(
  file: TensorFile,
  name: string,
  rank: number,
  what: string,
): { shape: readonly number[]; data: Float32Array } {
  const tensor = file.tensors[name];
  if (tensor?.data instanceof Float32Array && tensor.shape.length === rank)
    return { shape: tensor.shape, data: tensor.data };
  throw new PipelineError('BLOB_CORRUPT', `${what}: no float32 tensor "${name}" of rank ${rank} in it`);
}

function readTensor(name: string, entry: unknown, body: Buffer, inPlace: boolean): Tensor {
  const {
    dtype,
    shape,
    data_offsets: [from, to],
  } = entry as { dtype: string; shape: number[]; data_offsets: [number, number] };
  if (!(dtype in DTYPES)) throw new Error(`tensor ${name} has the unsupported type ${dtype}`);
  const ArrayType = DTYPES[dtype as Dtype];
  const count = shape.reduce((product, size) => product * size, 1);
  if (to > body.length || to - from !== count * ArrayType.BYTES_PER_ELEMENT)
    throw new Error(`tensor ${name} has wrong offsets`);
  const start = body.byteOffset + from;
  if (inPlace && start % ArrayType.BYTES_PER_ELEMENT === 0)
    return { shape, data: new ArrayType(body.buffer as ArrayBuffer, start, count) }; // Shared memory would do as well.
  // Also because the slice may start at an address that a typed array of four bytes cannot start at.
  const copy = Uint8Array.prototype.slice.call(body, from, to);
  return { shape, data: new ArrayType(copy.buffer, copy.byteOffset, count) };
}

function dtypeOf(data: TensorData): Dtype {
  if (data instanceof Float32Array) return 'F32';
  return data instanceof Int32Array ? 'I32' : 'U8';
}
