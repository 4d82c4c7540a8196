/**
 * Tables of the command line. On a terminal they fit: free text wraps, then the columns that matter least are left out and named
 * below, and as a last resort every column wraps; no word is cut off. Where the output is no terminal, each row is one line
 * with all columns, however long.
 */
import Table from 'cli-table3';
import { plain } from './plain.ts';

export interface TableOptions {
  /** Columns of free text, by their heads: wrapped where there is no room, down to so many characters. */
  readonly wraps?: Readonly<Record<string, number>>;
  /** Heads of columns that may be left out; the first one goes first. */
  readonly drops?: readonly string[];
}

export type Cell = string | number;

export interface TextTable {
  push(row: readonly Cell[]): void;
  toString(): string;
}

/** Blanks beside the text of a cell. */
const PADDING = 2;
/** Characters of a column's text when nothing else helps. */
const TEXT_MIN = 5;

/** `widthMax`: characters of a line. */
export function createTable(
  heads: readonly string[],
  options: TableOptions = {},
  widthMax: number = terminalWidth(),
): TextTable {
  const rows: (readonly Cell[])[] = [];
  return {
    // Names, reasons and messages of others stand in cells; the library would also take their escapes for colours.
    push: (row) => void rows.push(row.map((cell) => plain(String(cell)))),
    toString: () => render(heads, rows, options, widthMax),
  };
}

/** No limit where the output is no terminal, or the terminal does not tell. */
const terminalWidth = () => (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY;

function render(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  { wraps = {}, drops = [] }: TableOptions,
  widthMax: number,
): string {
  const columns = widthsOf(draw(heads, rows)).map((natural, index) => ({
    index,
    natural,
    least: Math.min(natural, (wraps[heads[index]!] ?? Number.POSITIVE_INFINITY) + PADDING), // A head for each column.
  }));
  const shown = shownOf(
    columns,
    drops.map((head) => heads.indexOf(head)),
    widthMax,
  );
  const of = <T>(cells: readonly T[]): T[] => shown.map(({ index }) => cells[index]!); // Each row has all columns.
  const table = draw(of(heads), rows.map(of), shrunk(shown, widthMax));
  const left = heads.filter((_, index) => !shown.some((it) => it.index === index));
  return left.length === 0 ? table : `${table}\nno room for ${left.join(', ')}; --json has all`;
}

interface Column {
  /** Its place in a row. */
  readonly index: number;
  /** Characters with padding: as wide as its longest text, and as narrow as it may be. */
  readonly natural: number;
  readonly least: number;
}

/** `widths`: those of cells with their padding; absent: as wide as their texts. */
function draw(heads: readonly string[], rows: readonly (readonly Cell[])[], widths?: readonly number[]): string {
  const cell = (text: Cell, index: number) => (widths ? broken(String(text), widths[index]! - PADDING) : text);
  const table = new Table({
    head: heads.map((head, index) => String(cell(head, index))),
    style: { head: [], border: [] },
    ...(widths && { wordWrap: true, colWidths: [...widths] }),
  });
  for (const row of rows) table.push(row.map(cell));
  return table.toString();
}

/** Of the upper border: between its corners one stretch for each column. */
const widthsOf = (table: string) =>
  table
    .split('\n')[0]!
    .slice(1, -1)
    .split('┬')
    .map(({ length }) => length);

const widthOf = (widths: readonly number[]) => widths.reduce((sum, width) => sum + width + 1, 1);

/** The columns that fit if all of them are as narrow as they may be. */
function shownOf(columns: readonly Column[], drops: readonly number[], widthMax: number): readonly Column[] {
  let shown = columns;
  for (const index of drops) {
    if (widthOf(shown.map(({ least }) => least)) <= widthMax) break;
    shown = shown.filter((it) => it.index !== index);
  }
  return shown;
}

/** The widest column gives way first: of those that wrap, and if these are as narrow as they may be, of all. */
function shrunk(columns: readonly Column[], widthMax: number): number[] {
  const widths = columns.map(({ natural }) => natural);
  for (const floor of [columns.map(({ least }) => least), columns.map(() => TEXT_MIN + PADDING)]) {
    while (widthOf(widths) > widthMax) {
      const may = widths.map((_, index) => index).filter((index) => widths[index]! > floor[index]!);
      if (may.length === 0) break;
      widths[may.reduce((a, b) => (widths[a]! >= widths[b]! ? a : b))]! -= 1;
    }
  }
  return widths;
}

/** A word that is longer than a line goes over several, because the library would cut it off. */
function broken(text: string, room: number): string {
  return text.replaceAll(/\S+/g, (word) => {
    // A character of another script may be two columns wide.
    const size = /^[\x20-\x7e]*$/.test(word) ? room : Math.max(1, Math.floor(room / 2));
    const letters = Array.from(word);
    if (letters.length <= size) return word;
    const parts = Array.from({ length: Math.ceil(letters.length / size) }, (_, at) =>
      letters.slice(at * size, (at + 1) * size).join(''),
    );
    return parts.join('\n');
  });
}
