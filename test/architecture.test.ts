/**
 * Holds the source to its own rules: which folder may import what, where clocks and subjects may be spelled, how the
 * files lie, and that docs/errors.md says what the table of errors says. Reads the files as text; comments are left out
 * of account.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ERRORS } from '../contracts/errors.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = [
  'contracts',
  'client',
  'runtime',
  'machines',
  'services',
  'infra',
  'actors',
  'console',
  'cli',
  'demo',
  'bench',
  'test',
];

interface SourceFile {
  /** From the root, such as `infra/messaging/bus.ts`. */
  readonly path: string;
  readonly text: string;
  /** The text without comments. */
  readonly code: string;
  readonly imports: readonly { readonly specifier: string }[];
  /** Modules that it starts in threads or processes of their own. */
  readonly starts: readonly string[];
}

interface Rule {
  /** Folders of ours that may be imported, the folder itself always. */
  readonly folders: readonly string[];
  /** Packages that may not be; a prefix counts. */
  readonly notPackages?: readonly string[];
  /** If given, the only packages that may be; `node:` always. */
  readonly packages?: readonly string[];
}

const NATS = ['nats', '@nats-io/'];
/** Only the machine's tools, which digest and draw it, may import these. */
const MACHINE_TOOLS = ['esbuild', 'prettier'];
const MODELS = ['onnxruntime-node', 'onnx-proto', '@tensorflow/', 'sharp', 'xstate'];

/** Imports go one way: contracts, runtime <- machines, services, infra <- actors <- main. The others import everything. */
const RULES: Readonly<Record<string, Rule>> = {
  contracts: { folders: [], packages: ['zod'] },
  runtime: { folders: [], notPackages: [...NATS, ...MODELS] },
  client: { folders: ['contracts'], packages: [...NATS, 'zod'] },
  machines: { folders: ['contracts'], packages: ['xstate', ...MACHINE_TOOLS] },
  services: { folders: ['contracts', 'runtime'], notPackages: NATS },
  infra: { folders: ['contracts', 'runtime'], notPackages: MODELS },
  actors: { folders: ['contracts', 'client', 'runtime', 'machines', 'services', 'infra'] },
  // What runs in a browser; the bundle's size has a limit of its own (test/console/console.test.ts).
  console: { folders: ['contracts'], packages: ['preact', '@preact/signals', 'uplot'] },
};

/** Twice what fits on a few screens; a file that grows beyond it has more than one subject. */
const LINES_MAX = 450;

/** Folders of test/ that mirror no code of the tree: nights of many processes, helpers, examples, attacks, deploy/. */
const NOT_MIRRORED = ['test', 'test/deploy', 'test/e2e', 'test/support', 'test/examples', 'test/security'];

const files: readonly SourceFile[] = [...FOLDERS.flatMap(sourcesIn), load('main.ts')];
const fileAt = new Map(files.map((file) => [file.path, file]));

test('architecture: every folder imports only what lies below it', () => {
  none(files.flatMap((file) => file.imports.map(({ specifier }) => forbidden(file, specifier))));
});

test('architecture: an actor imports no other actor', () => {
  const crossing = inFolder('actors').flatMap((file) =>
    file.imports
      .map(({ specifier }) => targetOf(file, specifier))
      .filter((target) => target !== null && actorOf(target) !== null && actorOf(target) !== actorOf(file.path))
      .map((target) => `${file.path} imports ${target}`),
  );
  none(crossing);
});

test('architecture: no file imports itself by way of others, not even for a type', () => {
  none(files.map(({ path }) => circleFrom(path)));
});

test(`architecture: no file is over ${LINES_MAX} lines`, () => {
  const long = files.filter(({ text }) => lines(text) > LINES_MAX);
  none(long.map(({ path, text }) => `${path} has ${lines(text)} lines, allowed are ${LINES_MAX}`));
});

test('architecture: a test lies where the tree has its subject', () => {
  const tests = files.filter(({ path }) => path.endsWith('.test.ts') && !NOT_MIRRORED.includes(dirname(path)));
  assert.ok(tests.length > 0);
  none(tests.filter((file) => !isMirror(file)).map(({ path }) => path));
});

test('architecture: the machine needs nothing but XState and the contracts; its tools do not run with it', () => {
  const machine = inFolder('machines').filter(({ path }) => !path.startsWith('machines/tools/'));
  assert.ok(machine.length > 0);
  const isForbidden = (file: SourceFile, specifier: string) =>
    specifier.startsWith('node:') ||
    MACHINE_TOOLS.includes(specifier) ||
    targetOf(file, specifier)?.startsWith('machines/tools/');
  none(
    machine.flatMap((file) =>
      file.imports.filter((it) => isForbidden(file, it.specifier)).map((it) => `${file.path} imports ${it.specifier}`),
    ),
  );
});

test('architecture: what decides or is durable knows no timers of the process', () => {
  none(
    [...inFolder('machines'), ...inFolder('actors/orchestrator')]
      .filter(({ code }) => /\b(setTimeout|setInterval|node:timers)\b/.test(code))
      .map(({ path }) => path),
  );
});

test('architecture: the console takes no schemas into the browser', () => {
  // These have no imports of their own; a type of any other is gone before it is bundled.
  const light = ['contracts/run-words.ts', 'contracts/subjects.ts'];
  none(light.flatMap((path) => importedBy(path).map((it) => `${path} imports ${it}`)));
  const values = inFolder('console').flatMap((file) =>
    [...file.code.matchAll(/^import (?!type)[^;]*? from '([^']*contracts\/[^']+)'/gm)]
      .map(([, specifier]) => targetOf(file, specifier!)!)
      .filter((target) => !light.includes(target))
      .map((target) => `${file.path} imports ${target}`),
  );
  none(values);
});

test('architecture: no file has a default export', () => {
  none(files.filter(({ code }) => /^export default\b/m.test(code)).map(({ path }) => path));
});

test('architecture: every file says at its head what it is', () => {
  // A test file is described by its place in the tree and by the names of its tests.
  const described = files.filter(({ path }) => !path.endsWith('.test.ts'));
  none(described.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text)).map(({ path }) => path));
});

test('architecture: a subject is spelled in the contracts alone', () => {
  // A literal that begins with the name of a family; sentences that mention one are for people.
  const subject = /['"`](nightshift\.(ctl|cmd|evt|timer|enrol|dlq|refused|audit|pending|api|infer)|infer)\./;
  const spelled = files.filter(({ path, code }) => !/^(contracts|test)\//.test(path) && subject.test(code));
  none(spelled.map(({ path }) => path));
});

test('architecture: docs/errors.md lists every code with the text of the table, and no other', () => {
  const page = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\|$/gm)].map(([, code, text]) => [code, text]);
  assert.equal(Object.fromEntries(rows), ERRORS);
});

function forbidden(file: SourceFile, specifier: string): string | null {
  const folder = file.path.split('/')[0] ?? '';
  const rule = RULES[folder];
  if (!rule || specifier.startsWith('node:')) return null;
  const target = targetOf(file, specifier);
  const allowed = target === null ? allowsPackage(rule, specifier) : allowsFolder(rule, folder, target);
  return allowed ? null : `${file.path} imports ${specifier}`;
}

const allowsFolder = (rule: Rule, own: string, target: string) =>
  [own, ...rule.folders].includes(target.split('/')[0]!);

function allowsPackage(rule: Rule, specifier: string): boolean {
  const isIn = (names: readonly string[]) =>
    names.some((name) => specifier === name || specifier.startsWith(name.endsWith('/') ? name : `${name}/`));
  return rule.packages ? isIn(rule.packages) : !isIn(rule.notPackages ?? []);
}

/** The file of ours that is imported, from the root; null for a package. */
function targetOf(file: SourceFile, specifier: string): string | null {
  return specifier.startsWith('.') ? normalize(join(file.path, '..', specifier)) : null;
}

/** `actors/trainer/x.ts` -> `trainer`; files directly in actors/ are shared and belong to none. */
const actorOf = (path: string) => /^actors\/([^/]+)\//.exec(path)?.[1] ?? null;

/**
 * A shortest way from the file back to it, such as `a.ts -> b.ts -> a.ts`, or null. Goes only by files that come later
 * in the alphabet, so that each circle is found once: from its first file.
 */
function circleFrom(start: string): string | null {
  const ways: string[][] = [[start]];
  const seen = new Set<string>();
  for (const way of ways) {
    for (const next of importedBy(way.at(-1)!)) {
      if (next === start) return [...way, next].join(' -> ');
      if (next < start || seen.has(next)) continue;
      seen.add(next);
      ways.push([...way, next]);
    }
  }
  return null;
}

function importedBy(path: string): string[] {
  const file = fileAt.get(path);
  const targets = file?.imports.map(({ specifier }) => targetOf(file, specifier)) ?? [];
  return targets.filter(isText);
}

/**
 * `test/a/x.test.ts` is about the file a/x.ts or the folder a/x. If it is named after a behaviour, it is about the whole
 * of a (the folder, or the file of that name), which it then imports, itself or by what the tests share.
 */
function isMirror({ path }: SourceFile): boolean {
  const folder = dirname(path).slice('test/'.length);
  const name = basename(path, '.test.ts');
  const has = (subject: string) => files.some((file) => isOf(file.path, subject));
  if (has(`${folder}/${name}`)) return true;
  return has(folder) && (name === basename(folder) || [...reachedBy(path)].some((target) => isOf(target, folder)));
}

const isOf = (path: string, subject: string) =>
  [`${subject}.ts`, `${subject}.tsx`].includes(path) || path.startsWith(`${subject}/`);

/** The files that a file of the tests imports or starts, itself or by others of the tests. */
function reachedBy(path: string, reached = new Set<string>()): ReadonlySet<string> {
  const file = fileAt.get(path);
  if (!file || !path.startsWith('test/')) return reached;
  for (const specifier of [...file.imports.map((it) => it.specifier), ...file.starts]) {
    const target = targetOf(file, specifier);
    if (target === null || reached.has(target)) continue;
    reachedBy(target, reached.add(target));
  }
  return reached;
}

const inFolder = (folder: string) => files.filter(({ path }) => path.startsWith(`${folder}/`));
const isText = (value: string | null): value is string => value !== null;
const none = (found: readonly (string | null)[]) => assert.equal(found.filter(isText), []);
const lines = (text: string) => text.split('\n').length - 1;

function sourcesIn(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .sort()
    .map((name) => load(join(folder, name)));
}

function load(path: string): SourceFile {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '$1');
  const statements = [...code.matchAll(/^(?:import|export)\s(?:(?:type\s)?[\w\s{},*]*?\sfrom\s)?'([^']+)'/gm)];
  const dynamic = [...code.matchAll(/\bimport\('([^']+)'\)/g)];
  const imports = [...statements, ...dynamic].map(([, specifier]) => ({ specifier: specifier! }));
  const starts = [...code.matchAll(/\bnew URL\('(\.[^']+\.ts)'/g)].map(([, specifier]) => specifier!);
  return { path: relative(ROOT, join(ROOT, path)), text, code, imports, starts };
}

test.run();
