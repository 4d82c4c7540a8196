/**
 * Attack 10: secrets of data services and training programs are read out of messages, records, logs, answers and lists of
 * processes. Nights with secrets run in processes of their own, one that goes well and two that fail; then their bytes are
 * looked for wherever an attacker could look.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { API } from '../../contracts/subjects.ts';
import type { RunEnd } from '../../cli/follow.ts';
import { runCli, serverOf, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';
import { withHttp } from '../support/page-server.ts';
import { encodePng } from '../../services/data/images.ts';
import { tinySplit } from '../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../support/tiny-model.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { until } from '../support/wait.ts';

/** By the way in which each is kept. The last two are no secrets by their form: an older file may have them written out. */
const SECRETS = {
  bearer: 'bearer-2f9c71d0a4',
  header: 'header-77b1e0c3d9',
  query: 'query-c0ffee51ab',
  program: 'program-8d41f6aa02',
  ownersAddress: 'address-4be2a97713',
  ownersVariable: 'variable-e19d30cc58',
} as const;
/** Of the trainer alone: no program gets it. */
const UNLISTED = 'unlisted-5a5be8d210';

/** Stands in the file and in messages: a search that does not find it searches nothing. */
const SOURCE = 'badge-office';
const PEOPLE = 6;

/** Answers only to those who know all of the secrets. */
const isKnown = ({ headers, url }: IncomingMessage) => {
  const query = new URL(url ?? '/', 'http://localhost').searchParams;
  return (
    headers.authorization === `Bearer ${SECRETS.bearer}` &&
    headers['x-key'] === SECRETS.header &&
    query.get('token') === SECRETS.query &&
    query.get('site') === SECRETS.ownersAddress
  );
};

/** Prints its secrets on both outputs, and waits to be looked at before it hands in its model. */
const PROGRAM = `
import { copyFileSync, existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
const { TOKEN, OWN, FOLDER, ENDS } = process.env;
const job = JSON.parse(readFileSync(process.argv.at(-1), 'utf8'));
console.log('the key is ' + TOKEN);
console.error('the key is ' + TOKEN);
writeFileSync(FOLDER + '/environment.json', JSON.stringify(process.env));
if (ENDS === 'badly') {
  writeFileSync(job.paths.output + '/so-far', '');
  console.log('{"type": "checkpoint", "path": "so-far"}');
  console.error('cannot log in with ' + TOKEN);
  console.log(JSON.stringify({ type: 'failed', message: 'refused: ' + TOKEN }));
  process.exit(1);
}
const end = () => {
  console.log('{"type": "progress", "epoch": 1, "loss": 1}');
  copyFileSync(FOLDER + '/model.onnx', job.paths.model);
  process.exit(0);
};
watch(FOLDER, () => existsSync(FOLDER + '/go') && end());
writeFileSync(FOLDER + '/waits', '');
`;

/** `office`: the address of the data service. */
async function configurationIn(folder: string, office: string): Promise<string> {
  const program = join(folder, 'program.mjs');
  const file = join(folder, 'nightshift.config.json');
  await writeFile(program, PROGRAM);
  await writeFile(join(folder, 'model.onnx'), tinyModel());
  await writeFile(join(folder, 'key.json'), JSON.stringify({ key: SECRETS.header }));
  const night = await tinyNightIn(folder);
  const source = {
    ...{ type: 'http', name: SOURCE, url: `${office}?site=${SECRETS.ownersAddress}`, bearer: { env: 'OFFICE_TOKEN' } },
    headers: { 'x-key': { file: join(folder, 'key.json'), field: 'key' } },
    query: { token: { env: 'OFFICE_QUERY' } },
  };
  const modelWith = (ends: string, url = source.url) => {
    const env = { TOKEN: { env: 'PROGRAM_TOKEN' }, OWN: SECRETS.ownersVariable, FOLDER: folder, ENDS: ends };
    const command = { argv: [process.execPath, program], env, inheritEnv: ['NIGHTSHIFT_TEST_LISTED'] };
    return { ...night, sources: [{ ...source, url }], training: { epochs: 1, strategy: 'command', command } };
  };
  const models = {
    face: modelWith('well'),
    failing: modelWith('badly'),
    nowhere: modelWith('well', source.url.replace('/samples', '/down')),
  };
  await writeFile(file, JSON.stringify({ nats: { port: 0 }, log: { level: 'trace' }, models }));
  return file;
}

const ENVIRONMENT = {
  OFFICE_TOKEN: SECRETS.bearer,
  OFFICE_QUERY: SECRETS.query,
  PROGRAM_TOKEN: SECRETS.program,
  UNLISTED,
  NIGHTSHIFT_TEST_LISTED: 'listed',
};

interface Night {
  readonly folder: string;
  readonly system: CliProcess;
  readonly nc: NatsConnection;
  run(model: string): Promise<RunEnd>;
}

const withNights = (use: (night: Night) => Promise<void>) =>
  withFolder((folder) =>
    withOffice(async (office) => {
      const file = await configurationIn(folder, office);
      const env = { ...ENVIRONMENT, NIGHTSHIFT_STORE: join(folder, 'store') };
      // The store lies in clear, so that it can be searched.
      await withCli(['--config', file, 'start', '--insecure'], { cwd: folder, env }, async (system) => {
        const url = await serverOf(system);
        const nc = await connect({ servers: url });
        const run = async (model: string) => {
          const { stdout } = await runCli(['run', model, '--json'], { cwd: folder, env: { NATS_URL: url } });
          return JSON.parse(stdout) as RunEnd;
        };
        await use({ folder, system, nc, run });
        await nc.close();
        system.kill('SIGTERM');
        await system.exited;
        notIn('the log', system.output());
        assert.match(system.output(), SOURCE);
      });
    }),
  );

/** Quotes the token in its refusal, as some do. */
const withOffice = (use: (url: string) => Promise<void>) =>
  withHttp((request, response) => {
    if (!isKnown(request)) {
      response.statusCode = 401;
      return void response.end(`not known: ${request.headers.authorization} ${request.url}`);
    }
    if (request.url?.startsWith('/down')) {
      response.statusCode = 503;
      return void response.end(`down for ${request.headers.authorization}`);
    }
    void samples().then((all) => response.end(JSON.stringify({ samples: all, nextCursor: null })));
  }, use);

async function samples() {
  const { pixels, classes, labels, count } = tinySplit(PEOPLE * 5, PEOPLE);
  const area = TINY_IMAGE.width * TINY_IMAGE.height;
  const one = async (index: number) => {
    const png = await encodePng(pixels.slice(index * area, (index + 1) * area), TINY_IMAGE);
    return { id: String(index), label: labels[classes[index]!]!, image: png.toString('base64') };
  };
  return Promise.all(Array.from({ length: count }, (_, index) => one(index)));
}

function notIn(place: string, text: string): void {
  for (const [name, secret] of [...Object.entries(SECRETS), ['unlisted', UNLISTED]]) {
    assert.not.ok(text.includes(secret!), `the secret "${name}" is in ${place}`);
  }
}

test('attack 10: the secrets of nights are in no message, record, object, log, answer or list of arguments', () =>
  withNights(async (night) => {
    const { folder, nc, run } = night;
    const events: string[] = [];
    nc.subscribe('nightshift.>', { callback: (_, message) => void events.push(message.string()) });
    const good = run('face');
    await until(() => existsSync(join(folder, 'waits')), 'the training program');
    argumentsOfAll(folder);
    programsEnvironment(folder);
    await writeFile(join(folder, 'go'), '');
    const ends = [await good, await run('failing'), await run('nowhere')];
    assert.equal(
      ends.map(({ fact, failure }) => [fact, failure?.code]),
      [
        ['completed', undefined],
        ['failed', 'TRAINING_FAILED'],
        ['failed', 'SOURCE_UNREACHABLE'],
      ],
      JSON.stringify(ends) + night.system.output().slice(-3000),
    );
    assert.match(ends[1]!.failure!.message, /refused: \*\*\*/);
    await answers(nc, ends);
    notIn('an event', events.join('\n'));
    assert.match(events.join('\n'), SOURCE);
    storeOf(folder);
  }));

/** All processes of the machine, the training program among them. */
function argumentsOfAll(folder: string): void {
  if (!existsSync('/proc/self/cmdline')) return;
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(argumentsOf);
  notIn('a list of arguments', all.join('\n'));
  assert.ok(all.some((text) => text.includes(join(folder, 'program.mjs'))));
}

function argumentsOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // Ended meanwhile.
  }
}

/** What every program needs, what the file lists, and nothing else. */
function programsEnvironment(folder: string): void {
  const env = JSON.parse(readFileSync(join(folder, 'environment.json'), 'utf8')) as Record<string, string>;
  const expected = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TOKEN', 'OWN', 'FOLDER', 'ENDS', 'NIGHTSHIFT_TEST_LISTED'];
  assert.equal(
    Object.keys(env).filter((name) => !expected.includes(name)),
    [],
  );
  assert.equal([env['TOKEN'], env['OWN']], [SECRETS.program, SECRETS.ownersVariable]);
}

async function answers(nc: NatsConnection, ends: readonly RunEnd[]): Promise<void> {
  const ask = async (subject: string, question: object = {}) =>
    (await nc.request(subject, JSON.stringify(question), { timeout: 10_000 })).string();
  const runs = ends.flatMap(({ runId }) => [{ runId }, { runId, at: 1 }]);
  const all = await Promise.all([
    ...[API.models, API.status, API.runs, API.schedules, API.deadLetters, API.deployments].map((it) => ask(it)),
    ...runs.map((question) => ask(API.run, question)),
  ]);
  notIn('an answer', all.join('\n'));
  assert.match(all[0]!, SOURCE);
  assert.match(all.at(-1)!, 'nowhere.training.command');
}

/** As it lies on the disk: streams, buckets and objects, the checkpoints of runs and trainings among them. */
function storeOf(folder: string): void {
  const store = join(folder, 'store');
  const files = readdirSync(store, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
  const bytes = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'));
  for (const [index, text] of bytes.entries()) notIn(`the store, ${files[index]!.name}`, text);
  assert.ok(bytes.some((text) => text.includes(SOURCE)));
}

test.run();
