import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startRowSearch, type RowSearch } from '../../../../services/serving/gallery/row-search.ts';
import { createRandom, normal } from '../../../../services/training/random.ts';

const DIMENSIONS = 24;
const random = createRandom(5);

function unit(): Float32Array {
  const values = Float32Array.from({ length: DIMENSIONS }, () => normal(random));
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

const scoreOf = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, d) => sum + value * b[d]!, 0);

const inOne = (rows: readonly Float32Array[]) => Float32Array.from(rows.flatMap((row) => [...row]));

async function withSearch(use: (search: RowSearch) => Promise<void>): Promise<void> {
  const search = startRowSearch(DIMENSIONS);
  try {
    await use(search);
  } finally {
    await search.close();
  }
}

/** Every one of the `best` rows by exact products is among those named, and no row that is not there. */
async function expectBest(search: RowSearch, rows: readonly Float32Array[], probe: Float32Array, best: number) {
  const named = [...(await search.search(probe, best))];
  const ranking = rows.map((row, index) => ({ index, score: scoreOf(row, probe) })).sort((a, b) => b.score - a.score);
  for (const { index } of ranking.slice(0, best))
    assert.ok(named.includes(index), `row ${index} of ${named.join(', ')}`);
  assert.ok(named.every((index) => index < rows.length));
}

test('row search: the best of rows that were set in pieces are always named, and few others', () =>
  withSearch(async (search) => {
    const rows = Array.from({ length: 2_000 }, unit);
    for (let first = 0; first < rows.length; first += 300) search.set(first, inOne(rows.slice(first, first + 300)));
    for (let i = 0; i < 20; i++) {
      const probe = i % 2 === 0 ? unit() : rows[i]!;
      await expectBest(search, rows, probe, 10);
      assert.ok((await search.search(probe, 10)).length < 200);
    }
  }));

test('row search: rows that were cut off do not count', () =>
  withSearch(async (search) => {
    const rows = Array.from({ length: 50 }, unit);
    const probe = unit();
    search.set(0, inOne([...rows, ...Array.from({ length: 20 }, () => probe)]));
    search.truncate(rows.length);
    await expectBest(search, rows, probe, 5);
    rows.push(probe);
    search.set(50, probe);
    await expectBest(search, rows, probe, 5);
  }));

test('row search: fewer rows than asked for, a probe of zeros, and no rows', () =>
  withSearch(async (search) => {
    assert.is((await search.search(unit(), 5)).length, 0);
    const rows = [unit(), unit(), unit()];
    search.set(0, inOne(rows));
    await expectBest(search, rows, unit(), 5);
    await expectBest(search, rows, new Float32Array(DIMENSIONS), 2);
  }));

test.run();
