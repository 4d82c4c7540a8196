import { spawn } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { supervise, type PartSpec, type Supervisor } from '../../cli/supervisor.ts';
import { createLogger } from '../../runtime/logger.ts';
import { tryKill, type Part } from '../../runtime/processes.ts';
import { isAlive } from '../support/processes.ts';
import { until } from '../support/wait.ts';

/** Says that it is up when it is told to start, and ends when it is told to stop. */
const GOOD = `process.on('message', ({ type }) => type === 'start' ? process.send({ type: 'up' }) : process.exit());`;
const STUBBORN = `process.on('message', ({ type }) => type === 'start' && process.send({ type: 'up' }));`;
const CRASHING = `console.error('my last words'); process.exit(3);`;
const REFUSED = `const failure = { code: 'PERMISSION_DENIED', message: 'may not', retryable: false };
  process.on('message', () => process.send({ type: 'failed', failure }, () => process.exit(1)));`;

interface Supervised {
  readonly whole: Supervisor;
  readonly lines: readonly string[];
}

async function supervised(code: Record<string, string>, restartsMax: number, use: (it: Supervised) => Promise<void>) {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line) };
  const parts = Object.entries(code).map(([name, text]): PartSpec => ({
    name,
    launch: () =>
      // The first three are as startPart makes them.
      spawn(process.execPath, ['-e', text], {
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      }) as unknown as Part,
    orders: () => ({ type: 'start' }) as ReturnType<PartSpec['orders']>, // The programs above read nothing else.
    memoryMaxMiB: undefined,
    isAwaited: true,
  }));
  const whole = supervise({ parts, restartsMax, sink, log: createLogger({ level: 'info' }, sink) });
  try {
    whole.start();
    await use({ whole, lines });
  } finally {
    whole.kill();
    await whole.stop(0);
  }
}

const codeOf = (whole: Supervisor) =>
  whole.failed.then(
    () => 'none',
    ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
  );

test('supervisor: a part that is killed is started again, works again, and the others are left alone', () =>
  supervised({ a: GOOD, b: GOOD }, 5, async ({ whole, lines }) => {
    await whole.up;
    const before = whole.pids();
    process.kill(before['a']!, 'SIGKILL');
    await until(() => whole.pids()['a'] !== undefined && whole.pids()['a'] !== before['a'], 'another process');
    assert.is(whole.pids()['b'], before['b']);
    assert.ok(lines.some((line) => line.includes('a ended unexpectedly') && line.includes('SIGKILL')));
  }));

test('supervisor: a part that ends again and again is given up with words, and its output has its name', () =>
  supervised({ a: GOOD, b: CRASHING }, 2, async ({ whole, lines }) => {
    assert.match(await codeOf(whole), /^ACTOR_FAILED: b ended 3 times in a row, the last time with exit code 3/);
    const words = lines.map((line) => JSON.parse(line) as { actor?: string; msg: string });
    assert.is(words.filter(({ actor, msg }) => actor === 'b' && msg === 'my last words').length, 3);
  }));

test('supervisor: a part that cannot be started at all ends the whole with its own words', () =>
  supervised({ a: GOOD, b: REFUSED }, 5, async ({ whole }) => {
    assert.is(await codeOf(whole), 'PERMISSION_DENIED: may not');
  }));

test('supervisor: a stop names the part that had to be killed, and leaves none', () =>
  supervised({ a: GOOD, b: STUBBORN }, 5, async ({ whole }) => {
    await whole.up;
    const pids = Object.values(whole.pids());
    assert.equal(whole.unstopped(), ['a', 'b']);
    assert.equal(await whole.stop(300), ['b']);
    assert.equal(whole.unstopped(), []);
    assert.equal(pids.filter(isAlive), []);
    for (const pid of pids) tryKill(pid, 'SIGKILL');
  }));

test.run();
