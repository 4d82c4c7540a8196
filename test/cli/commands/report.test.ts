/** `nightshift report` against a server that holds what a run left, as a user runs it. */
import { chmod, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Answer } from '../../../contracts/api.ts';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { API } from '../../../contracts/subjects.ts';
import { serveApi } from '../../../infra/messaging/api.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { runCli, type CliEnd } from '../../support/cli.ts';
import { withFolder } from '../../support/folder.ts';
import { sampleReport } from '../../support/sample-report.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const sample = await sampleReport();
const RUN = sample.report.runId;
const HOME = `face/${RUN}`;
type Run = Answer<typeof API.run>;

interface Rig {
  readonly blobs: BlobStore;
  readonly folder: string;
  /** What the orchestrator knows of the run. */
  run: Run;
  report(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<CliEnd>;
}

/** A server with an orchestrator that knows one run, and a folder to work in. */
const withRig = (use: (rig: Rig) => Promise<void>) =>
  withFolder((folder) =>
    withServer(async ({ connect, log, url }) => {
      const nc = await connect();
      const rig: Rig = {
        blobs: createBlobStore(nc),
        folder,
        run: runWith({}),
        report: (args = [], env = {}) => runCli(['--server', url, 'report', RUN, ...args], { cwd: folder, env }),
      };
      const api = await serveApi(nc, { [API.run]: (body: unknown) => answer(rig, body) }, log);
      await use(rig);
      await api.stop();
    }),
  );

async function answer({ run }: Rig, body: unknown): Promise<Run> {
  const { runId } = body as { runId: string };
  if (runId !== run.runId) throw new PipelineError('RUN_UNKNOWN', `no run ${runId} is stored`);
  return run;
}

const runWith = (context: object, changes: Partial<Run> = {}): Run => ({
  ...{ runId: RUN, model: 'face', kind: 'night', state: 'completed', status: 'done', failure: null, timeline: [] },
  ...{ startedAt: '2026-11-26T02:00:00Z', updatedAt: '2026-11-26T02:10:00Z' },
  context: { plan: [], forkedFrom: null, ...context },
  ...changes,
});

/** Stores all that a night leaves of its verification. */
async function storeAll({ blobs }: Rig): Promise<Run> {
  const put = (bucket: 'DATASETS' | 'MODELS' | 'REPORTS', file: string, value: unknown) =>
    blobs.put(bucket, `${HOME}/${file}`, Buffer.from(JSON.stringify(value)));
  await put('REPORTS', 'verification-evidence.json', sample.evidence);
  await put('REPORTS', 'learning-curve.json', sample.curve);
  return runWith({
    dataset: await put('DATASETS', 'manifest.json', sample.manifest),
    candidate: await put('MODELS', 'model.onnx', 'the model'),
    verification: { report: await put('REPORTS', 'verification.json', sample.report) },
  });
}

test('cli: report writes one page with all parts, and says where and what the verdict is', () =>
  withRig(async (rig) => {
    rig.run = await storeAll(rig);
    const { code, stdout, stderr } = await rig.report();
    assert.equal([code, stderr], [0, '']);
    const path = join(rig.folder, `nightshift-${RUN}.html`);
    const [first, second] = stdout.split('\n');
    assert.is(first, path);
    assert.is(second, `${RUN}  face  inconclusive, may serve`);
    assert.match(stdout, /Strangers let in +1 % +champion +1 %/);
    const page = await readFile(path, 'utf8');
    assert.match(page, /^<!doctype html>/);
    assert.is(page.match(/<svg /g)!.length, 3);
    assert.is(page.match(/<img /g)!.length, 24);
    assert.match(page, /Most alike under two names/);
    assert.match(page, /Quarantined: 13: 6 duplicate/);
  }));

test('cli: report draws what is left of a run whose snapshot, evidence and curve are gone', () =>
  withRig(async (rig) => {
    rig.run = await storeAll(rig);
    await rig.blobs.remove('DATASETS', `${HOME}/manifest.json`);
    await rig.blobs.remove('REPORTS', `${HOME}/verification-evidence.json`);
    await rig.blobs.remove('REPORTS', `${HOME}/learning-curve.json`);
    const { code, stdout } = await rig.report(['--out', 'there.html']);
    assert.equal([code, stdout.split('\n')[0]], [0, join(rig.folder, 'there.html')]);
    assert.match(await readFile(join(rig.folder, 'there.html'), 'utf8'), /no longer stored/);
  }));

test('cli: report prints the stored JSON, or the model card, and writes no file then', () =>
  withRig(async (rig) => {
    rig.run = await storeAll(rig);
    const { stdout } = await rig.report(['--json']);
    assert.equal(JSON.parse(stdout), sample.report);
    const card = await rig.report(['--card']);
    assert.match(card.stdout, /^---\nlicense: unknown\n/);
    assert.match(card.stdout, new RegExp(`Snapshot: \`${(rig.run.context['dataset'] as { digest: string }).digest}\``));
    assert.equal(await readdir(rig.folder), []);
    assert.is((await rig.report(['--card', '--json'])).code, 2);
  }));

test('cli: report speaks of those who are recognised in the words of the configuration', () =>
  withRig(async (rig) => {
    const run = await storeAll(rig);
    const noun = { one: 'class', many: 'classes' };
    rig.run = { ...run, context: { ...run.context, pipeline: { noun } } };
    assert.match((await rig.report()).stdout, /Rank-1 per class/);
  }));

test('cli: a report that cannot be is one clear line', () =>
  withRig(async (rig) => {
    const expectFailure = async (run: Run, message: RegExp) => {
      rig.run = run;
      const { code, stdout, stderr } = await rig.report();
      assert.match(stderr, message);
      assert.equal([code, stdout], [1, '']);
    };
    await expectFailure(runWith({}, { runId: 'another' }), /^nightshift: no run run-\S+ is stored \[RUN_UNKNOWN\]\n$/);
    const underWay = { state: 'training.working', status: 'active' } as const;
    await expectFailure(
      runWith({ verification: null }, underWay),
      /: it stands in training\.working; .* \[COMMAND_NOT_APPLICABLE\]\n$/,
    );
    await expectFailure(
      runWith({ verification: null }, { state: 'failed', failure: 'TRAINING_DIVERGED: twice' }),
      /: it ended \(failed\) without a verification: TRAINING_DIVERGED: twice \[/,
    );
    await expectFailure(runWith({}, { kind: 'rollback' }), /: a rollback verifies nothing \[/);
    const stored = async (value: unknown) => {
      const report = await rig.blobs.put('REPORTS', `${HOME}/verification.json`, Buffer.from(JSON.stringify(value)));
      return runWith({ verification: { report } });
    };
    const old = await stored({ format: 'nightshift.verification/1', verdict: 'passed' });
    await expectFailure(
      old,
      /has the format nightshift\.verification\/1, and this version draws .*--json .*\[COMMAND_/,
    );
    assert.is((await rig.report(['--json'])).stdout, '{"format":"nightshift.verification/1","verdict":"passed"}\n');
    await expectFailure(
      await stored({ ...sample.report, verdict: 'good' }),
      /does not fit: verdict: .*\[BLOB_CORRUPT\]/,
    );
    await rig.blobs.put('REPORTS', `${HOME}/verification-evidence.json`, Buffer.from('<html>'));
    await expectFailure(
      await stored(sample.report),
      /verification-evidence\.json does not fit: it is no JSON \[BLOB_CORRUPT\]/,
    );
    await rig.blobs.remove('REPORTS', `${HOME}/verification-evidence.json`);
    const pruned = await stored(sample.report);
    await rig.blobs.remove('REPORTS', `${HOME}/verification.json`);
    await expectFailure(pruned, /not found; was it pruned\? \[BLOB_MISSING\]/);
    assert.equal(await readdir(rig.folder), []);
  }));

test("cli: report --open hands the file to the machine's program, and says so where there is none", () =>
  withRig(async (rig) => {
    rig.run = await storeAll(rig);
    const opener = join(rig.folder, 'xdg-open');
    await writeFile(opener, `#!/bin/sh\nprintf %s "$1" > "${join(rig.folder, 'opened')}"\n`);
    await chmod(opener, 0o755);
    assert.is((await rig.report(['--open'], { PATH: `${rig.folder}:/bin:/usr/bin` })).code, 0);
    const opened = () => readFile(join(rig.folder, 'opened'), 'utf8').catch(() => '');
    const path = join(rig.folder, `nightshift-${RUN}.html`);
    await until(async () => (await opened()) === path, 'the file to be opened');
    const without = await rig.report(['--open'], { PATH: '/nowhere' });
    assert.is(without.code, 0);
    assert.match(without.stderr, /^nightshift: xdg-open could not open it: .*ENOENT\n$/);
  }));

test.run();
