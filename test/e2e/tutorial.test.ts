/**
 * docs/tutorial.md, followed to the letter in an empty folder: each file is written as it stands, each command run in order, and
 * what the page shows has the shape of what comes. Two things differ from a newcomer's machine: ports, and limits of speed.
 */
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { serverOf, withCli, type CliProcess } from '../support/cli.ts';
import { blocksIn, isShell, ROOT, type Block } from '../support/documents/blocks.ts';
import { assertShape, openTerminal } from '../support/documents/terminal.ts';
import { withFolder } from '../support/folder.ts';

const PAGE = 'docs/tutorial.md';
const START = 'npx nightshift start\n';
/** The tests' machine may be busy with much else. */
const SPEED = {
  verification: {
    gates: { latencyP99MsMax: 60_000, imagesPerSecondMin: 0, slowdownMax: 1e6 },
    performanceRequests: 20,
  },
  deployment: { guardMs: 500, guardLatencyP99MsMax: 60_000 },
};

interface Newcomer {
  folder: string;
  /** All runs, in order. */
  readonly runs: string[];
  readonly said: Map<string, string>;
}

test('tutorial: each file and each command of the page does what the page says', () =>
  withFolder(async (clone) => {
    await layOut(clone);
    const newcomer: Newcomer = { folder: clone, runs: [], said: new Map() };
    const pages = withStarts(blocksIn(PAGE));
    await follow(pages[0]!, newcomer, undefined);
    for (const blocks of pages.slice(1)) {
      await withCli(['start'], { cwd: newcomer.folder }, async (system) => {
        const url = await serverOf(system);
        await follow(blocks, newcomer, url).catch((error) => {
          console.log(system.output());
          throw error;
        });
        await stopped(system);
      });
    }
    await checkAnswers(newcomer);
  }));

/** As much of a clone as the page names: the examples with what they import, and the package for modules of one's own. */
async function layOut(clone: string): Promise<void> {
  await mkdir(join(clone, 'node_modules'));
  await symlink(ROOT, join(clone, 'node_modules/nightshift'));
  await symlink(join(ROOT, 'node_modules/sharp'), join(clone, 'node_modules/sharp'));
  await cp(join(ROOT, 'examples'), join(clone, 'examples'), { recursive: true });
}

/** The blocks before the first start, and those after each. */
function withStarts(blocks: readonly Block[]): readonly (readonly Block[])[] {
  const starts = blocks.flatMap(({ text }, index) => (text === START ? [index] : []));
  assert.is(starts.length, 2);
  return [0, ...starts.map((it) => it + 1)].map((from, part) => blocks.slice(from, starts[part]));
}

async function follow(blocks: readonly Block[], newcomer: Newcomer, url: string | undefined): Promise<void> {
  let last = '';
  for (const block of blocks) {
    if (block.file !== null) await writeFile(join(newcomer.folder, block.file), fileOf(block));
    else if (block.language === 'text') assertShape(block.text, last, `${PAGE}:${block.line}`);
    else if (isShell(block)) last = await runBlock(block, newcomer, url);
    else assert.unreachable(`${PAGE}:${block.line} is no command, no file and no answer`);
  }
}

/** The configuration with a port of its own and no limits of speed. */
function fileOf({ file, text }: Block): string {
  if (file !== CONFIG_FILE) return text;
  const config = JSON.parse(text);
  Object.assign(config, { nats: { port: 0 }, gateway: { enabled: false } });
  Object.assign(config.models.badge, SPEED);
  return JSON.stringify(config);
}

async function runBlock(block: Block, newcomer: Newcomer, url: string | undefined): Promise<string> {
  const { runs, said } = newcomer;
  const terminal = await openTerminal({ folder: newcomer.folder, ...(url !== undefined && { url }) });
  const [run = '', second = ''] = runs;
  const knows = { run, first: run, second };
  // `<second>` is known once the block's own line has run it.
  const parts = block.text.includes('<second>') ? splitBefore(block, '<second>') : [block];
  let output = '';
  for (const part of parts) {
    output += await terminal.run(part, { samples: { ...knows, second: runs[1] ?? second } });
    for (const [, id] of output.matchAll(/^(run-\S+) (?:completed|rejected)/gm))
      if (!runs.includes(id!)) runs.push(id!);
  }
  said.set(block.text, output);
  const entered = /^mkdir -p (\S+) && cd \1$/m.exec(block.text)?.[1];
  if (entered !== undefined) newcomer.folder = join(newcomer.folder, entered);
  return output;
}

function splitBefore(block: Block, word: string): readonly Block[] {
  const lines = block.text.split('\n');
  const at = lines.findIndex((line) => line.includes(word));
  return [lines.slice(0, at), lines.slice(at)].map((part) => ({ ...block, text: part.join('\n') }));
}

async function checkAnswers({ folder, runs, said }: Newcomer): Promise<void> {
  const saidBy = (start: string) => [...said].find(([text]) => text.startsWith(start))?.[1] ?? '';
  assert.is(runs.length, 2, runs.join(', '));
  assert.match(await readFile(join(folder, 'report.html'), 'utf8'), /Rank-1 per class/);
  const asked = saidBy('npx nightshift ask');
  assert.match(asked, /^badge: "7"$[\s\S]*^badge: nobody known/m);
  const second = saidBy('npx nightshift schedule');
  assert.match(second, /30 2 \* \* \* \(Europe\/Berlin\)/);
  assert.match(second, /collect .* samples 700, classes 10/);
  assert.match(saidBy('npx nightshift rollback'), /now serves the pair of release 1/);
}

async function stopped(system: CliProcess): Promise<void> {
  system.kill('SIGINT');
  const { code, stderr } = await system.exited;
  assert.is(code, 0, stderr);
}

test.run();
