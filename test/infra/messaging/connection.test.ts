/** Connections that wait, and refuse what cannot serve them; the log's place. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PipelineError } from '../../../contracts/errors.ts';
import { CTL, STREAMS } from '../../../contracts/subjects.ts';
import { createBus } from '../../../infra/messaging/bus.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { CONSUMERS } from '../../../infra/topology/consumers.ts';
import { findServerBinary } from '../../../infra/server/server-binary.ts';
import { launchServer } from '../../../infra/server/server.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';
import { clientOf } from '../../../infra/messaging/jetstream.ts';

const log = testLogger();

test('connection: it waits for a server that is not there yet', () =>
  withServer(async ({ server, storeDir }) => {
    const { url } = server;
    await server.stop();
    const connecting = connectNats({ url, name: 'test', log });
    const later = await launchServer({ storeDir, port: Number(new URL(url).port), log });
    const nc = await connecting;
    assert.is(nc.isClosed(), false);
    await nc.close();
    await later.stop();
  }));

test('connection: a server without JetStream is refused with what is needed', async () => {
  const { path } = await findServerBinary();
  const server = spawn(path, ['-a', '127.0.0.1', '-p', '-1'], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    let port: string | undefined;
    for await (const line of createInterface({ input: server.stderr })) {
      port ??= /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (line.includes('Server is ready')) break;
    }
    const url = `nats://127.0.0.1:${port}`;
    const error = await connectNats({ url, name: 'test', log }).catch((reason: PipelineError) => reason);
    assert.is((error as PipelineError).code, 'NATS_UNAVAILABLE');
    assert.match((error as PipelineError).message, /without JetStream/);
  } finally {
    server.kill();
    await once(server, 'exit');
  }
});

test('connection: over three kills of the server every message is stored once and handled', () =>
  withServer(async ({ server, connect }) => {
    const nc = await connect();
    let ids = 0;
    const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => `m${++ids}` });
    const handled = new Set<unknown>();
    const consumption = bus.consume({
      stream: STREAMS.ctl,
      consumer: CONSUMERS.ctl,
      concurrency: 4,
      handle: async ({ envelope }) => void handled.add(envelope.data),
    });
    const seen = () => new Set([...handled].map((data) => (data as { n: number }).n));
    for (let n = 0; n < 60; n++) {
      const stored = bus.publish(CTL.pipelineStart, { n });
      if (n % 20 === 10) process.kill(server.pid!, 'SIGKILL');
      await stored;
    }
    await until(() => seen().size === 60, 'all messages', 30_000);
    const consumer = await clientOf(nc).consumers.get(STREAMS.ctl, CONSUMERS.ctl);
    assert.is((await consumer.info()).num_pending, 0);
    await consumption.stop();
  }));

test('listening: one hears what passes, and a message that is no JSON does not end it', () =>
  withServer(async ({ connect }) => {
    const [speaker, hearer] = [await connect(), await connect()];
    const bus = await createBus({ nc: hearer, source: 'test', log, now: () => new Date(), newId: () => 'unused' });
    const heard: unknown[] = [];
    const listening = bus.listen('x.*', ({ subject, envelope }) => heard.push([subject, envelope.data]));
    await hearer.flush();
    speaker.publish('x.1', 'no JSON');
    speaker.publish('x.2', '{"n":2}');
    await until(() => heard.length === 1, 'the second message');
    assert.equal(heard, [['x.2', { n: 2 }]]);
    listening.stop();
  }));

test('logger: lines go to stderr as JSON where it is no terminal, and none to stdout', () => {
  const module = new URL('../../../runtime/logger.ts', import.meta.url).href;
  const code = `import { createLogger } from '${module}'; createLogger({ level: 'info' }).info({ a: 1 }, 'hello');`;
  // The shell swaps the streams: what arrives here is the program's stderr, and its stdout is lost to stderr.
  const swapped = `"${process.execPath}" --import tsx --input-type=module -e "$0" 3>&1 1>&2 2>&3`;
  const stderr = execFileSync('/bin/sh', ['-c', swapped, code], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const line = JSON.parse(stderr) as { msg: string; a: number };
  assert.equal([line.msg, line.a], ['hello', 1]);
});

test.run();
