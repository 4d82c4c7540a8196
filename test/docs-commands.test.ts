/**
 * Every command block of the documents is run by a test, or stands in the list of those that cannot be, with its reason. Of
 * all of them, and of the commands within sentences, it is checked that commands, options, scripts, routes and files exist.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  blocksIn,
  commandsIn,
  documents,
  isShell,
  ROOT,
  shellBlocks,
  textOf,
  withSamples,
} from './support/documents/blocks.ts';
import type { Block } from './support/documents/blocks.ts';
import { hasNats, problemOf } from './support/documents/checks.ts';
import { NOT_RUN, RUN, type BlockName } from './support/documents/list.ts';

const lists = [...Object.values(RUN), ...Object.values(NOT_RUN)].flat();
const isNamed = ({ document, text }: Block, [of, begins]: BlockName) =>
  document === of && (begins === '*' || text.startsWith(begins));
const placeOf = ({ document, line }: Block) => `${document}:${line}`;

if (!hasNats) console.log('SKIP options of `nats`: it is not on the PATH');

test('commands: every block is run by a test, or has a reason why not', () => {
  assert.ok(shellBlocks.length > 60);
  const found = shellBlocks.map(
    (block) => [placeOf(block), lists.filter((name) => isNamed(block, name)).length] as const,
  );
  assert.equal(
    found.filter(([, count]) => count !== 1),
    [],
  );
  const gone = lists.filter((name) => !shellBlocks.some((block) => isNamed(block, name)));
  assert.equal(gone, [], 'the list names blocks that no document has');
});

test('commands: the tests that run them, or stand in a reason, are there', () => {
  const named = [...Object.keys(RUN), ...Object.keys(NOT_RUN).flatMap((why) => why.match(/test\/[\w./-]*\w/g) ?? [])];
  assert.equal(
    named.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});

test('commands: a block of commands says so', () => {
  const looksLike = /^(\$ )?(npm|npx|nightshift|nats|curl|node|docker|kubectl|helm) /m;
  const untold = documents.flatMap(blocksIn).filter((block) => block.language === '' && looksLike.test(block.text));
  assert.equal(untold.map(placeOf), []);
});

test('commands: a shell can read every block', () => {
  for (const block of shellBlocks) {
    const script = withSamples(block.text).replaceAll(/\[|\]/g, '');
    const { status, stderr } = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
    assert.is(status, 0, `${placeOf(block)}: ${stderr}`);
  }
});

test('commands: commands, options, scripts, routes and files of every block exist', async () => {
  const problems: string[] = [];
  for (const block of shellBlocks) {
    for (const words of commandsIn(block.text)) {
      const problem = await problemOf(words);
      if (problem !== null) problems.push(`${placeOf(block)}: ${words.join(' ')}: ${problem}`);
    }
  }
  assert.equal(problems, []);
});

test('commands: so do those that stand within sentences', async () => {
  const problems: string[] = [];
  let checked = 0;
  for (const document of documents.filter((it) => it !== 'CHANGELOG.md')) {
    for (const span of spansIn(document)) {
      for (const words of commandsIn(span)) {
        checked += 1;
        const problem = await problemOf(words, true);
        if (problem !== null) problems.push(`${document}: \`${span}\`: ${problem}`);
      }
    }
  }
  assert.ok(checked > 150, `${checked} commands`);
  assert.equal(problems, []);
});

/** Pieces of code in prose and tables that begin as a command does; a pattern with optional parts is none. */
function spansIn(document: string): readonly string[] {
  const prose = textOf(document).replaceAll(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/`([^`]+)`/g)]
    .map(([, span]) => span!.replaceAll(/\s+/g, ' '))
    .filter(
      (span) => /^(npx nightshift|nightshift|npm run|nats --context) \S/.test(span) && !/\.\.\.|…|[[{|]/.test(span),
    );
}

test('commands: the check itself finds what does not exist', async () => {
  const wrong = [
    'nightshift rollbak',
    'nightshift runs --sinze 7d',
    'nightshift fork run-7 --from nowhere',
    'nightshift cancel',
    'npx nightshift status --nothing',
    'npm run nothing',
    'npm run bench -- nothing',
    'npm run bench -- saga --nothing',
    'curl http://127.0.0.1:7480/nothing',
    'curl -d x http://127.0.0.1:7480/metrics',
    'node examples/nothing.mjs',
    ...(hasNats ? ['nats --context c req --nothing a b', 'nats nothing'] : []),
  ];
  for (const line of wrong) {
    const [words] = commandsIn(line);
    assert.type(await problemOf(words!), 'string', line);
  }
  const right =
    'NATS_URL=x nightshift run show <run> --at <n> > out.txt   # why it "ended\nnats pub a \'{"a": 1}\' \\\n  --jetstream && x < y';
  assert.equal(commandsIn(right), [
    ['nightshift', 'run', 'show', 'run', '--at', '1'],
    ['nats', 'pub', 'a', '{"a": 1}', '--jetstream'],
    ['x'],
  ]);
});

test('commands: the exit codes of the table are those of the code', () => {
  const page = textOf('docs/operations.md');
  const [, general] = page.split('| Exit code | Meaning');
  const rows = [...general!.split('\n\n')[0]!.matchAll(/^\| (\d+) /gm)].map(([, code]) => Number(code));
  const sources = [
    'cli/program.ts',
    'cli/signals.ts',
    'cli/commands/apply.ts',
    'cli/commands/doctor.ts',
    'demo/demo.ts',
  ];
  const named = sources.flatMap((path) => [
    ...readFileSync(join(ROOT, path), 'utf8').matchAll(/^(?:export )?const EXIT_CODE_\w+ = (\d+);$/gm),
  ]);
  assert.equal(
    rows,
    [...new Set([0, ...named.map(([, code]) => Number(code))])].sort((a, b) => a - b),
  );
});

test('commands: packages and images that are named have the version of this one', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  // Figures are of the version that was measured.
  const pages = documents.filter((it) => it !== 'CHANGELOG.md' && it !== 'docs/numbers.md');
  const named = pages.flatMap((it) => [...textOf(it).matchAll(/nightshift[-:](\d+\.\d+\.\d+)/g)]);
  assert.ok(named.length > 3);
  assert.equal([...new Set(named.map(([, it]) => it))], [version]);
});

test('commands: blocks of documents are found with their lines', () => {
  const block = shellBlocks.find(({ text }) => text.startsWith('npm start'))!;
  assert.is(textOf('README.md').split('\n')[block.line - 1], 'npm start');
  assert.ok(isShell(block));
});

test('documents: a figure of the README is that of docs/numbers.md', () => {
  const figures = (path: string) =>
    new Map(
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('|'))
        .map((line) => line.split('|').map((cell) => cell.trim()))
        .map((cells) => [cells[1]!, cells[2]!] as const), // Before the first bar stands nothing.
    );
  const all = figures('docs/numbers.md');
  const shared = [...figures('README.md')].filter(([name]) => all.has(name) && /[a-z] /.test(name));
  assert.ok(shared.length > 0);
  for (const [name, value] of shared) assert.is(value, all.get(name), name);
});

test.run();
