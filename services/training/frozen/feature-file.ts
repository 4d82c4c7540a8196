/**
 * Features of images in a file, row by row, so that a file of any size costs little memory: rows are read where they are needed,
 * and a file is made anew piece by piece. A safetensors file with three tensors: digests of pixels, features, and a checksum
 * of both for each row, because a file lies for years. Used by features.ts and forget-features.ts.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { PipelineError } from '../../../contracts/errors.ts';
import { safetensorsHeader } from '../../safetensors.ts';

export interface FeatureFile {
  readonly count: number;
  /** Of one row. */
  readonly size: number;
  /** Of all rows in their order, in hex. */
  digests(): Generator<readonly [digest: string, row: number]>;
  /** These rows, one after the other. */
  read(rows: readonly number[], target: Float32Array): void;
  /** Those that are not what was written. Files of before 0.6.0 have no checksums: none. */
  damaged(rows: Iterable<readonly [digest: string, row: number]>): Set<number>;
  /** Of these rows, four bytes each; null in such a file. */
  checks(rows: readonly number[]): Uint8Array | null;
  close(): void;
}

export const FEATURES_FORMAT = 'nightshift.features/1';
const DIGEST_BYTES = 32;
/** CRC-32. */
const CHECK_BYTES = 4;
const LENGTH_BYTES = 8;
/** Three tensors and a word. */
const HEADER_BYTES_MAX = 64 * 1024;
/** Read and written at once: a few megabytes. */
const PIECE_ROWS = 1024;

const place = z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]);
const shape = z.tuple([z.number().int().nonnegative(), z.number().int().positive()]);
const HeaderSchema = z.object({
  __metadata__: z.object({ format: z.literal(FEATURES_FORMAT) }),
  digests: z.object({ dtype: z.literal('U8'), shape, data_offsets: place }),
  features: z.object({ dtype: z.literal('F32'), shape, data_offsets: place }),
  checks: z.object({ dtype: z.literal('U8'), shape, data_offsets: place }).optional(),
});

/** Another kind of file, which holds no features. */
export class NoFeatures extends PipelineError {
  constructor(path: string) {
    super('BLOB_CORRUPT', `${path}: no file of features, or one of another version`);
  }
}

/** Throws the error of the file system, NoFeatures, or BLOB_CORRUPT for a file that is damaged. */
export function openFeatureFile(path: string): FeatureFile {
  const file = openSync(path, 'r');
  try {
    return described(file, path);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function described(file: number, path: string): FeatureFile {
  const { header, bodyAt } = headerOf(file, path);
  const [count, size] = header.features.shape;
  const digestsAt = bodyAt + header.digests.data_offsets[0];
  const featuresAt = bodyAt + header.features.data_offsets[0];
  const checksAt = header.checks && bodyAt + header.checks.data_offsets[0];
  const rowBytes = size * Float32Array.BYTES_PER_ELEMENT;
  const areFor = ({ shape: [rows, bytes] }: { shape: [number, number] }, each: number) =>
    rows === count && bytes === each;
  const isWhole =
    areFor(header.digests, DIGEST_BYTES) &&
    (header.checks === undefined || areFor(header.checks, CHECK_BYTES)) &&
    fstatSync(file).size >=
      Math.max(
        digestsAt + count * DIGEST_BYTES,
        featuresAt + count * rowBytes,
        checksAt === undefined ? 0 : checksAt + count * CHECK_BYTES,
      );
  if (!isWhole) throw corrupt(path, 'it ends early, or its rows have not one digest each');
  const readRows = (at: number, bytes: number, rows: readonly number[], target: Uint8Array) => {
    for (const { first, at: to, length } of runsOf(rows))
      readFully(file, target.subarray(to * bytes, (to + length) * bytes), at + first * bytes, path);
  };
  const read: FeatureFile['read'] = (rows, target) =>
    readRows(featuresAt, rowBytes, rows, new Uint8Array(target.buffer, target.byteOffset, rows.length * rowBytes));
  const checks: FeatureFile['checks'] = (rows) => {
    if (checksAt === undefined) return null;
    const target = new Uint8Array(rows.length * CHECK_BYTES);
    readRows(checksAt, CHECK_BYTES, rows, target);
    return target;
  };
  return {
    ...{ count, size },
    *digests() {
      for (let from = 0; from < count; from += PIECE_ROWS) {
        const piece = Buffer.alloc(Math.min(PIECE_ROWS, count - from) * DIGEST_BYTES);
        readFully(file, piece, digestsAt + from * DIGEST_BYTES, path);
        for (let at = 0; at < piece.length; at += DIGEST_BYTES)
          yield [piece.toString('hex', at, at + DIGEST_BYTES), from + at / DIGEST_BYTES];
      }
    },
    ...{ read, checks },
    damaged(rows) {
      const found = new Set<number>();
      for (const piece of checksAt === undefined ? [] : pieces(rows)) {
        const numbers = piece.map(([, row]) => row);
        const features = new Float32Array(numbers.length * size);
        read(numbers, features);
        const stored = Buffer.from(checks(numbers)!); // There are some.
        for (const [at, [digest, row]] of piece.entries())
          if (stored.readUInt32LE(at * CHECK_BYTES) !== checkOf(digest, rowIn(features, at, size))) found.add(row);
      }
      return found;
    },
    close: () => closeSync(file),
  };
}

const rowIn = ({ buffer, byteOffset }: Float32Array, at: number, size: number): Uint8Array =>
  new Uint8Array(
    buffer,
    byteOffset + at * size * Float32Array.BYTES_PER_ELEMENT,
    size * Float32Array.BYTES_PER_ELEMENT,
  );

const checkOf = (digest: string, row: Uint8Array): number => crc32(row, crc32(Buffer.from(digest, 'hex')));

function headerOf(file: number, path: string) {
  const length = Buffer.alloc(LENGTH_BYTES);
  readFully(file, length, 0, path);
  const bytes = Number(length.readBigUInt64LE());
  if (bytes > HEADER_BYTES_MAX) throw new NoFeatures(path);
  const text = Buffer.alloc(bytes);
  readFully(file, text, LENGTH_BYTES, path);
  const json = parsed(text.toString('utf8'));
  if (json === undefined) throw corrupt(path, 'its header is no JSON');
  const header = HeaderSchema.safeParse(json);
  if (!header.success) throw new NoFeatures(path);
  return { header: header.data, bodyAt: LENGTH_BYTES + bytes };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Consecutive rows are read at once. */
function* runsOf(rows: readonly number[]): Generator<{ first: number; at: number; length: number }> {
  for (let at = 0; at < rows.length;) {
    const first = rows[at]!;
    let length = 1;
    while (rows[at + length] === first + length) length += 1;
    yield { first, at, length };
    at += length;
  }
}

function readFully(file: number, target: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < target.length;) {
    const read = readSync(file, target, done, target.length - done, position + done);
    if (read === 0) throw corrupt(path, `it ends before byte ${position + target.length}`);
    done += read;
  }
}

export interface NewFeatures {
  readonly size: number;
  readonly count: number;
  /** In hex, one for each row; asked for twice. */
  readonly digests: () => Iterable<string>;
  /** As many in all; none is changed afterwards. */
  readonly rows: AsyncIterable<Rows> | Iterable<Rows>;
}

/** Whole rows, with the checksums that they had in another file, if it had any: a copy of damage stays known as such. */
export interface Rows {
  readonly features: Float32Array;
  readonly checks?: Uint8Array | null;
}

/** Which file lies there now; null if there is none. Another one has another state. */
export async function stateOf(path: string): Promise<string | null> {
  const found = await stat(path, { bigint: true }).catch(nullIfAbsent);
  return found && `${found.ino} ${found.mtimeNs}`;
}

/**
 * The file, to be read and closed. It takes the place of the one that is there, unless `state` is given and another one lies
 * there now: somebody may have been taken out of that, so it stays, and this one is gone when it is closed.
 */
export async function writeFeatureFile(
  path: string,
  features: NewFeatures,
  state?: string | null,
): Promise<FeatureFile> {
  // Trainer and verifier may share a folder, also from containers in which each has the same process id.
  const partial = `${path}.${randomUUID()}`;
  try {
    await writeFile(partial, Readable.from(contentOf(features)));
    const file = openFeatureFile(partial);
    if (state === undefined || (await stateOf(path)) === state) await rename(partial, path);
    return file;
  } finally {
    await rm(partial, { force: true });
  }
}

/** A file that is being written grows with each run of the backbone. */
const LEFT_AFTER_MS = 24 * 3600_000;

/** Files that processes which were killed did not write to their end: rows of anybody lie in them. */
export async function removeLeftOver(folder: string, now: number): Promise<void> {
  const names = (await readdir(folder).catch(nullIfAbsent)) ?? [];
  for (const name of names.filter((it) => it.includes('.safetensors.'))) {
    const path = join(folder, name);
    const found = await stat(path).catch(nullIfAbsent);
    if (found !== null && now - found.mtimeMs > LEFT_AFTER_MS) await rm(path, { force: true });
  }
}

function nullIfAbsent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

async function* contentOf({ size, count, digests, rows }: NewFeatures): AsyncGenerator<Buffer> {
  const forms = [
    { name: 'digests', dtype: 'U8', shape: [count, DIGEST_BYTES] },
    { name: 'features', dtype: 'F32', shape: [count, size] },
    { name: 'checks', dtype: 'U8', shape: [count, CHECK_BYTES] },
  ] as const;
  yield safetensorsHeader(forms, { format: FEATURES_FORMAT });
  for (const piece of pieces(digests())) yield Buffer.from(piece.join(''), 'hex');
  const all = Buffer.alloc(count * CHECK_BYTES);
  let at = 0;
  const names = digests()[Symbol.iterator]();
  for await (const { features, checks } of rows) {
    if (checks) all.set(checks, at * CHECK_BYTES);
    for (let row = 0; row < features.length / size; row++, at++) {
      const { value: name, done } = names.next();
      if (done) throw new Error('more rows than digests');
      if (!checks) all.writeUInt32LE(checkOf(name, rowIn(features, row, size)), at * CHECK_BYTES);
    }
    yield Buffer.from(features.buffer, features.byteOffset, features.byteLength);
  }
  yield all;
}

/** These rows of a file, piece by piece. */
export function* rowsIn(file: FeatureFile, rows: Iterable<number>): Generator<Rows> {
  for (const some of pieces(rows)) {
    const features = new Float32Array(some.length * file.size);
    file.read(some, features);
    yield { features, checks: file.checks(some) };
  }
}

function* pieces<T>(all: Iterable<T>): Generator<T[]> {
  let piece: T[] = [];
  for (const one of all) {
    if (piece.push(one) < PIECE_ROWS) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

const corrupt = (path: string, why: string) =>
  new PipelineError('BLOB_CORRUPT', `${path}: the file of features is damaged: ${why}`);
