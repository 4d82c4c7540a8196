/** Features in a file: what was written is read again, row by row, in little memory; what is damaged or another file is told. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readSafetensors, writeSafetensors } from '../../../../services/safetensors.ts';
import {
  FEATURES_FORMAT,
  NoFeatures,
  openFeatureFile,
  removeLeftOver,
  rowsIn,
  stateOf,
  writeFeatureFile,
} from '../../../../services/training/frozen/feature-file.ts';
import { withFolder } from '../../../support/folder.ts';
import { failureOf } from '../../../support/samples.ts';

const digestOf = (row: number) => createHash('sha256').update(`${row}`).digest('hex');
const digests = (count: number) => Array.from({ length: count }, (_, row) => digestOf(row));
const named = (count: number) => () => digests(count);

/** Row r is r, r + 0.5, r + 1 ...; `each` of them at once. */
function* numbered(count: number, size: number, each: number) {
  for (let from = 0; from < count; from += each) {
    const rows = Math.min(each, count - from);
    yield {
      features: Float32Array.from({ length: rows * size }, (_, at) => from + Math.floor(at / size) + (at % size) / 2),
    };
  }
}

test('feature file: rows are read in any order, digests in theirs, and any safetensors reader takes the file', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    const written = await writeFeatureFile(path, {
      size: 3,
      count: 2_500,
      digests: named(2_500),
      rows: numbered(2_500, 3, 700),
    });
    written.close();
    const file = openFeatureFile(path);
    assert.equal([file.count, file.size], [2_500, 3]);
    assert.equal(
      [...file.digests()].map(([digest]) => digest),
      digests(2_500),
    );
    const target = new Float32Array(4 * 3);
    file.read([2_499, 7, 8, 0], target);
    assert.equal([...target], [2_499, 2_499.5, 2_500, 7, 7.5, 8, 8, 8.5, 9, 0, 0.5, 1]);
    const pieces = [
      ...rowsIn(
        file,
        Array.from({ length: 1_500 }, (_, at) => at + 1_000),
      ),
    ];
    assert.equal(
      pieces.map(({ features }) => features.length / 3),
      [1_024, 476],
    );
    assert.is(pieces[1]!.features[0], 2_024);
    file.close();
    const { tensors } = readSafetensors(readFileSync(path), path);
    assert.equal(
      [tensors['features']!.shape, tensors['digests']!.shape],
      [
        [2_500, 3],
        [2_500, 32],
      ],
    );
    assert.equal(readdirSync(folder), ['a.safetensors']);
  }));

test('feature file: a file of 64 MB costs a few, however many rows are looked for', () =>
  withFolder(async (folder) => {
    const [count, size] = [60_000, 256];
    const path = join(folder, 'large.safetensors');
    const before = process.memoryUsage().arrayBuffers;
    const file = await writeFeatureFile(path, {
      size,
      count,
      digests: named(count),
      rows: numbered(count, size, 16),
    });
    const wanted = digestOf(59_000);
    const row = [...file.digests()].find(([digest]) => digest === wanted)![1];
    const target = new Float32Array(size);
    file.read([row], target);
    file.close();
    assert.is(target[0], 59_000);
    const heldMb = (process.memoryUsage().arrayBuffers - before) / 1e6;
    assert.ok(heldMb < 32, `${heldMb} MB of ${(count * size * 4) / 1e6} are held`);
  }));

test('feature file: one that is written anew while rows fail to come leaves the old one', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    (await writeFeatureFile(path, { size: 2, count: 3, digests: named(3), rows: numbered(3, 2, 3) })).close();
    const before = readFileSync(path);
    const rows = (function* () {
      yield* numbered(1, 2, 1);
      throw new Error('the backbone died');
    })();
    const failing = writeFeatureFile(path, { size: 2, count: 5, digests: named(5), rows });
    await failing.then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.message, 'the backbone died'),
    );
    // Too few of them are no file either.
    const short = await failureOf(
      writeFeatureFile(path, { size: 2, count: 5, digests: named(5), rows: numbered(4, 2, 4) }),
    );
    assert.match(short.message, /is damaged: it ends early/);
    assert.equal(readFileSync(path), before);
    assert.equal(readdirSync(folder), ['a.safetensors']);
  }));

test('feature file: what a killed process left is removed after a day, and what is being written stays', () =>
  withFolder(async (folder) => {
    const [old, fresh, whole] = ['a.safetensors.17', 'b.safetensors.18', 'c.safetensors'];
    for (const name of [old, fresh, whole]) writeFileSync(join(folder, name), 'rows');
    const twoDaysAgo = new Date(Date.now() - 48 * 3600_000);
    for (const name of [old, whole]) utimesSync(join(folder, name), twoDaysAgo, twoDaysAgo);
    await removeLeftOver(folder, Date.now());
    assert.equal(readdirSync(folder), [fresh, whole]);
  }));

test('feature file: what is damaged says how, and another kind of file is none', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    const failing = (): Error => {
      try {
        openFeatureFile(path).close();
      } catch (error) {
        return error as Error;
      }
      throw new Error('it was opened');
    };
    (await writeFeatureFile(path, { size: 2, count: 3, digests: named(3), rows: numbered(3, 2, 3) })).close();
    truncateSync(path, readFileSync(path).length - 1);
    assert.match(failing().message, /a\.safetensors: the file of features is damaged: it ends early/);
    truncateSync(path, 20);
    assert.match(failing().message, /it ends before byte/);
    writeFileSync(path, Buffer.alloc(100, 'x'));
    assert.instance(failing(), NoFeatures);
    const tensors = { features: { shape: [1, 2], data: Float32Array.of(1, 2) } };
    writeFileSync(path, writeSafetensors({ tensors, metadata: { format: 'of somebody else/1' } }));
    assert.instance(failing(), NoFeatures);
  }));

const count = 2_000;
const size = 4;
const whole = (path: string) =>
  writeFeatureFile(path, { size, count, digests: named(count), rows: numbered(count, size, 300) });

/** One bit of the file is another. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 0x10;
  writeFileSync(path, bytes);
}

test('feature file: a bit that flips, in a row, its digest or its checksum, is that one row\u2019s damage, and copies keep it', () =>
  withFolder(async (folder) => {
    const [path, copied] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')];
    (await whole(path)).close();
    const end = readFileSync(path).length;
    const [checksAt, featuresAt] = [end - 4 * count, end - 4 * count - 4 * size * count];
    flip(path, checksAt + 4 * 1_999 + 3);
    flip(path, featuresAt + 4 * size * 1_500 + 15);
    flip(path, featuresAt - 32 * count + 32 * 7);
    const file = openFeatureFile(path);
    const found = file.damaged(file.digests());
    assert.equal([...found], [7, 1_500, 1_999]);
    assert.equal([...file.damaged([[digestOf(1_499), 1_499]])], []);
    const names = () => [...file.digests()].map(([digest]) => digest);
    const rows = rowsIn(file, Array(count).keys());
    const copy = await writeFeatureFile(copied, { size, count, digests: names, rows });
    assert.equal([...copy.damaged(copy.digests())], [7, 1_500, 1_999], 'a copy does not heal it');
    file.close();
    copy.close();
  }));

test('feature file: one of before there were checksums is read, and a copy of it has them', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    const tensors = {
      digests: { shape: [1, 32], data: new Uint8Array(Buffer.from(digestOf(0), 'hex')) },
      features: { shape: [1, 2], data: Float32Array.of(1, 2) },
    };
    writeFileSync(path, writeSafetensors({ tensors, metadata: { format: FEATURES_FORMAT } }));
    const file = openFeatureFile(path);
    assert.equal([file.damaged(file.digests()).size, file.checks([0])], [0, null]);
    const copy = await writeFeatureFile(path, { size: 2, count: 1, digests: named(1), rows: rowsIn(file, [0]) });
    assert.is(copy.checks([0])!.length, 4);
    assert.is(copy.damaged(copy.digests()).size, 0);
    file.close();
    copy.close();
  }));

test('feature file: one that was written anew by somebody else meanwhile stays', () =>
  withFolder(async (folder) => {
    const path = join(folder, 'a.safetensors');
    const write = async (rows: number, state?: string | null) => {
      const features = { size, count: rows, digests: named(rows), rows: numbered(rows, size, 100) };
      const file = await writeFeatureFile(path, features, state);
      const first = new Float32Array(size);
      file.read([rows - 1], first);
      file.close();
      return first[0];
    };
    const absent = await stateOf(path);
    assert.is(absent, null);
    await write(200);
    assert.is(await write(300, absent), 299, 'its own rows can be read');
    assert.is(openCount(path), 200, 'but the file is the other one');
    const state = await stateOf(path);
    await write(250, state);
    assert.is(openCount(path), 250);
    assert.equal(readdirSync(folder), ['a.safetensors']);
  }));

function openCount(path: string): number {
  const file = openFeatureFile(path);
  file.close();
  return file.count;
}

test.run();
