/**
 * The command blocks of the documents, run as they stand against a system as the README starts it, with tiny drawn people: the
 * README, operations, symptoms, gateway, gallery, serving, reports and data. Two nights are run before; a dead letter lies there.
 */
import { once } from 'node:events';
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { API, slotSubject } from '../../contracts/subjects.ts';
import { CONFIG_FILE } from '../../infra/config/config.ts';
import { encodePng } from '../../services/data/images.ts';
import { runCli, serverOf, withCli } from '../support/cli.ts';
import { blockOf, ROOT, shellBlocks, type Block } from '../support/documents/blocks.ts';
import { hasNats } from '../support/documents/checks.ts';
import { BY_SYSTEM, RUN } from '../support/documents/list.ts';
import { openTerminal, type BlockRun, type Terminal } from '../support/documents/terminal.ts';
import { withFolder, writeImage } from '../support/folder.ts';
import { connectAs } from '../support/identities.ts';
import { WEBHOOK_SECRET, withReceiver } from '../support/receivers.ts';
import { MODEL } from '../support/replicas.ts';
import { withServer } from '../support/server.ts';
import { TINY_IMAGE } from '../support/tiny-model.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { until } from '../support/wait.ts';

/** Pictures without anything on them are set aside with their picture, and docs/data.md looks at the third. */
const BLANK = 3;
/** docs/operations.md looks at the third revision of a configuration. */
const REVISIONS = 4;
const NIGHT = { train: 'people', street: 'street' } as const;

interface Reader extends Omit<Terminal, 'ran'> {
  readonly folder: string;
  readonly url: string;
  readonly ran: Block[];
  /** The two nights, the latest first. */
  readonly runs: readonly [string, string];
  block(document: string, begins: string, options?: BlockRun): Promise<string>;
}

test('documents: every command block that can be run here does what it says', () =>
  withReader(async (reader) => {
    for (const part of [readme, operations, doors, nights, symptoms, server, forgetting, terminals]) {
      const startedAt = performance.now();
      await part(reader);
      console.log(`${part.name}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    }
    const named = RUN[BY_SYSTEM]!.flatMap(([document, begins]) =>
      shellBlocks.filter((it) => it.document === document && (begins === '*' || it.text.startsWith(begins))),
    );
    const left = named.filter(
      (it) => !reader.ran.some(({ document, line }) => it.document === document && it.line === line),
    );
    assert.equal(left, [], 'the list says that these are run');
  }));

async function readme({ block, folder }: Reader): Promise<void> {
  const output = await block('README.md', 'npx nightshift auth context');
  if (!hasNats) return;
  assert.match(output, /"accepted":true[\s\S]*"accepted":true/, 'a run is started, and a release rolled back');
  assert.match(output, /"known":(true|false)/);
  assert.match(await readFile(join(folder, '.heard'), 'utf8'), /nightshift\.evt\.pipeline/);
}

async function operations({ block, folder }: Reader): Promise<void> {
  await block('docs/operations.md', 'mkdir -p ~/.local');
  assert.match(
    await readFile(join(folder, '.nightshift.zsh'), 'utf8'),
    /complete -o default -F _nightshift nightshift/,
  );
  // Without a terminal it asks nobody.
  const answered = { changes: { 'config rollback face 3 ': 'config rollback face 3 --yes ' } };
  const applied = await block('docs/operations.md', 'nightshift apply', answered);
  assert.match(applied, /revision/);
  assert.match(await block('docs/operations.md', 'nightshift audit'), /pipeline\.start/);
  assert.match(await block('docs/operations.md', 'nightshift disk'), /ops: taken \(HTTP 204\)/);
}

/** Who asks, who enrols, by NATS and by HTTP. */
async function doors({ block }: Reader): Promise<void> {
  const gallery = await block('docs/gallery.md', 'nightshift enroll');
  assert.match(gallery, /"Ada Lovelace" is enrolled with 2 image\(s\)[\s\S]*"Ada Lovelace"/);
  const asked = await block('docs/gateway.md', 'token="Authorization: Bearer $(cat .nightshift/keys/door');
  assert.equal(asked.match(/"known":/g)?.length, 2);
  assert.match(
    await block('docs/gateway.md', 'token="Authorization: Bearer $(cat .nightshift/keys/enroller'),
    /"people"[\s\S]*"Ada Lovelace"/,
  );
  assert.match(await block('docs/metrics.md', 'curl'), /^nightshift_release\{model="face"\} \d+$/m);
  const served = await block('docs/serving.md', 'nats --context');
  if (hasNats) assert.match(served, /"known":[\s\S]*PERSON_UNKNOWN/);
  const api = await block('docs/api.md', 'nats --context');
  if (hasNats) assert.match(api, /"runs":[\s\S]*"accepted":true[\s\S]*nightshift\.api\.status/);
}

async function nights({ block, runs: [latest, first], folder }: Reader): Promise<void> {
  const report = await block('docs/report.md', 'npx nightshift report', { samples: { run: latest } });
  assert.match(report, /Rank-1 per person[\s\S]*# /);
  assert.match(await readFile(join(folder, 'report.html'), 'utf8'), new RegExp(latest));
  const data = await block('docs/data.md', 'npx nightshift data show', {
    ...{ samples: { run: latest }, changes: { 'data diff <run> <run>': `data diff ${first} ${latest}` } },
  });
  assert.match(data, /│ blank +│/);
  assert.ok((await readdir(folder)).includes('three.png'));
}

async function symptoms({ runLines, runs: [latest, first] }: Reader): Promise<void> {
  const blocks = shellBlocks.filter(({ document }) => document === 'docs/symptoms.md');
  const samples = { run: latest, seq: '1', model: MODEL, image: 'face.png' };
  // A process notes the system that its file names, not the address that the other commands are given here.
  const changes = { 'nightshift ready': 'env -u NATS_URL nightshift ready' };
  const output = await runLines(blocks, { samples, changes });
  for (const word of [latest, first, 'MODEL_UNKNOWN', 'nightshift_release', '0 errors', 'in service']) {
    assert.ok(output.includes(word), `${word} in\n${output}`);
  }
  assert.match(output, /figures +rank-1 per person \d/);
}

/** The server of our own, and one whose subjects are somebody else's. */
async function server({ block, folder, ran }: Reader): Promise<void> {
  const security = await block('docs/security.md', 'nightshift auth export');
  assert.match(security, /authorization[\s\S]*nsc [\s\S]*all as in the table/);
  await block('docs/schedule.md', 'nats --nkey');
  await withServer(async (other) => {
    const terminal = await openTerminal({ folder, url: other.url });
    const data = blockOf('docs/data.md', 'nats stream add');
    ran.push(data);
    const output = await terminal.run(data);
    if (hasNats) assert.match(output, /BADGES/);
  });
}

async function forgetting({ block }: Reader): Promise<void> {
  const output = await block('docs/forgetting.md', 'npx nightshift forget', {
    changes: { '"Ada Lovelace"             #': '"Ada Lovelace" --yes       #' },
  });
  assert.match(output, /Ada Lovelace/);
}

/** Under terminals of three widths no line of a table is wider. */
async function terminals({ folder, url, runs: [latest] }: Reader): Promise<void> {
  const terminal = await openTerminal({ folder, url });
  for (const columns of [60, 80, 200]) {
    const commands = ['runs', `run show ${latest}`, 'deployments', 'status'].map((it) => `nightshift ${it}`).join('; ');
    const text = `script -qec 'stty cols ${columns}; ${commands}' /dev/null\n`;
    const output = await terminal.run({ document: 'terminal', line: columns, language: 'sh', text, file: null });
    const lines = output.split(/\r?\n/).filter((line) => /^[│┌├└]/.test(line));
    assert.ok(lines.length > 20, output);
    assert.equal(
      lines.filter((line) => line.length > columns),
      [],
    );
    assert.not.match(lines.join('\n'), /…/);
    console.log(`${columns} columns: ${lines.length} lines`);
  }
}

/** In a folder with all files that the documents name, beside a system that has run two nights. */
const withReader = (use: (reader: Reader) => Promise<void>) =>
  withReceiver((receiver) =>
    withFolder(async (folder) => {
      const port = await freePort();
      const configure = await layOut(folder, { port, receiver: receiver.url });
      await configure(0);
      const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
      assert.is(scripts.start, 'exec node cli/nightshift.mjs start', '`npm start` is `nightshift start`');
      await withCli(['start'], { cwd: folder }, async (system) => {
        const url = await serverOf(system);
        await system.printed(/Ctrl-C stops everything/);
        const command = async (...args: string[]) => {
          const end = await runCli(args, { cwd: folder, env: { NATS_URL: url } });
          assert.is(end.code, 0, `${args.join(' ')}\n${end.stdout}${end.stderr}`);
          return end.stdout;
        };
        const first = JSON.parse(await command('run', '--json')).runId;
        const latest = JSON.parse(await command('run', '--force', '--json')).runId;
        for (let revision = 1; revision < REVISIONS; revision++) {
          await configure(revision);
          await command('apply', '--yes');
        }
        await deadLetter({ url, storeDir: join(folder, '.nightshift') });
        const terminal = await openTerminal({ folder, url, gateway: `http://127.0.0.1:${port}` });
        terminal.ran.push(blockOf('README.md', 'npm start'));
        await use({
          ...{ ...terminal, folder, url, runs: [latest, first] },
          block: (document, begins, options) => terminal.run(blockOf(document, begins), options),
        }).catch((error) => {
          console.log(system.output().slice(-8_000));
          throw error;
        });
      });
    }),
  );

/** The files; answers what writes the configuration, another one for each number. */
async function layOut(folder: string, { port, receiver }: { port: number; receiver: string }) {
  const night = await tinyNightIn(folder);
  const blank = new Uint8Array(TINY_IMAGE.width * TINY_IMAGE.height).fill(128);
  for (let index = 0; index < BLANK; index++) {
    await writeImage(join(folder, NIGHT.train), 'p0', `blank-${index}.png`, await encodePng(blank, TINY_IMAGE));
  }
  const pictureOf = async (person: string) =>
    join(folder, NIGHT.train, person, (await readdir(join(folder, NIGHT.train, person))).sort()[0]!);
  await copyFile(await pictureOf('p1'), join(folder, 'face.png'));
  for (const [index, name] of ['ada-1.jpg', 'ada-2.jpg', 'ada.jpg'].entries()) {
    await copyFile(await pictureOf(`p${index + 2}`), join(folder, name));
  }
  await writeFile(join(folder, 'secret'), `${WEBHOOK_SECRET}\n`);
  return (revision: number) => {
    const model = { ...night, schedule: { cron: `${revision} 3 * * *` } };
    const notify = { webhooks: { ops: { url: receiver, secret: { file: 'secret' } } } };
    const config = { nats: { port: 0 }, gateway: { port }, log: { level: 'warn' }, notify, models: { [MODEL]: model } };
    return writeFile(join(folder, CONFIG_FILE), JSON.stringify(config));
  };
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo; // It listens on a port.
  listener.close();
  await once(listener, 'close');
  return port;
}

/** The slot of a model that nobody has configured. */
async function deadLetter(started: { url: string; storeDir: string }): Promise<void> {
  const [orchestrator, operator] = await Promise.all([
    connectAs('orchestrator', started),
    connectAs('operator', started),
  ]);
  try {
    await orchestrator.bus.publish(slotSubject('cats'), {});
    await until(async () => (await operator.ask(API.deadLetters, {})).total > 0, 'a dead letter');
  } finally {
    await Promise.all([orchestrator.close(), operator.close()]);
  }
}

test.run();
