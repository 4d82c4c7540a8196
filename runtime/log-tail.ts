/**
 * The last lines of this process's log that are about one run, for people who do not see this machine's log: a worker
 * opens a tail while it works on a run, and the failure takes its lines along. Stacks stay here, and fields with paths and
 * addresses: of a line come its message, numbers, and the words of a training program, whose secrets were masked.
 */
import pino from 'pino';

/** Enough for the step that failed and the one before it. */
export const TAIL_LINES_MAX = 10;
/** With the number above this bounds a message: 10 lines are 12 KB of UTF-8 at most. */
export const TAIL_CHARACTERS_MAX = 300;

export interface LogTail {
  lines(): readonly string[];
  /** Nothing is kept from now on. */
  close(): void;
}

interface Kept {
  readonly mark: string;
  readonly lines: string[];
}

const open = new Set<Kept>();

export function openLogTail(runId: string): LogTail {
  const kept: Kept = { mark: `"runId":${JSON.stringify(runId)}`, lines: [] };
  open.add(kept);
  return { lines: () => [...kept.lines], close: () => void open.delete(kept) };
}

/** Called with every line of JSON that a logger of this process writes. */
export function noteLine(line: string): void {
  if (open.size === 0) return;
  for (const { mark, lines } of open) {
    if (!line.includes(mark)) continue;
    lines.push(inWords(JSON.parse(line) as Line)); // As pino wrote it.
    if (lines.length > TAIL_LINES_MAX) lines.shift();
  }
}

/** Of pino, and of the log of a training program; but fields of a caller's may have the same names. */
interface Line extends Readonly<Record<string, unknown>> {
  readonly time: number;
  readonly level: number;
  readonly msg?: string;
  readonly line?: string;
  readonly err?: { readonly code?: string; readonly type?: string } | null;
}

const NOT_FIGURES = new Set(['time', 'level', 'pid']);

function inWords({ time, level, msg = '', line, err, ...fields }: Line): string {
  const figures = Object.entries(fields).flatMap(([name, value]) =>
    typeof value === 'number' && !NOT_FIGURES.has(name) ? [`${name}=${value}`] : [],
  );
  const words = [
    ...[timeOf(time), pino.levels.labels[level] ?? `level ${level}`, msg],
    ...(line === undefined ? [] : [`| ${line}`]),
    ...(err === undefined ? [] : [`[${err?.code ?? err?.type ?? 'error'}]`]),
    ...figures,
  ];
  return cut(words.join(' ').replaceAll(/\p{Cc}+/gu, ' '));
}

function timeOf(time: number): string {
  const at = new Date(time);
  return (Number.isNaN(at.getTime()) ? new Date() : at).toISOString();
}

const HALF_CHARACTER = /[\ud800-\udbff]$/;

function cut(text: string): string {
  return text.length > TAIL_CHARACTERS_MAX
    ? `${text.slice(0, TAIL_CHARACTERS_MAX - 3).replace(HALF_CHARACTER, '')}...`
    : text;
}
