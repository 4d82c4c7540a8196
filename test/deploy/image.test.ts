/**
 * The Dockerfile as text, and its entry point as it runs: process 1 of a namespace of its own, as in a container. hadolint
 * judges as well, where it is installed.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEPLOY, documented, hasTool, ROOT, unless } from '../support/deploy.ts';
import { withFolder } from '../support/folder.ts';
import { until } from '../support/wait.ts';

const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, ' ');
const instructions = dockerfile
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
  .map((line) => ({ word: line.split(' ')[0]!, rest: line.slice(line.indexOf(' ') + 1) }));
const of = (word: string) => instructions.filter((it) => it.word === word).map(({ rest }) => rest);

test('image: two stages of one pinned base, and the second takes only what was built', () => {
  assert.match(of('ARG')[0]!, /^NODE_IMAGE=node:\d+\.\d+\.\d+-\w+-slim$/);
  assert.equal(of('FROM'), ['${NODE_IMAGE} AS build', '${NODE_IMAGE}']);
  const last = dockerfile.slice(dockerfile.lastIndexOf('FROM '));
  const copies = last.split('\n').filter((line) => line.startsWith('COPY '));
  assert.ok(copies.length > 0);
  for (const line of copies) assert.match(line, /--from=build|deploy\/docker\/entrypoint\.sh/);
  assert.match(last, /sbom\.cdx\.json/);
});

test('image: it runs as a number that is not root, has one volume, and asks the program how it fares', () => {
  assert.equal(of('USER'), ['10001:10001']);
  assert.equal(of('VOLUME'), ['/data']);
  assert.is(of('HEALTHCHECK').length, 1);
  assert.equal(of('ENTRYPOINT'), ['["nightshift"]']);
  for (const [, variable] of dockerfile.matchAll(/\b(NIGHTSHIFT_\w+)=/g)) assert.ok(documented(variable!), variable);
  assert.not.match(dockerfile, /latest|ADD |curl|wget/);
});

const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');

test('image: all that the build is made of goes to the builder', () => {
  const build = readFileSync(join(ROOT, 'build.mjs'), 'utf8');
  const lists = ['PROGRAM_SOURCES', 'SETTINGS'].map(
    (name) => new RegExp(`const ${name} = \\[([^\\]]+)\\]`).exec(build)![1]!,
  );
  const sources = [...lists.join().matchAll(/'([^']+)'/g)].map(([, path]) => path!);
  assert.ok(sources.length > 10);
  for (const path of [...sources, 'sbom.mjs', '.npmrc']) {
    assert.ok(ignored.includes(`!${path}`) || ignored.includes(`!${path}/`), path);
  }
});

test('image: no key goes to the builder', () => {
  assert.is(
    ignored.find((line) => line !== '' && !line.startsWith('#')),
    '*',
  );
  assert.not.ok(ignored.includes('!deploy/'));
  for (const pattern of ['**/*.nk', '**/*.pem', '**/*.creds']) assert.ok(ignored.includes(pattern));
});

const NAMESPACE = ['--fork', '--kill-child', '--pid', '--mount-proc'];
const ENTRY = join(DEPLOY, 'docker/entrypoint.sh');

/** Leaves an orphan that ends at once, tells its signals, and ends at SIGTERM with 7. */
const PROGRAM = `
import { spawn } from 'node:child_process';
process.on('SIGHUP', () => console.log('heard SIGHUP'));
process.on('SIGTERM', () => { console.log('heard SIGTERM'); process.exit(7); });
spawn('sh', ['-c', '(sleep 0.2; exit 0) & exit 0'], { stdio: 'ignore' }).on('exit', () => console.log('up'));
setInterval(() => {}, 1000);
`;

unless(
  hasTool('unshare', [...NAMESPACE, 'true']),
  'unshare with rights for namespaces',
  'image: as process 1 it hands signals on, leaves no zombie, and ends as the program ends',
  () =>
    withFolder(async (folder) => {
      const program = join(folder, 'program.mjs');
      writeFileSync(program, PROGRAM);
      const env = { ...process.env, NIGHTSHIFT_PROGRAM: program, TMPDIR: join(folder, 'made') };
      const child = spawn('unshare', [...NAMESPACE, ENTRY], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = once(child, 'close');
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      const hears = (word: string) => until(() => said.includes(word), word, 60_000);
      try {
        await hears('up');
        const first = await until(() => childrenOf(child.pid!)[0], 'process 1', 60_000);
        // The orphan goes to process 1, ends there, and is taken leave of: a zombie has no command line.
        const isProgram = (pid: number) => commandOf(pid).includes(program);
        await until(() => below(first).every(isProgram), 'the end of the orphan', 20_000);
        process.kill(first, 'SIGHUP');
        await hears('heard SIGHUP');
        process.kill(first, 'SIGTERM');
        assert.equal(await ended, [7, null]);
        assert.match(said, /heard SIGTERM/);
      } finally {
        child.kill('SIGKILL');
      }
      assert.ok(existsSync(join(folder, 'made')), 'TMPDIR was not made');
    }),
);

const below = (pid: number): number[] => childrenOf(pid).flatMap((child) => [child, ...below(child)]);

const commandOf = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It ended after it was listed.
    return '';
  }
};

const childrenOf = (pid: number): number[] => {
  const file = `/proc/${pid}/task/${pid}/children`;
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
};

unless(hasTool('hadolint', ['--version']), 'hadolint', 'image: hadolint has nothing to say', () => {
  execFileSync('hadolint', [join(ROOT, 'Dockerfile')], { stdio: 'pipe' });
});

test.run();
