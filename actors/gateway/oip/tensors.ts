/**
 * Tensors of the Open Inference Protocol v2 as they travel: JSON, or bytes behind the JSON (the extension for binary
 * tensors). Pure. Reads images out of a request and writes the tensors of an answer; routes.ts knows what they mean.
 */
import { z } from 'zod';
import { describeIssues } from '../../../contracts/envelope.ts';
import { PipelineError } from '../../../contracts/errors.ts';

const ParametersSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const InputSchema = z.object({
  name: z.string().max(64),
  shape: z.array(z.number().int().nonnegative()).min(1).max(4),
  datatype: z.enum(['BYTES', 'UINT8', 'FP32']),
  parameters: ParametersSchema.default({}),
  data: z.array(z.unknown()).optional(),
});
export type Input = z.infer<typeof InputSchema>;

const InferRequestSchema = z.object({
  id: z.string().max(256).optional(),
  parameters: ParametersSchema.default({}),
  inputs: z.array(InputSchema).length(1, 'one input: "image" or "pixels"'),
  outputs: z
    .array(z.object({ name: z.string().max(64), parameters: ParametersSchema.default({}) }))
    .max(16)
    .optional(),
});
export type InferRequest = z.infer<typeof InferRequestSchema>;

export interface Parsed {
  readonly request: InferRequest;
  /** Behind the JSON. */
  readonly binary: Buffer;
}

/** `jsonBytes`: the header Inference-Header-Content-Length; absent: all of the body is JSON. Throws REQUEST_INVALID. */
export function parseInfer(body: Buffer, jsonBytes: string | undefined): Parsed {
  const length = jsonBytes === undefined ? body.length : Number(jsonBytes);
  if (!Number.isSafeInteger(length) || length < 0 || length > body.length) {
    throw invalid(`Inference-Header-Content-Length is "${jsonBytes}", and the body has ${body.length} bytes`);
  }
  const parsed = InferRequestSchema.safeParse(jsonOf(body.subarray(0, length)));
  if (!parsed.success) throw invalid(describeIssues(parsed.error));
  return { request: parsed.data, binary: body.subarray(length) };
}

/** One item for each row of the tensor: the bytes of a file, or of the pixels. Throws REQUEST_INVALID. */
export function itemsOf(input: Input, binary: Buffer, itemsMax: number): readonly Uint8Array[] {
  const [count = 0, ...row] = input.shape;
  const items = input.datatype === 'BYTES' ? count * product(row) : count;
  if (items < 1 || items > itemsMax)
    throw invalid(`${input.name}: ${items} images; 1 to ${itemsMax} are taken at once`);
  const size = input.parameters['binary_data_size'];
  if (size === undefined) return fromJson(input, items, product(row));
  if (size !== binary.length)
    throw invalid(`${input.name}: binary_data_size is ${size}, and ${binary.length} bytes came`);
  return input.datatype === 'BYTES' ? lengthPrefixed(input, binary, items) : rowsOf(input, binary, items, product(row));
}

function fromJson(
  { name, datatype, data, parameters }: Input,
  items: number,
  rowLength: number,
): readonly Uint8Array[] {
  const values = (data ?? []).flat(Infinity);
  if (datatype === 'BYTES') {
    // JSON has no bytes: a file comes in base64, and says so as other servers of the protocol want it.
    if (parameters['content_type'] !== 'base64') {
      throw invalid(
        `${name}: send the file as binary data, or in base64 with {"parameters": {"content_type": "base64"}}`,
      );
    }
    if (values.length !== items || !values.every((it) => typeof it === 'string'))
      throw invalid(`${name}: expected ${items} texts`);
    return values.map((text) => Buffer.from(text, 'base64'));
  }
  if (values.length !== items * rowLength || !values.every((it) => typeof it === 'number' && it >= 0 && it <= 255)) {
    throw invalid(`${name}: expected ${items * rowLength} values 0..255`);
  }
  const bytes = Uint8Array.from(values as number[], (value) => Math.round(value)); // All are, by the line before.
  return rows(bytes, items, rowLength);
}

/** Each after its length, four bytes, the lowest first. */
function lengthPrefixed({ name }: Input, binary: Buffer, items: number): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= binary.length && found.length < items) {
    const length = binary.readUInt32LE(at);
    found.push(binary.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  if (at !== binary.length || found.length !== items)
    throw invalid(`${name}: the binary data is not ${items} elements with their lengths`);
  return found;
}

function rowsOf({ name, datatype }: Input, binary: Buffer, items: number, rowLength: number): readonly Uint8Array[] {
  const width = datatype === 'FP32' ? 4 : 1;
  if (binary.length !== items * rowLength * width)
    throw invalid(`${name}: ${binary.length} bytes do not fill its shape`);
  if (datatype !== 'FP32') return rows(binary, items, rowLength);
  const values = Uint8Array.from({ length: items * rowLength }, (_, i) =>
    Math.round(Math.min(255, Math.max(0, binary.readFloatLE(4 * i)))),
  );
  return rows(values, items, rowLength);
}

const rows = (bytes: Uint8Array, items: number, rowLength: number) =>
  Array.from({ length: items }, (_, i) => bytes.subarray(i * rowLength, (i + 1) * rowLength));

export interface Output {
  readonly name: string;
  readonly datatype: 'BYTES' | 'BOOL' | 'FP32' | 'INT64';
  readonly shape: readonly number[];
  readonly data: readonly (string | number | boolean)[];
}

export interface Encoded {
  /** JSON, and behind it the tensors that are wanted as bytes. */
  readonly body: Buffer;
  /** Of the JSON; null if that is all. */
  readonly jsonBytes: number | null;
}

/** `isBinary`: whether an output is wanted as bytes. */
export function encodeOutputs(head: object, outputs: readonly Output[], isBinary: (name: string) => boolean): Encoded {
  const tensors = outputs.map((output) => ({ output, bytes: isBinary(output.name) ? bytesOf(output) : null }));
  const described = tensors.map(({ output: { data, ...rest }, bytes }) =>
    bytes ? { ...rest, parameters: { binary_data_size: bytes.length } } : { ...rest, data },
  );
  const json = Buffer.from(JSON.stringify({ ...head, outputs: described }));
  const binary = tensors.flatMap(({ bytes }) => (bytes ? [bytes] : []));
  return { body: Buffer.concat([json, ...binary]), jsonBytes: binary.length > 0 ? json.length : null };
}

function bytesOf({ datatype, data }: Output): Buffer {
  switch (datatype) {
    case 'BYTES':
      return Buffer.concat(
        data.flatMap((text) => [uint32(Buffer.byteLength(String(text))), Buffer.from(String(text))]),
      );
    case 'BOOL':
      return Buffer.from(data.map((it) => (it ? 1 : 0)));
    case 'FP32':
      return Buffer.from(Float32Array.from(data as number[]).buffer); // Outputs of this type hold numbers.
    case 'INT64':
      return Buffer.from(BigInt64Array.from(data.map((it) => BigInt(it))).buffer);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw invalid(`the body is not JSON: ${(cause as Error).message}`);
  }
}

const product = (lengths: readonly number[]) => lengths.reduce((all, one) => all * one, 1);
const invalid = (why: string) => new PipelineError('REQUEST_INVALID', `infer: ${why}`);
