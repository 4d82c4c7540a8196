/** The embedded nats-server as a process: start, restart, ends of every kind, and two starters on one store. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { workEventSubject } from '../../../contracts/subjects.ts';
import { connectNats, isAtLeast } from '../../../infra/messaging/connection.ts';
import { findServerBinary, parseVersion } from '../../../infra/server/server-binary.ts';
import { launchServer } from '../../../infra/server/server.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';
import { clientOf } from '../../../infra/messaging/jetstream.ts';

const log = testLogger();
const SUBJECT = workEventSubject('train', 'completed', 'r1');
/** The promise to operators is one second on an idle machine; tests share theirs. */
const RESTART_LIMIT_MS = 4_000;

const isRunning = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

const refusalOf = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => assert.unreachable('it must be refused'),
    (reason: unknown) => reason,
  );
  assert.instance(error, PipelineError);
  return error as PipelineError;
};

test('server: a second start on the same store finds what was stored, soon', () =>
  withServer(async ({ server, connect, storeDir }) => {
    await clientOf(await connect()).publish(SUBJECT, 'kept');
    await server.stop();
    const startedAt = performance.now();
    const again = await launchServer({ storeDir, log });
    const nc = await connectNats({ url: again.url, name: 'test', log });
    const receipt = await clientOf(nc).publish(SUBJECT, 'more');
    const tookMs = performance.now() - startedAt;
    await nc.close();
    await again.stop();
    assert.is(receipt.seq, 2);
    assert.ok(tookMs < RESTART_LIMIT_MS, `took ${tookMs} ms`);
  }));

test('server: a crash is repaired on the same port, and clients go on', () =>
  withServer(async ({ server, connect }) => {
    const nc = await connect();
    const [url, pid] = [server.url, server.pid!];
    process.kill(pid, 'SIGKILL');
    await until(() => server.pid !== pid, 'the restart');
    assert.is(server.url, url);
    const receipt = await clientOf(nc).publish(SUBJECT, 'after', { retries: 10, timeout: 1_000 });
    assert.is(receipt.seq, 1);
  }));

test('server: a second launcher on the same store is refused, with the pid to stop', () =>
  withServer(async ({ server, storeDir }) => {
    const error = await refusalOf(launchServer({ storeDir, log }));
    assert.is(error.code, 'NATS_UNAVAILABLE');
    assert.match(error.message, `nats-server pid ${server.pid}`);
    assert.match(error.message, `kill ${process.pid}`);
  }));

test('server: a lock that a dead process left behind does not matter', () =>
  withServer(async ({ server, storeDir }) => {
    await server.stop();
    const gone = { pid: 999_999_999, started: 'long ago' };
    writeFileSync(join(storeDir, 'lock.json'), JSON.stringify({ launcher: gone, server: gone }));
    await (await launchServer({ storeDir, log })).stop();
    writeFileSync(join(storeDir, 'lock.json'), 'not even JSON');
    await (await launchServer({ storeDir, log })).stop();
    assert.not(existsSync(join(storeDir, 'lock.json')));
  }));

test('server: it ends when its launcher is killed with -9, and the store can be taken over at once', () =>
  withServer(async ({ server, storeDir }) => {
    await server.stop();
    const { launcher, serverPid } = await launchElsewhere(storeDir);
    launcher.kill('SIGKILL');
    const again = await launchServer({ storeDir, log });
    assert.not(isRunning(serverPid));
    await again.stop();
  }));

test('server: a Ctrl-C for the terminal group of its launcher does not reach it', () =>
  withServer(async ({ server, storeDir }) => {
    await server.stop();
    const { launcher, serverPid } = await launchElsewhere(storeDir);
    // The launcher ignores SIGINT as a process does that stops gracefully; its whole group gets it.
    process.kill(-launcher.pid!, 'SIGINT');
    launcher.stdin.write('ping\n');
    await once(launcher.stdout, 'data');
    assert.ok(isRunning(serverPid));
    launcher.stdin.end();
    await once(launcher, 'exit');
    await until(() => !isRunning(serverPid), 'the end of the server');
  }));

/** A process of its own (in its own group) that launches a server, prints its pid, and answers lines. */
async function launchElsewhere(storeDir: string) {
  const program = `
    import { launchServer } from ${JSON.stringify(new URL('../../../infra/server/server.ts', import.meta.url).href)};
    import { createLogger } from ${JSON.stringify(new URL('../../../runtime/logger.ts', import.meta.url).href)};
    process.on('SIGINT', () => {});
    const server = await launchServer({ storeDir: ${JSON.stringify(storeDir)}, log: createLogger({ level: 'silent' }) });
    process.stdin.on('data', () => console.log('pong'));
    process.stdin.on('end', () => server.stop());
    console.log(server.pid);`;
  const launcher = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: launcher.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  lines.close();
  launcher.stdout.resume();
  return { launcher, serverPid: Number(line) };
}

test('server: a port that is taken is said so, with the end of the log', () =>
  withServer(async ({ server, storeDir }) => {
    const port = Number(new URL(server.url).port);
    const error = await refusalOf(launchServer({ storeDir: `${storeDir}-2`, port, log }));
    assert.is(error.code, 'NATS_UNAVAILABLE');
    assert.match(error.message, /address already in use/);
  }));

test('server: one that runs already is used and never stopped', () =>
  withServer(async ({ server, storeDir }) => {
    const foreign = await launchServer({ url: server.url, storeDir, log });
    assert.equal([foreign.url, foreign.pid, foreign.source], [server.url, null, 'url']);
    await foreign.stop();
    await (await connectNats({ url: server.url, name: 'test', log })).close();
  }));

test('server: stopping twice is harmless', () =>
  withServer(async ({ server }) => {
    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
  }));

test('server: the streams can be laid out again and changed in place', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    await Promise.all([applyTopology(nc, { replicas: 1 }), applyTopology(nc, { replicas: 1 })]);
  }));

test('server: versions are read and compared by number', async () => {
  assert.is(parseVersion('nats-server: v2.14.0\n'), '2.14.0');
  assert.is(parseVersion('something else'), null);
  assert.equal(
    ['2.14.0', '2.9.22', '2.15.1-beta.1', '3.0.0', '2.14'].map((version) => isAtLeast(version, '2.14.0')),
    [true, false, true, true, true],
  );
  assert.ok(isAtLeast((await findServerBinary()).version, '2.14.0'));
});

test.run();
