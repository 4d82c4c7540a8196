// @ts-check
/**
 * Makes dist/ of the sources by one call of esbuild: the command line, each module that runs as a thread or a process of
 * its own, and what the package exports. `npm run build` starts it; what runs from a checkout makes sure of a dist/ that
 * was made of the sources as they are now. Dependencies stay outside of it; a development dependency that the program imports (the
 * clients of NATS, all JavaScript) becomes part of it. The package itself has no sources and no build.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { billOfMaterials } from './sbom.mjs';

const ROOT = dirname(fileURLToPath(import.meta.url));
const DIST = join(ROOT, 'dist');
/** Made with the package; a checkout that only runs needs none. */
const BILL = join(DIST, 'sbom.cdx.json');
/** A program that is running may still load a file of an earlier build; it has done so after a day. */
const KEPT_MS = 24 * 3600_000;

/**
 * @typedef {object} Part
 * @property {string} home where its chunks and its stamp lie, under dist/
 * @property {readonly string[]} sources folders and files that it is made of
 * @property {(path: string) => boolean} isEntry
 * @property {Omit<import('esbuild').BuildOptions, 'write' | 'metafile'>} [options] where they differ from those of a program
 */

const PROGRAM_SOURCES = [
  'actors',
  'cli',
  'client',
  'contracts',
  'demo',
  'infra',
  'machines',
  'runtime',
  'services',
  'main.ts',
];
const SETTINGS = ['build.mjs', 'package-lock.json', 'package.json', 'tsconfig.json'];
const ENTRIES = ['cli/program.ts', 'runtime/child-of-parent.ts'];
/** The client, and the modules that a strategy of one's own is written against; `exports` of package.json names the same. */
const EXPORTED =
  /^client\/client\.ts$|^contracts\/|^services\/(data\/sources|deployment\/strategies|training\/strategies)\.ts$/;
const OWN_THREAD_OR_PROCESS = /\.(thread|process)\.ts$/;

/** The part that is delivered. @type {Part} */
const PROGRAM = {
  home: '.',
  sources: [...PROGRAM_SOURCES, ...SETTINGS],
  isEntry: (path) => ENTRIES.includes(path) || EXPORTED.test(path) || OWN_THREAD_OR_PROCESS.test(path),
};

const IN_TESTS = /^(bench|test)[\\/]/;
/** The threads and processes of tests and benches, which are not delivered. @type {Part} */
const TESTS = {
  home: 'test',
  sources: [...PROGRAM_SOURCES, 'bench', 'test', ...SETTINGS],
  isEntry: (path) => IN_TESTS.test(path) && OWN_THREAD_OR_PROCESS.test(path),
};

/** The page of the gateway, for browsers: one script, one style sheet, and the page that names them. @type {Part} */
const CONSOLE = {
  home: 'console',
  sources: ['console', 'contracts', ...SETTINGS],
  isEntry: (path) => ['console/main.tsx', 'console/index.html'].includes(path),
  options: {
    ...{ platform: 'browser', target: 'es2022', splitting: false, minify: true, sourcemap: false, external: [] },
    ...{ banner: {}, loader: { '.html': 'copy' }, tsconfig: join(ROOT, 'console/tsconfig.json') },
  },
};
const DELIVERED = [PROGRAM, CONSOLE];

/** Makes dist/ where it was not made of these very sources. `tests`: also what tests and benches need. */
export async function ensureBuilt({ tests = false } = {}) {
  vendorOnnxruntime();
  for (const part of tests ? [...DELIVERED, TESTS] : DELIVERED) {
    const paths = sourcesOf(part);
    const digest = digestOf(paths);
    if (stampOf(part) === digest) continue;
    const { made } = await make(part, paths, digest);
    removeFrom(join(DIST, part.home, 'chunks'), (path, ageMs) => made.has(path) || ageMs < KEPT_MS);
  }
}

/** Makes what is delivered anew, whatever is there; nothing of another build is left beside it. */
async function buildAll() {
  vendorOnnxruntime();
  const parts = await Promise.all(
    DELIVERED.map((part) => {
      const paths = sourcesOf(part);
      return make(part, paths, digestOf(paths));
    }),
  );
  const made = new Set(parts.flatMap((part) => [...part.made]));
  const bundled = parts.flatMap((part) => part.bundled);
  replace(BILL, billOfMaterials([...bundled, ...onnxruntimeFiles().map((file) => `${ONNXRUNTIME_HOME}/${file}`)]));
  made.add(BILL);
  removeFrom(DIST, (path) => made.has(path) || IN_TESTS.test(relative(DIST, path)) || path.includes(VENDOR));
}

/** For those who write TypeScript against the package; it takes longer than all else and only a package needs it. */
function declareTypes() {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.types.json')], { stdio: 'inherit' });
}

/**
 * Files take the place of their predecessors one by one, chunks first, the stamp last: another process may be making the
 * same, or be about to load what is replaced. Returns their paths, and the files of packages that became part of them.
 * @param {Part} part
 * @param {readonly string[]} paths
 * @param {string} digest
 */
async function make(part, paths, digest) {
  const { build } = await esbuild();
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: paths.filter(part.isEntry),
    outbase: '.',
    outdir: 'dist',
    chunkNames: join(part.home, 'chunks/[name]-[hash]'),
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20' },
    external: dependencies(),
    banner: { js: REQUIRE },
    plugins: [vendored],
    sourcemap: true,
    ...part.options,
    ...{ write: false, metafile: true, logLevel: 'warning' },
  });
  const isChunk = (/** @type {{ path: string }} */ { path }) => path.includes(`${sep}chunks${sep}`);
  const entries = outputFiles.filter((file) => !isChunk(file));
  for (const { path, contents } of [...outputFiles.filter(isChunk), ...entries]) replace(path, contents);
  replace(stampFileOf(part), digest);
  const bundled = Object.keys(metafile.inputs).filter((path) => path.startsWith('node_modules/'));
  return { made: new Set([...outputFiles.map(({ path }) => path), stampFileOf(part)]), bundled };
}

async function esbuild() {
  try {
    return await import('esbuild');
  } catch (cause) {
    const hint = 'dist/ is not made of these sources, and esbuild is not installed; `npm ci` installs it';
    throw new Error(`nightshift: ${hint}`, { cause });
  }
}

/** For the modules of packages that are CommonJS. */
const REQUIRE =
  "import { createRequire as createNodeRequire } from 'node:module'; const require = createNodeRequire(import.meta.url);";

function dependencies() {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return Object.keys({ ...dependencies, ...optionalDependencies });
}

/**
 * onnxruntime-node lies in dist/ as it is, without its install script, which fetches CUDA libraries that hardly anybody
 * needs and fails without a network. package.json names it `#onnxruntime`, for all chunks alike.
 * @type {import('esbuild').Plugin}
 */
const vendored = {
  name: 'vendored',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^onnxruntime-node$/ }, () => ({ path: '#onnxruntime', external: true })),
};

const VENDOR = `${sep}vendor${sep}`;
const ONNXRUNTIME_HOME = 'node_modules/onnxruntime-node';
const ONNXRUNTIME = join(ROOT, ONNXRUNTIME_HOME);
/** A package serves Linux; a checkout also its own machine. */
const PLATFORMS = [...new Set(['linux/x64', 'linux/arm64', `${process.platform}/${process.arch}`])];

function vendorOnnxruntime() {
  if (!existsSync(ONNXRUNTIME)) return; // An installation without development dependencies runs what was built.
  const home = join(DIST, 'vendor/onnxruntime-node');
  const { name, version, license, main } = JSON.parse(readFileSync(join(ONNXRUNTIME, 'package.json'), 'utf8'));
  const described = `${JSON.stringify({ name, version, license, main, type: 'commonjs' })}\n`;
  const page = join(home, 'package.json');
  const isSameVersion = existsSync(page) && readFileSync(page, 'utf8') === described;
  for (const file of onnxruntimeFiles()) {
    const [from, to] = [join(ONNXRUNTIME, file), join(home, file)];
    const isThere = statSync(to, { throwIfNoEntry: false })?.size === statSync(from).size;
    if (!isSameVersion || !isThere) place(from, to);
  }
  if (!isSameVersion) replace(page, described);
}

/**
 * A second name for the same file; a copy where the two lie on different disks. Another process may be doing the same.
 * @param {string} from @param {string} to
 */
function place(from, to) {
  const beside = `${to}.${process.pid}`;
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, beside);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EXDEV') throw error;
    copyFileSync(from, beside);
  }
  renameSync(beside, to);
  rmSync(beside, { force: true }); // A file that is renamed to another name of its own keeps both.
}

/** Its JavaScript and the libraries of each platform, those of CUDA included where they were fetched on purpose. */
function onnxruntimeFiles() {
  const folders = ['dist', ...PLATFORMS.map((platform) => `bin/napi-v6/${platform}`)];
  return folders
    .filter((folder) => existsSync(join(ONNXRUNTIME, folder)))
    .flatMap((folder) => readdirSync(join(ONNXRUNTIME, folder)).map((file) => `${folder}/${file}`))
    .filter((file) => !/\.(map|d\.ts)$/.test(file));
}

/** @param {string} path @param {string | Uint8Array} contents */
function replace(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
}

/** @param {string} folder @param {(path: string, ageMs: number) => boolean} isKept */
function removeFrom(folder, isKept) {
  if (!existsSync(folder)) return;
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))) {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isFile() && !isKept(path, Date.now() - found.mtimeMs)) rmSync(path, { force: true });
  }
}

/** By content: times of files say nothing after a copy or a checkout. @param {readonly string[]} paths */
function digestOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${path}\0`).update(readFileSync(join(ROOT, path)));
  return hash.digest('hex');
}

/** @param {Part} part */
const stampFileOf = (part) => join(DIST, part.home, '.sources');

/** @param {Part} part */
const stampOf = (part) => (existsSync(stampFileOf(part)) ? readFileSync(stampFileOf(part), 'utf8') : null);

/** Pages and styles are those of the console; nothing else has any. */
const SOURCE = /\.(ts|tsx|css|html)$/;

/** Paths from the root, with slashes, sorted. @param {Part} part */
function sourcesOf({ sources }) {
  const filesIn = (/** @type {string} */ folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => SOURCE.test(name))
      .map((name) => `${folder}/${name.split(sep).join('/')}`);
  return sources.flatMap((name) => (/\.\w+$/.test(name) ? [name] : filesIn(name))).sort();
}

/** `--if-stale`: only where needed; `--tests`: with what tests and benches start; `--types`: with declarations. */
async function main(/** @type {readonly string[]} */ args) {
  if (args.includes('--if-stale')) return ensureBuilt({ tests: args.includes('--tests') });
  const startedAt = performance.now();
  await buildAll();
  if (args.includes('--types')) declareTypes();
  console.log(`${relative(process.cwd(), DIST)} made in ${Math.round(performance.now() - startedAt)} ms`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
