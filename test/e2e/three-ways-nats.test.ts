/**
 * From a start to a finished run, a read report, an approval and a rollback, by the real NATS CLI alone, with the rights of
 * an operator. Skipped by name where no `nats` is on the PATH (`go install github.com/nats-io/natscli/nats@v0.4.0`).
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import { ENDPOINTS, type Answer } from '../../contracts/api.ts';
import { OutcomeSchema } from '../../contracts/commands.ts';
import { ACTORS } from '../../contracts/roles.ts';
import { BlobRefSchema } from '../../contracts/references.ts';
import { API, apiOfCommand, CTL } from '../../contracts/subjects.ts';
import { VerificationReportSchema } from '../../contracts/verification.ts';
import { runCli } from '../support/cli.ts';
import { writeTinyPeople } from '../support/folder.ts';
import { MODEL } from '../support/replicas.ts';
import { NIGHT_MS, withStarted, type StartedSystem } from '../support/three-ways.ts';
import { until } from '../support/wait.ts';

const run = promisify(execFile);
const hasCli = spawnSync('nats', ['--version']).status === 0;
const NAME = 'three ways: by nats alone';
const TIMEOUT_MS = 60_000;

if (!hasCli) console.log('SKIP three ways: no `nats` on the PATH');

type Nats = (...args: readonly string[]) => Promise<string>;

/** The keys, once, as the README has it. */
async function natsOf({ cwd, env }: StartedSystem): Promise<Nats> {
  const home = { HOME: cwd, XDG_CONFIG_HOME: join(cwd, 'config') };
  const { code, stderr } = await runCli(['auth', 'context', 'operator'], { cwd, env: { ...env, ...home } });
  assert.is(code, 0, stderr);
  return async (...args) => {
    const options = { cwd, env: { ...process.env, ...home }, timeout: TIMEOUT_MS };
    return (await run('nats', ['--context', 'nightshift-operator', ...args], options)).stdout;
  };
}

const runOf = async (nats: Nats, runId: string): Promise<Answer<typeof API.run>> =>
  ENDPOINTS[API.run].answer.parse(JSON.parse(await nats('req', '--raw', API.run, JSON.stringify({ runId }))));

async function commanded(nats: Nats, command: (typeof CTL)[keyof typeof CTL], data: object): Promise<void> {
  const answer = await nats('req', '--raw', apiOfCommand(command), JSON.stringify(data));
  assert.is(OutcomeSchema.parse(JSON.parse(answer)).accepted, true, answer);
}

async function night(nats: Nats, { cwd }: StartedSystem, runId: string): Promise<void> {
  await commanded(nats, CTL.pipelineStart, { model: MODEL, runId });
  await until(async () => (await runOf(nats, runId)).state === 'awaitingApproval', `${runId} to wait`, NIGHT_MS);
  await readReport(nats, runId, join(cwd, `${runId}.json`));
  await commanded(nats, CTL.pipelineApprove, { runId, reason: 'read it' });
  await until(async () => (await runOf(nats, runId)).state === 'completed', `the end of ${runId}`, NIGHT_MS);
}

/** docs/nats.md has these two lines. */
async function readReport(nats: Nats, runId: string, file: string): Promise<void> {
  const { context } = await runOf(nats, runId);
  const { report } = z.object({ report: BlobRefSchema }).parse(context['verification']);
  await nats('object', 'get', `nightshift_${report.bucket}`, report.key, '--output', file, '--force', '--no-progress');
  assert.is(VerificationReportSchema.parse(JSON.parse(await readFile(file, 'utf8'))).runId, runId);
}

test(hasCli ? NAME : `${NAME}: skipped, no \`nats\` on the PATH`, async () => {
  if (!hasCli) return assert.is(spawnSync('nats', ['--version']).status, null);
  await withStarted(async (started) => {
    const nats = await natsOf(started);
    await night(nats, started, 'n1');
    await writeTinyPeople(join(started.cwd, 'people'), 7, 5);
    await night(nats, started, 'n2');
    await commanded(nats, CTL.modelRollback, { model: MODEL, runId: 'back', reason: 'as it was' });
    await until(async () => (await runOf(nats, 'back')).status === 'done', 'the end of the rollback');
    const { models } = ENDPOINTS[API.status].answer.parse(JSON.parse(await nats('req', '--raw', API.status, '')));
    assert.is(models[0]?.deployment?.current?.origin?.runId ?? models[0]?.deployment?.current?.runId, 'n1');
    const services = await nats('micro', 'ls', '--json');
    for (const actor of ACTORS)
      assert.match(services, new RegExp(actor === 'orchestrator' ? '"nightshift"' : `"nightshift_${actor}"`));
  });
});

test.run();
