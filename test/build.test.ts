/** The build in a checkout: made where it is missing or of other sources, left alone where it is of these. */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { builtModule } from '../runtime/modules.ts';
import { withFolder } from './support/folder.ts';

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

/** The sources without their build; `use` runs the command line there. */
const withCheckout = (use: (checkout: Checkout) => Promise<void>) =>
  withFolder(async (folder) => {
    const isCopied = (path: string) => !/^(dist|node_modules|docs|\.\w+)(\/|$)/.test(path.split(sep).join('/'));
    cpSync(ROOT, folder, { recursive: true, filter: (path) => isCopied(path.slice(ROOT.length + 1)) });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await use({
      file: (name) => join(folder, name),
      help: async () => (await run(process.execPath, [join(folder, 'cli/nightshift.mjs'), '--help'])).stdout,
    });
  });

interface Checkout {
  file(name: string): string;
  help(): Promise<string>;
}

const PROGRAM = 'cli/program.ts';
const BUILT = 'dist/cli/program.js';
const IN_HELP = 'show what is in service and what is under way';

test('build: made when it is missing, and then not again', () =>
  withCheckout(async ({ file, help }) => {
    assert.not(existsSync(file(BUILT)));
    assert.match(await help(), IN_HELP);
    const { mtimeMs } = statSync(file(BUILT));
    await help();
    assert.is(statSync(file(BUILT)).mtimeMs, mtimeMs);
  }));

test('build: made by two commands at once, both of which run', () =>
  withCheckout(async ({ file, help }) => {
    for (const said of await Promise.all([help(), help(), help()])) assert.match(said, IN_HELP);
    const vendored = readdirSync(file('dist/vendor'), { recursive: true, encoding: 'utf8' });
    assert.ok(vendored.some((name) => name.endsWith('onnxruntime_binding.node')));
    assert.equal(
      vendored.filter((name) => /\.\d+$/.test(name) && !/\.so\.\d+$/.test(name)),
      [],
    );
  }));

test('build: made anew when a source is another, however old the source looks', () =>
  withCheckout(async ({ file, help }) => {
    await help();
    writeFileSync(file(PROGRAM), readFileSync(file(PROGRAM), 'utf8').replace(IN_HELP, 'what is new'));
    utimesSync(file(PROGRAM), new Date(0), new Date(0));
    assert.match(await help(), 'what is new');
    writeFileSync(file('runtime/another.ts'), 'export const another = 1;\n');
    const before = statSync(file(BUILT)).mtimeMs;
    await help();
    assert.ok(statSync(file(BUILT)).mtimeMs > before, 'a source more');
  }));

test('build: one of these sources needs no builder, one of others says where it comes from', () =>
  withCheckout(async ({ file, help }) => {
    await help();
    writeFileSync(file('node_modules.js'), '');
    rmSync(file('node_modules'));
    cpSync(join(ROOT, 'node_modules/commander'), file('node_modules/commander'), { recursive: true });
    assert.match(await help(), IN_HELP);
    writeFileSync(file(PROGRAM), `${readFileSync(file(PROGRAM), 'utf8')}\n`);
    const failure: unknown = await help().catch((cause: unknown) => cause);
    assert.match(String(failure), /dist\/ is not made of these sources, and esbuild is not installed; `npm ci`/);
  }));

test('build: what tests start as threads and processes is of the sources as they are', () => {
  for (const name of ['services/training/loop/training.thread', 'test/support/crash/victim.process'] as const)
    assert.ok(existsSync(builtModule(name)), name);
  assert.is(builtModule('demo/traffic.thread').href, new URL('../dist/demo/traffic.thread.js', import.meta.url).href);
});

test('build: each thread and process that is named exists', () => {
  const named = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
    .filter((path) => /^(actors|bench|demo|runtime|services|test)[\\/].*\.ts$/.test(path))
    .flatMap((path) => [
      ...readFileSync(join(ROOT, path), 'utf8').matchAll(/'([\w./-]+\/[\w-]+\.(?:thread|process))'/g),
    ])
    .map(([, name]) => name!);
  assert.ok(named.length > 10, `${named.length} names`);
  assert.equal(
    named.filter((name) => !existsSync(join(ROOT, `${name}.ts`))),
    [],
  );
});

/** The files of dist/ that a program loads when it starts: all that is imported, and nothing that is loaded later. */
function loadedWith(entry: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(entry)) return seen;
  seen.add(entry);
  const text = readFileSync(entry, 'utf8');
  const imports = text.matchAll(/^(?:import|export)\b(?:[^'"();]*?\bfrom)? *["'](\.[^"']+)["'];$/gm);
  for (const [, path] of imports) loadedWith(join(dirname(entry), path!), seen);
  return seen;
}

test('build: what only traces and --inspect need is loaded by nothing that starts', () => {
  const texts = (paths: Iterable<string>) => [...paths].map((path) => readFileSync(path, 'utf8'));
  const isLazy = (text: string) => /^\/\/ node_modules\/(@opentelemetry|@statelyai|ws)\//m.test(text);
  const [entries, chunks] = [['cli/program.js', 'cli/actor.process.js'], join(ROOT, 'dist/chunks')];
  for (const entry of entries) {
    const loaded = loadedWith(join(ROOT, 'dist', entry));
    assert.ok(loaded.size > 5, `${entry} loads ${loaded.size} files`);
    assert.equal(texts(loaded).filter(isLazy).length, 0, entry);
  }
  // They are there, for those who want them.
  const all = readdirSync(chunks).filter((name) => name.endsWith('.js'));
  assert.ok(texts(all.map((name) => join(chunks, name))).filter(isLazy).length > 1);
});

test.run();
