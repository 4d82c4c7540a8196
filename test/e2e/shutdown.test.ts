/** A signal ends every process within its time, whatever hangs in it, and says what that was; a second signal ends it at once. */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serverOf, withCli, type CliProcess } from '../support/cli.ts';
import { withFolder, writeTinyPeople } from '../support/folder.ts';
import { lenientIn } from '../support/lenient.ts';
import { loopingModel } from '../support/hostile-models.ts';
import { busyWalled, isAlive } from '../support/processes.ts';
import { until } from '../support/wait.ts';

const OWN = join(import.meta.dirname, '../support/own');
const PROGRAMS = join(import.meta.dirname, '../services/training/command/programs.mjs');
/** The time in which every process is gone, by default. */
const END_MAX_MS = 10_000;

interface Night {
  readonly system: CliProcess;
  /** Resolves with what the part that hangs has written. */
  readonly told: () => Promise<string>;
}

/** A system whose run hangs in the source or in the training program, as `parts` says. */
function withNight(
  parts: (folder: string, told: string) => { sources?: object[]; training?: object },
  shutdown: object,
  use: (night: Night) => Promise<void>,
): Promise<void> {
  return withFolder(async (folder) => {
    const toldFile = join(folder, 'told');
    await writeTinyPeople(join(folder, 'people'), 4, 6);
    await writeFile(join(folder, 'model.onnx'), loopingModel());
    const face = {
      sources: [{ type: 'directory', name: 'tiny', path: join(folder, 'people') }],
      ...(await lenientIn(folder)),
      image: { width: 16, height: 16, channels: 1 },
      ...parts(folder, toldFile),
    };
    const file = join(folder, 'nightshift.config.json');
    await writeFile(file, JSON.stringify({ nats: { port: 0 }, log: { level: 'info' }, shutdown, models: { face } }));
    const options = { cwd: folder, env: { NIGHTSHIFT_STORE: join(folder, 'store') } };
    await withCli(['--config', file, 'start'], options, async (system) => {
      const env = { ...options.env, NATS_URL: await serverOf(system) };
      await withCli(['run', 'face'], { cwd: folder, env }, async () => {
        // A file is there before its text is.
        const text = () => (existsSync(toldFile) && readFileSync(toldFile, 'utf8')) || null;
        const told = () => until(text, 'the part that hangs');
        await use({ system, told });
      });
    });
  });
}

const hangingSource = (_: string, told: string) => ({
  sources: [{ type: 'module', name: 'hanging', module: join(OWN, 'hanging-source.mjs'), options: { told } }],
});
const program = (which: string) => (folder: string, told: string) => ({
  training: {
    strategy: 'command',
    epochs: 2,
    command: { argv: [process.execPath, PROGRAMS, which], env: { TOLD: told, MODEL: join(folder, 'model.onnx') } },
  },
});

async function endOf(system: CliProcess, ...signals: NodeJS.Signals[]) {
  const startedAt = performance.now();
  for (const signal of signals) system.kill(signal);
  const { code, signal } = await system.exited;
  const ms = performance.now() - startedAt;
  assert.ok(ms < END_MAX_MS, `it ended after ${Math.round(ms)} ms`);
  return { code, signal, ms };
}

test('shutdown: a source that hangs is named and left behind after the time that is set', () =>
  withNight(hangingSource, { graceMs: 1500 }, async ({ system, told }) => {
    await told();
    const { code, ms } = await endOf(system, 'SIGTERM');
    assert.is(code, 1);
    assert.ok(ms >= 1500);
    const line = /not stopped within 1500 ms \(shutdown\.graceMs\); ended without: collector \(at work on run-\S+\)"/;
    assert.match(system.output(), line);
  }));

test('shutdown: without a setting a hanging process is gone within ten seconds', () =>
  withNight(hangingSource, {}, async ({ system, told }) => {
    await told();
    assert.is((await endOf(system, 'SIGINT')).code, 1);
  }));

test('shutdown: a second signal ends at once', () =>
  withNight(hangingSource, { graceMs: 60_000 }, async ({ system, told }) => {
    await told();
    assert.is((await endOf(system, 'SIGTERM', 'SIGINT')).signal, 'SIGKILL');
    assert.match(system.output(), /told to end for the second time; ended without: .*collector/);
  }));

test('shutdown: a program that ignores SIGTERM is gone with its workers, and named', () =>
  withNight(program('ignores SIGTERM'), { graceMs: 1500 }, async ({ system, told }) => {
    const pids = (await told()).split(' ').map(Number);
    assert.is((await endOf(system, 'SIGTERM')).code, 1);
    assert.match(system.output(), /ended without: trainer \(at work on run-/);
    for (const pid of pids) await until(() => !isAlive(pid), `process ${pid} to end`, 5000);
  }));

test('shutdown: a model that loops in its acceptance keeps nobody from a graceful end', () =>
  withNight(program('good'), {}, async ({ system }) => {
    const pid = Number.parseInt(system.alive().find((line) => line.endsWith('actor.process.js trainer')) ?? '', 10);
    const walled = await until(() => busyWalled(pid)[0], 'the model to loop');
    assert.is((await endOf(system, 'SIGTERM')).code, 0, system.output());
    await until(() => !isAlive(walled), 'the process of the model to end', 5000);
  }));

test('shutdown: the same signal twice in a moment, as npm and a terminal send it, is one', () =>
  withNight(hangingSource, { graceMs: 1000 }, async ({ system, told }) => {
    await told();
    assert.ok((await endOf(system, 'SIGINT', 'SIGINT')).ms >= 1000);
  }));

test.run();
