/** The command line without a system: help, and what a user is told who asks for something that cannot be. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { runCli } from '../support/cli.ts';
import { withFolder } from '../support/folder.ts';

/** A port on which nobody listens. */
const NOBODY = 'nats://127.0.0.1:1';

test('cli: help lists every command', () =>
  withFolder(async (cwd) => {
    const { code, stdout } = await runCli(['--help'], { cwd });
    assert.is(code, 0);
    for (const command of [
      'start',
      'actor',
      'run',
      'status',
      'runs',
      'report',
      'cancel',
      'pause',
      'resume',
      'approve',
      'reject',
      'retry',
      'fork',
      'bless',
      'rollback',
      'backbone',
      'demo',
    ]) {
      assert.match(stdout, new RegExp(`^  ${command}\\b`, 'm'));
    }
  }));

test('cli: what cannot be done is one clear line, and an exit code', () =>
  withFolder(async (cwd) => {
    await writeFile(join(cwd, 'broken.json'), '{"nats":{"port":"high"}}');
    const cases: readonly (readonly [string[], number, RegExp])[] = [
      [
        ['--server', NOBODY, 'status'],
        1,
        /^nightshift: no nats-server answers at nats:\/\/127\.0\.0\.1:1 \(connection refused\); .*NATS_URL.*\n$/,
      ],
      [['--server', NOBODY, 'run', '--json'], 1, /^nightshift: no nats-server answers at .*\n$/],
      [['--config', 'broken.json', 'start'], 2, /^nightshift: \S*broken\.json: nats\.port: .*\[CONFIG_INVALID\]\n$/],
      [['--config', 'absent.json', 'start'], 2, /^nightshift: the file \S*absent\.json does not exist.*\n$/],
      [['explode'], 2, /^error: unknown command 'explode'; see --help\n$/],
      [['rollbak'], 2, /^error: unknown command 'rollbak' \(Did you mean rollback\?\); see --help\n$/],
      [['actor', 'singer'], 2, /^error: .*'singer'.* there are orchestrator, collector.*\n/],
      [['fork', 'run-1'], 2, /^error: required option '--from <stage>' not specified; see --help\n$/],
      [
        ['dlq', 'redrve', '1'],
        2,
        /^error: dlq has no command 'redrve'; it has list, show, redrive, drop; see --help\n$/,
      ],
      [['gallery', 'rejct', 'x'], 2, /^error: gallery has no command 'rejct'; it has pending, .*reject; see --help\n$/],
      [['run', 'shwo', 'x', '--json'], 2, /^error: run has no command 'shwo'; it has start, show; see --help\n$/],
      [['dlq', 'show', 'abc'], 2, /^error: .*'abc' is invalid.* a whole number from 1; see --help\n$/],
      [['refused', '--limit', '-5'], 2, /^error: .*'-5' is invalid\. a whole number from 1; see --help\n$/],
      [['cancel'], 2, /^error: missing required argument 'runId'; see --help\n$/],
    ];
    const check = async ([args, code, message]: (typeof cases)[number]) => {
      const end = await runCli(args, { cwd });
      assert.match(end.stderr, message);
      assert.equal([end.code, end.stdout], [code, ''], args.join(' '));
    };
    await Promise.all(cases.map(check));
  }));

test.run();
