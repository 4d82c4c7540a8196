/**
 * The package as a user gets it: packed, installed into an empty folder, its command run there, and a whole demo. It needs
 * the npm registry, or npm's cache with all that is to be installed.
 */
import { execFile, type ExecFileException } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { DemoFigures } from '../../demo/report.ts';
import { withFolder } from '../support/folder.ts';
import { faceOf, MODEL, withReplicas } from '../support/replicas.ts';

const ROOT = join(import.meta.dirname, '../..');
const OUTPUT_BYTES_MAX = 10 * 1024 ** 2;

interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever that is. */
const run = (cwd: string, program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  new Promise<End>((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: OUTPUT_BYTES_MAX };
    execFile(program, args, options, (error: ExecFileException | null, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr }),
    );
  });

async function done(cwd: string, program: string, args: readonly string[], env?: Readonly<Record<string, string>>) {
  const end = await run(cwd, program, args, env);
  assert.is(end.code, 0, `${program} ${args.join(' ')}: ${end.stderr}${end.stdout}`);
  return end;
}

/** As a user types it: with install scripts, of which none fetches anything. */
const INSTALL = ['install', '--prefer-offline', '--no-audit', '--no-fund'];

async function install(folder: string): Promise<void> {
  await done(ROOT, process.execPath, ['build.mjs', '--types']);
  const packed = await done(ROOT, 'npm', ['pack', '--json', '--pack-destination', folder]);
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  const end = await run(folder, 'npm', [...INSTALL, `./${filename}`]);
  if (end.code !== 0 && (await run(folder, 'npm', ['ping'])).code !== 0) {
    const { stdout } = await run(folder, 'npm', ['config', 'get', 'registry']);
    throw new Error(
      `the npm registry ${stdout.trim()} is not reachable, and npm's cache lacks a package: ${end.stderr}`,
    );
  }
  assert.is(end.code, 0, end.stderr);
  assert.not.match(end.stderr, /EBADENGINE|deprecated/);
}

const SOURCE = `
import { PipelineError } from 'nightshift/contracts/errors';
import { PipelineConfigSchema, type PipelineConfig } from 'nightshift/contracts/configuration/pipeline';
import type { OwnSource } from 'nightshift/strategies/data';
import { connect, type Client, type IdentifyReply } from 'nightshift/client';
import { createDeploymentStrategy, type DeploymentStrategy } from 'nightshift/strategies/deployment';
import type { TrainingJob, TrainingStrategy } from 'nightshift/strategies/training';

export const config: PipelineConfig = PipelineConfigSchema.parse({});
export const refusal = new PipelineError('SOURCE_INVALID', 'nothing there');
// @ts-expect-error: no such code
export const misspelt = new PipelineError('SOURCE_INVALLID', 'nothing there');
export const source: OwnSource = { async *samples() {} };
export const deployment: Promise<DeploymentStrategy> = createDeploymentStrategy('canary');
export const asked = async (client: Client, image: Uint8Array): Promise<string | null> => {
  const reply: IdentifyReply = await client.identify(image, { deadlineMs: 1_000 });
  return reply.person;
};
export const door = connect({ servers: 'nats://127.0.0.1:1', model: 'face' }).catch(() => null);
export const training: TrainingStrategy = { name: 'own', train: async ({ runId }: TrainingJob) => { throw runId; } };
`;
const SETTINGS = { module: 'nodenext', target: 'es2023', strict: true, noEmit: true, types: ['node'] };

/** As a door with the package would; a replica of this checkout answers. */
const asksReplica = (folder: string) =>
  withReplicas(async (context) => {
    await context.start('r1');
    await context.deploy({ runId: 'run1' });
    await writeFile(join(folder, 'face.png'), await faceOf(1));
    const program = `
      import { readFileSync } from 'node:fs';
      import { connect, PipelineError } from 'nightshift/client';
      const client = await connect({ servers: process.argv[1], model: '${MODEL}' });
      const { person, release, replica } = await client.identify(readFileSync('face.png'));
      const refusal = await client.identify(new Uint8Array(0)).catch((error) => error);
      console.log(person, release, replica, refusal instanceof PipelineError, client.statistics().requests);
      await client.close();`;
    const args = ['--input-type=module', '-e', program, context.test.url];
    assert.is((await done(folder, process.execPath, args)).stdout, 'p1 1 r1 true 1\n');
  });

test('package: installed in an empty folder it has its command, its types and its strategies, and its demo keeps its word', () =>
  withFolder(async (folder) => {
    await install(folder);
    const help = await done(folder, 'npx', ['nightshift', '--help']);
    assert.match(help.stdout, /^Usage: nightshift/);

    const values = `
      const { PipelineError } = await import('nightshift/contracts/errors');
      const { createTrainingStrategy } = await import('nightshift/strategies/training');
      const { createSource } = await import('nightshift/strategies/data');
      const module = ${JSON.stringify(join(folder, 'node_modules/nightshift/examples/list-source.mjs'))};
      const source = await createSource({ type: 'module', name: 'a', module, options: { list: '/nowhere' } });
      const error = await source.samples(new AbortController().signal).next().catch((cause) => cause);
      console.log((await createTrainingStrategy('command')).name, error.constructor === PipelineError, error.code);`;
    const { stdout } = await done(folder, process.execPath, ['--input-type=module', '-e', values]);
    assert.is(stdout, 'command true SOURCE_UNREACHABLE\n');

    await writeFile(join(folder, 'own.ts'), SOURCE);
    const typeRoots = [join(ROOT, 'node_modules/@types')];
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...SETTINGS, typeRoots } }));
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    await done(folder, process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder]);

    await asksReplica(folder);

    const demo = await run(folder, 'npx', ['nightshift', 'demo', '--json']);
    assert.match(demo.stdout, /^\{.+\}\n$/, demo.stderr);
    const { requests, badNight, emptyStreet, newPeople, strangers } = JSON.parse(demo.stdout) as DemoFigures;
    assert.ok(requests.sent > 500, `${requests.sent} requests`);
    assert.equal([requests.failed, requests.lost, requests.misrouted], [0, 0, 0]);
    assert.equal([badNight.outcome, emptyStreet.outcome], ['rejected', 'rejected']);
    assert.match(emptyStreet.reason, /^threshold-jump/);
    // 5 % are promised, and sixty drawn strangers keep it to within a few of these forty.
    assert.ok(strangers.letIn.after <= 6, `${strangers.letIn.after} of ${strangers.images} strangers are let in`);
    assert.ok(newPeople.after > newPeople.before);
  }));

test.run();
