/**
 * Attack 1: one message to the port of the server runs a program of the sender's choice. The attacker is a client of NATS and
 * nothing else; everything that is attacked is the system as it is started.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NatsConnection } from 'nats';
import { connect } from 'nats';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigSchema } from '../../infra/config/config.ts';
import { startSystem } from '../../main.ts';
import { withFolder } from '../support/folder.ts';
import { testLogger } from '../support/server.ts';
import { tinyModel } from '../support/tiny-model.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { until } from '../support/wait.ts';

interface Said {
  readonly subject: string;
  readonly data: Readonly<Record<string, unknown>> & { readonly failure?: Failure };
}
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

interface Attacked {
  readonly nc: NatsConnection;
  /** The first message under the subject. */
  heard(subject: string): Promise<Said>;
  /** What the night before found, as an attacker can read it in the events. */
  readonly dataset: unknown;
  readonly candidate: unknown;
  /** A program that leaves a file behind; as it would stand in a message. */
  readonly command: { readonly argv: readonly string[]; readonly env: object; readonly cwd: string };
  readonly hasRun: () => boolean;
  readonly folder: string;
}

/** A night has passed, so that all results which an attack builds on are there. */
const underAttack = (use: (attacked: Attacked) => Promise<void>) =>
  withFolder(async (folder) => {
    const [mark, program, model] = ['ran', 'program.mjs', 'model.onnx'].map((name) => join(folder, name));
    await writeFile(model!, tinyModel());
    await writeFile(program!, PROGRAM);
    const command = { argv: [process.execPath, program!], env: { MARK: mark!, MODEL: model! }, cwd: folder };
    const night = await tinyNightIn(folder);
    const config = ConfigSchema.parse({
      // A client that reaches the port may say anything, and still runs nothing.
      nats: { storeDir: join(folder, 'store'), port: 0, insecure: true },
      // The program stands in the file, for a model that nobody starts.
      models: { face: night, owner: { ...night, training: { ...night.training, strategy: 'command', command } } },
    });
    const system = await startSystem(config, testLogger());
    try {
      const nc = await connect({ servers: system.server.url });
      const all: Said[] = [];
      nc.subscribe('nightshift.evt.>', {
        callback: (_, message) => void all.push({ subject: message.subject, data: message.json<Said>().data }),
      });
      await nc.flush();
      const heard = (subject: string) =>
        until(() => all.find((said) => said.subject === subject), subject, 120_000) as Promise<Said>;
      nc.publish('nightshift.ctl.pipeline.start', '{"model":"face","runId":"night"}');
      await heard('nightshift.evt.pipeline.completed.night');
      const [collected, trained] = [
        await heard('nightshift.evt.collect.completed.night'),
        await heard('nightshift.evt.train.completed.night'),
      ];
      const found = { dataset: collected.data['dataset'], candidate: trained.data['model'] };
      await use({ nc, heard, ...found, command, hasRun: () => existsSync(mark!), folder });
      await nc.close();
    } finally {
      await system.stop();
    }
  });

const PROGRAM = `
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
writeFileSync(process.env.MARK, 'ran');
console.log('{"type": "progress", "epoch": 1, "loss": 1}');
copyFileSync(process.env.MODEL, JSON.parse(readFileSync(process.argv.at(-1), 'utf8')).paths.model);
`;

/** A module that leaves the same file behind as soon as it is loaded. */
async function moduleIn({ folder, command }: Attacked): Promise<string> {
  const module = join(folder, 'module.mjs');
  const { MARK } = command.env as { MARK: string };
  await writeFile(module, `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(MARK)}, 'ran');`);
  return module;
}

test('attack 1: a fork or a command with a program, a module, a path or an address is refused with the list, and nothing runs', () =>
  underAttack(async (attacked) => {
    const module = await moduleIn(attacked);
    await forkWithProgram(attacked);
    await forkByCommand(attacked, module);
    await forgedTraining(attacked, module);
    await forgedCollection(attacked, module);
    await forgedVerification(attacked);
    await unknownName(attacked);
    assert.not.ok(attacked.hasRun());
    await ownersProgram(attacked);
  }));

async function forkWithProgram({ nc, command }: Attacked): Promise<void> {
  const changes = { training: { strategy: 'command', command }, schedule: { cron: '* * * * *' } };
  const question = { runId: 'night', from: 'train', newRunId: 'forked', changes };
  const answer = await nc.request('nightshift.api.pipeline.fork', JSON.stringify(question), { timeout: 10_000 });
  const text = answer.headers?.get('Nats-Service-Error') ?? '';
  for (const path of ['argv', 'env', 'cwd']) assert.match(text, `training.command.${path}`);
  assert.match(text, /A fork may change training \{strategy by .*, epochs, .*warmStart\}$/);
}

async function forkByCommand({ nc, heard, command }: Attacked, module: string): Promise<void> {
  const changes = {
    sources: [{ type: 'http', name: 'people', url: 'http://127.0.0.1:1/' }],
    faces: { detector: '/etc/passwd' },
    training: { backbone: { path: '/etc/passwd' }, command, strategy: { module } },
    deployment: { strategy: { module } },
    verification: { featuresDir: '/' },
  };
  const id = 'forged-fork';
  const envelope = { specversion: '1.0', id, source: 'x', type: 'nightshift.ctl.pipeline.fork' };
  const data = { runId: 'night', from: 'collect', newRunId: 'forked', changes };
  nc.publish('nightshift.ctl.pipeline.fork', JSON.stringify({ ...envelope, data }));
  const { code, message } = (await heard(`nightshift.evt.operator.refused.${id}`)).data.failure!;
  assert.is(code, 'LOCAL_SETTING');
  const paths = ['sources.0.url', 'faces.detector', 'training.backbone.path', 'training.command.argv'];
  for (const path of [...paths, 'training.strategy.module', 'deployment.strategy.module', 'verification.featuresDir'])
    assert.match(message, path);
}

/** Publishes a start command as an orchestrator would; answers how it was refused. */
async function forged({ nc, heard }: Attacked, stage: string, runId: string, data: object): Promise<Failure> {
  nc.publish(
    `nightshift.cmd.${stage}.start.${runId}`,
    JSON.stringify({ runId, model: 'face', champion: null, ...data }),
  );
  return (await heard(`nightshift.evt.${stage}.failed.${runId}`)).data.failure!;
}

async function forgedTraining(attacked: Attacked, module: string): Promise<void> {
  const { dataset, command } = attacked;
  const training = { strategy: 'command', command, epochs: 1 };
  const program = await forged(attacked, 'train', 'forged-1', { dataset, training });
  assert.is(program.code, 'LOCAL_SETTING');
  assert.match(program.message, 'training.command.argv, training.command.env, training.command.cwd');
  const own = await forged(attacked, 'train', 'forged-2', { dataset, training: { strategy: { module } } });
  assert.match(own.message, 'training.strategy.module');
  const letters = await attacked.nc.request('nightshift.api.dlq.list', '{}');
  assert.match(letters.string(), /"nightshift\.cmd\.train\.start\.forged-1"/);
}

async function forgedCollection(attacked: Attacked, module: string): Promise<void> {
  const sources = [{ type: 'module', name: 'people', module }];
  const { code, message } = await forged(attacked, 'collect', 'forged-3', { pipeline: { sources } });
  assert.is(code, 'LOCAL_SETTING');
  assert.match(message, 'pipeline.sources.0.module');
}

async function forgedVerification(attacked: Attacked): Promise<void> {
  const { dataset, candidate, folder } = attacked;
  const verification = { featuresDir: join(folder, 'written') };
  const { code, message } = await forged(attacked, 'verify', 'forged-4', { dataset, candidate, verification });
  assert.is(code, 'LOCAL_SETTING');
  assert.match(message, 'verification.featuresDir');
  assert.not.ok(existsSync(join(folder, 'written')));
}

/** `sh` is on the PATH of the trainer, and in no file. */
async function unknownName(attacked: Attacked): Promise<void> {
  const training = { strategy: 'command', command: { local: 'sh' } };
  const { code, message, retryable } = await forged(attacked, 'train', 'forged-5', {
    dataset: attacked.dataset,
    training,
  });
  assert.equal([code, retryable], ['LOCAL_UNDEFINED', false]);
  assert.match(
    message,
    /no program "sh" is defined on .* local\.programs\.sh, .* Defined there: owner\.training\.command$/,
  );
}

/** The attack would have worked: by its name, the very same program is run from the file. */
async function ownersProgram({ nc, heard, dataset, hasRun }: Attacked): Promise<void> {
  const training = { strategy: 'command', command: { local: 'owner.training.command' }, epochs: 1 };
  const data = { runId: 'named', model: 'owner', champion: null, dataset, training };
  nc.publish('nightshift.cmd.train.start.named', JSON.stringify(data));
  await heard('nightshift.evt.train.completed.named');
  assert.ok(hasRun());
}

test.run();
