/** `npm start` as people run it: if npm alone, or its shell alone, is told to end or killed, nothing of the system is left. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withFolder } from '../support/folder.ts';
import { tryKill } from '../../runtime/processes.ts';
import { markedProcesses, MARK } from '../support/cli.ts';
import { until } from '../support/wait.ts';

const ROOT = join(import.meta.dirname, '../..');
const END_MAX_MS = 10_000;

interface Started {
  readonly npm: number;
  readonly storeDir: string;
  /** Processes that npm has started, and theirs. */
  readonly alive: () => readonly string[];
}

const withNpmStart = (script: string, use: (started: Started) => Promise<void>): Promise<void> =>
  withFolder(async (cwd) => {
    const mark = `orphans-${process.pid}-${performance.now()}`;
    const storeDir = join(cwd, 'store');
    await writeFile(join(cwd, 'nightshift.config.json'), JSON.stringify({ nats: { port: 0, storeDir } }));
    await writeFile(join(cwd, 'package.json'), JSON.stringify({ scripts: { start: script } }));
    const child = spawn('npm', ['start'], {
      cwd,
      env: { ...process.env, [MARK]: mark },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk));
    const alive = () => markedProcesses(mark);
    try {
      await until(
        () => Buffer.concat(output).includes('Nightshift is up.') || ended(child.exitCode, output),
        'the start',
      );
      await use({ npm: child.pid!, storeDir, alive });
    } finally {
      for (const line of alive()) tryKill(Number.parseInt(line, 10), 'SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  });

function ended(code: number | null, output: readonly Buffer[]): false {
  if (code === null) return false;
  throw new Error(`npm ended with ${code}:\n${Buffer.concat(output).toString()}`);
}

async function everythingEnds({ storeDir, alive }: Started): Promise<void> {
  await until(() => alive().length === 0, `the end of ${alive().join('\n')}`, END_MAX_MS);
  // A graceful end takes the lock with it; the store is free for the next start.
  assert.not.ok(existsSync(join(storeDir, 'lock.json')), readdirSync(storeDir).join(' '));
}

/** As package.json has it, from another folder. */
const scripts = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
const START = scripts.scripts['start']!.replace('cli/', `${ROOT}/cli/`);

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`orphans: npm alone gets ${signal}, and everything has ended within ten seconds`, () =>
    withNpmStart(START, async (started) => {
      process.kill(started.npm, signal);
      await everythingEnds(started);
    }));

  test(`orphans: the shell of a script alone gets ${signal}, and everything has ended within ten seconds`, () =>
    // A second command keeps the shell: with `exec` there is none.
    withNpmStart(`${START.replace(/^exec /, '')}; true`, async (started) => {
      const shell = Number.parseInt(started.alive().find((line) => / sh -c /.test(line)) ?? '', 10);
      process.kill(shell, signal);
      await everythingEnds(started);
    }));
}

test('orphans: a program that no script started outlives its parent', async () => {
  const code = `import { onParentGone } from '${ROOT}/cli/parent.ts'; onParentGone(() => console.log('gone')); setTimeout(() => console.log('stays'), 1500);`;
  const env = { ...process.env };
  delete env['npm_lifecycle_event'];
  const node = `'${process.execPath}' --import tsx --input-type=module -e "$CODE" & sleep 0.9`;
  const shell = spawn('sh', ['-c', node], {
    cwd: ROOT,
    env: { ...env, CODE: code },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  shell.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(shell, 'close');
  assert.is(output, 'stays\n');
});

test.run();
