/** From a start to a finished run, a read report, an approval and a rollback, by the command line alone. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runCli, withCli } from '../support/cli.ts';
import { writeTinyPeople } from '../support/folder.ts';
import { withStarted, type StartedSystem } from '../support/three-ways.ts';

type Cli = (...args: readonly string[]) => Promise<string>;

/** Followed to its end, and approved from another terminal where it waits; its report is read before. */
const night = ({ cwd, env }: StartedSystem, cli: Cli): Promise<string> =>
  withCli(['run'], { cwd, env }, async (following) => {
    const [runId] = await following.printed(/run-\S+/);
    await following.printed(/waits for `nightshift approve`/);
    assert.match(await cli('runs'), new RegExp(`${runId}.*waiting for approval`));
    assert.match(await cli('report', runId, '--out', 'report.html'), new RegExp(`${runId} +face +\\w+`));
    assert.match(await readFile(join(cwd, 'report.html'), 'utf8'), new RegExp(`<!doctype html>[^]*${runId}`, 'i'));
    assert.match(await cli('approve', runId, '--reason', 'read it'), /is approved and goes on/);
    const { code, stdout } = await following.exited;
    assert.is(code, 0, stdout);
    assert.match(stdout, new RegExp(`^${runId} completed\nverdict: `));
    return runId;
  });

test('three ways: by the command line alone', () =>
  withStarted(async (started) => {
    const { cwd, env } = started;
    const cli: Cli = async (...args) => {
      const { code, stdout, stderr } = await runCli(args, { cwd, env });
      assert.is(code, 0, `${args.join(' ')}: ${stderr}`);
      return stdout;
    };
    await night(started, cli);
    await writeTinyPeople(join(cwd, 'people'), 7, 5);
    await night(started, cli);
    assert.match(await cli('gallery', 'people', '--search', 'P6'), /│ p6 +│ the night +│ 0 [^]*face: 1 of 7 people/);
    await cli('rollback', '--reason', 'as it was');
    assert.match(await cli('deployments'), /as it was/);
    assert.match(await cli('audit'), /model\.rollback/);
    assert.match(await cli('gallery', 'people'), /face: 6 of 6 people/);
  }));

test.run();
