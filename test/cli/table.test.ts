/** Tables of the command line at 60, 80 and 200 columns, and where the output is no terminal. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createTable, type TableOptions } from '../../cli/table.ts';

const HEADS = ['run', 'model', 'state', 'started', 'took', 'why'];
const OPTIONS: TableOptions = { wraps: { why: 16 }, drops: ['took', 'started', 'model'] };
const WHY = 'rank-1 is 0.7 %; at least 80.0 % is required, as the gate rank1Min of the model says';
const ROWS = [
  ['run-20261126-115231-e1ed', 'face', 'rejected', '2026-11-26 11:52:31Z', '148.2 s', WHY],
  ['slot-20261127T023000-face', 'face', 'waiting for approval', '2026-11-27 02:30:00Z', '12.0 s', ''],
] as const;
const NO_TERMINAL = Number.POSITIVE_INFINITY;

function drawn(widthMax: number, options = OPTIONS, rows: readonly (readonly string[])[] = ROWS) {
  const table = createTable(HEADS, options, widthMax);
  for (const row of rows) table.push(row);
  const lines = table.toString().split('\n');
  return {
    lines,
    text: lines.join('\n'),
    heads: lines[1]!
      .split('│')
      .map((it) => it.trim())
      .filter(Boolean),
  };
}

/** The text of a column, put together again over the lines of each cell. */
const columnOf = ({ lines, heads }: ReturnType<typeof drawn>, head: string) =>
  lines
    .filter((line) => line.startsWith('│'))
    .map((line) => line.split('│')[heads.indexOf(head) + 1]!.trim())
    .join(' ');

for (const width of [60, 80, 200]) {
  test(`table: at ${width} columns every line fits, and nothing that is shown is cut`, () => {
    const table = drawn(width);
    for (const line of table.lines) assert.ok(line.length <= width, line);
    assert.not.match(table.text, /…/);
    assert.match(columnOf(table, 'why').replaceAll(/\s+/g, ' '), new RegExp(WHY.replaceAll('.', '\\.')));
    for (const [run] of ROWS) assert.ok(columnOf(table, 'run').replaceAll(' ', '').includes(run), table.text);
  });
}

test('table: an escape in a cell steers no terminal and takes no letter with it, at any width', () => {
  for (const width of [0, 1, 60, NO_TERMINAL]) {
    const table = drawn(width, {}, [['r', 'm', 's', 'n', 't', '\u001B[31mred\u001B]0;mine\u0007']]);
    assert.not.match(table.text.replaceAll('\n', ''), /\p{Cc}/u);
    assert.is(columnOf(table, 'why').replaceAll(' ', ''), 'why<U+001B>[31mred<U+001B>]0;mine<U+0007>', `${width}`);
  }
});

test('table: where there is room all columns stand as wide as their texts', () => {
  const { lines, heads } = drawn(200);
  assert.equal(heads, HEADS);
  assert.is(lines.length, 7);
});

test('table: where there is less, text wraps first, then columns go in their order, and a line names them', () => {
  assert.equal(drawn(140).heads, HEADS);
  assert.equal(drawn(110).heads, ['run', 'model', 'state', 'started', 'why']);
  assert.equal(drawn(80).heads, ['run', 'model', 'state', 'why']);
  const narrow = drawn(60);
  assert.equal(narrow.heads, ['run', 'state', 'why']);
  assert.is(narrow.lines.at(-1), 'no room for model, started, took; --json has all');
});

test('table: the last resort breaks words, of any script, and loses no letter', () => {
  const name = '山田太郎山田太郎山田太郎山田太郎山田太郎山田太郎';
  const table = drawn(40, {}, [[name, 'face', 'ready', 'now', '1 s', 'x'.repeat(30)]]);
  assert.not.match(table.text, /…/);
  assert.is(columnOf(table, 'why').replaceAll(/why| /g, ''), 'x'.repeat(30));
  assert.ok(columnOf(table, 'run').replaceAll(' ', '').includes(name));
});

test('table: where the output is no terminal each row is one line, however long', () => {
  const { lines, heads } = drawn(NO_TERMINAL);
  assert.equal(heads, HEADS);
  assert.ok(lines[3]!.includes(WHY));
  // As these tests run: without a terminal.
  const table = createTable(HEADS, OPTIONS);
  table.push(ROWS[0]);
  assert.ok(table.toString().includes(WHY));
});

test('table: a table without rows has its heads', () => {
  assert.equal(drawn(80, OPTIONS, []).heads, HEADS);
});

test.run();
