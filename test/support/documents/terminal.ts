/**
 * Command blocks of documents as a reader runs them: by bash, in the reader's folder, with `nightshift` and `npx nightshift`
 * being this checkout. Three things differ from a reader's machine: the ports, words in angle brackets, and what a block needs
 * changed, which the caller says. A line of `nats ... sub` listens beside the others until the block ends.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import * as assert from 'uvu/assert';
import { ROOT, type Block } from './blocks.ts';
import { hasNats } from './checks.ts';

export interface TerminalOptions {
  readonly folder: string;
  /** Of nats-server, once there is one. */
  readonly url?: string;
  /** `http://127.0.0.1:<port>` of the gateway. */
  readonly gateway?: string;
}

export interface BlockRun {
  /** For words in angle brackets. */
  readonly samples?: Readonly<Record<string, string>>;
  /** Pieces of the text, and what stands there in the test. Each has to be there. */
  readonly changes?: Readonly<Record<string, string>>;
  /** Exit code of the block; 0 if absent. */
  readonly code?: number;
}

export interface Terminal {
  /** Answers what it printed on both outputs. */
  run(block: Block, options?: BlockRun): Promise<string>;
  /** Lines that need none of the others before them, each of them once. */
  runLines(blocks: readonly Block[], options?: BlockRun): Promise<string>;
  /** Of blocks, in the order in which they were run. */
  readonly ran: Block[];
}

const TIMEOUT_MS = 180_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const GATEWAY = 'http://127.0.0.1:7480';

export async function openTerminal({ folder, url, gateway }: TerminalOptions): Promise<Terminal> {
  const programs = await makePrograms(join(folder, '.programs'));
  const env = {
    ...{ PATH: `${programs}${delimiter}${process.env['PATH']}`, HOME: folder, TMPDIR: process.env['TMPDIR'] ?? '/tmp' },
    ...{ LANG: 'C.UTF-8', XDG_CONFIG_HOME: join(folder, '.config') },
    ...(url !== undefined && { NATS_URL: url }),
  };
  const ran: Block[] = [];
  const terminal: Terminal = {
    ran,
    async runLines(blocks, options) {
      const lines = [...new Set(blocks.flatMap(({ text }) => text.trimEnd().split('\n')))];
      const output = await terminal.run({ ...blocks[0]!, text: `${lines.join('\n')}\n` }, options);
      ran.splice(-1, 1, ...blocks);
      return output;
    },
    async run(block, { samples = {}, changes = {}, code = 0 } = {}) {
      ran.push(block);
      const text = changed(block, {
        ...(gateway && block.text.includes(GATEWAY) && { [GATEWAY]: gateway }),
        ...changes,
      });
      const script = scriptOf(text.replaceAll(/<([a-z]+)>/g, (whole, name: string) => samples[name] ?? whole));
      const output = await bash(script, { cwd: folder, env });
      assert.is(output.code, code, `${block.document}:${block.line}\n${script}\n${output.text}`);
      return output.text;
    },
  };
  return terminal;
}

/** `nightshift`, and `npx` for nothing else. */
async function makePrograms(folder: string): Promise<string> {
  const nightshift = `exec "${process.execPath}" "${join(ROOT, 'cli/nightshift.mjs')}"`;
  const programs = {
    // `report --open` opens nothing here.
    'xdg-open': 'exit 0',
    nightshift: `${nightshift} "$@"`,
    npx: `test "$1" = nightshift || exit 64\nshift\n${nightshift} "$@"`,
  };
  await mkdir(folder, { recursive: true });
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  return folder;
}

function changed({ document, line, text }: Block, changes: Readonly<Record<string, string>>): string {
  let script = text;
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(script.includes(from), `${document}:${line} has no "${from}"`);
    script = script.replaceAll(from, to);
  }
  return script;
}

/** Each line is shown before it is run. Without the NATS CLI its lines are left out, and named. */
function scriptOf(text: string): string {
  const lines = text.replaceAll('\\\n', ' ').split('\n');
  const shown = lines.map((line) => {
    if (!line.startsWith('nats ')) return line;
    if (!hasNats) return `echo ${quoted(`SKIP ${line}`)}`;
    return / sub /.test(line) ? listening(line.replace(/\s+#[^'"]*$/, '')) : line;
  });
  return ['set -euo pipefail', "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT", ...shown].join('\n');
}

/** It has begun to listen before the next line is run. */
const listening = (line: string) =>
  `${line} > .heard 2>&1 & until grep -q Subscribing .heard; do kill -0 $!; sleep 0.1; done`;

const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

async function bash(script: string, { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> }) {
  const limits = { timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  const ended = promisify(execFile)('bash', ['-c', script], { cwd, env, ...limits });
  ended.child.stdin?.end();
  try {
    const { stdout, stderr } = await ended;
    return { code: 0, text: `${stderr}${stdout}` };
  } catch (error) {
    // As execFile rejects: the end of the program, with what it had printed.
    const { code, stdout, stderr } = error as { code: number | null; stdout: string; stderr: string };
    return { code, text: `${stderr}${stdout}` };
  }
}

/**
 * Whether the sample has the shape of the output: each of its lines comes, in order, and only numbers, names of runs and
 * digests, times, and the width of blanks differ. A line of three dots stands for any.
 */
export function assertShape(sample: string, output: string, what: string): void {
  const lines = output.split('\n');
  let from = 0;
  for (const line of sample.split('\n').filter((it) => it.trim() !== '' && it.trim() !== '...')) {
    const shape = shapeOf(line);
    const found = lines.slice(from).findIndex((it) => shape.test(it));
    assert.ok(found >= 0, `${what}: no line is like "${line}" in\n${lines.slice(from).join('\n')}`);
    from += found + 1;
  }
}

const VARIES = /run-\d{8}-\d{6}-[0-9a-f]+|\d{4}-\d\d-\d\dT[\d:.]+Z|[0-9a-f]{12,}|> ?99\.9|\d[\d.,]*|─+|\s+/g;

function shapeOf(line: string): RegExp {
  const parts = line
    .trim()
    .split(VARIES)
    .map((it) => it.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const kinds = [...line.trim().matchAll(VARIES)].map(([found]) => patternOf(found));
  return new RegExp(`^\\s*${parts.map((part, index) => `${part}${kinds[index] ?? ''}`).join('')}\\s*$`);
}

function patternOf(found: string): string {
  if (/^\s+$/.test(found)) return '\\s+';
  if (found.startsWith('run-')) return 'run-\\S+';
  if (found.startsWith('─')) return '─+';
  if (found.endsWith('Z')) return '\\S+Z';
  return /^[0-9a-f]{12,}$/.test(found) ? '[0-9a-f]+' : '(?:> ?)?[\\d.,e+-]+';
}
