/** The stream to Stately's inspector over real WebSockets: what a client hears of a run, what is kept from it, who may listen. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { startInspector, type RunInspector } from '../../../actors/orchestrator/inspector.ts';
import { startOrchestrator } from '../../../actors/orchestrator/orchestrator.ts';
import { CTL, pipelineEventSubject } from '../../../contracts/subjects.ts';
import { failureOf } from '../../support/failures.ts';
import { quickPipeline, withSaga } from '../../support/saga.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

interface Told {
  readonly type: string;
  readonly sessionId: string;
  readonly event?: { readonly type: string };
  readonly definition?: string;
  readonly snapshot?: {
    readonly status: string;
    readonly value: unknown;
    readonly context: Readonly<Record<string, unknown>>;
  };
}

async function withInspector(use: (inspector: RunInspector) => Promise<void>): Promise<void> {
  const inspector = await startInspector({ port: 0, log: testLogger() });
  try {
    await use(inspector);
  } finally {
    await inspector.close();
  }
}

/** All that it hears; resolves when it is connected. */
async function listenTo({ url }: RunInspector): Promise<{ told: Told[]; text: () => string }> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const texts: string[] = [];
  const told: Told[] = [];
  socket.on('message', (data: Buffer) => {
    texts.push(data.toString());
    told.push(JSON.parse(data.toString()) as Told); // As the protocol of the package has it.
  });
  await once(socket, 'open');
  return { told, text: () => texts.join('\n') };
}

test('inspector: a client sees a run as an actor with its chart, its events and its snapshots, and no data', () =>
  withInspector((inspector) =>
    withServer((server) =>
      withSaga(server, { orchestrators: 0, pipeline: quickPipeline() }, async (saga) => {
        const client = await listenTo(inspector);
        const orchestrator = startOrchestrator({ ...saga.orchestrator, witnesses: [inspector] });
        await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'n1' });
        await saga.event(pipelineEventSubject('completed', 'n1'));
        const last = await until(
          () => client.told.find(({ snapshot }) => snapshot?.status === 'done') ?? null,
          'the last snapshot',
        );
        await orchestrator.stop();
        const [actor] = client.told;
        assert.equal([actor!.type, actor!.sessionId], ['@xstate.actor', 'n1']);
        const { id, states } = JSON.parse(actor!.definition!) as { id: string; states: object };
        assert.is(id, 'pipeline');
        assert.ok('training' in states && 'deploying' in states);
        const values = client.told.flatMap(({ snapshot }) => (snapshot ? [JSON.stringify(snapshot.value)] : []));
        assert.ok(values.some((value) => value.includes('training')));
        assert.ok(values.includes('{"deploying":"committing"}'), values.join());
        assert.is(last.snapshot!.value, 'completed');
        const events = client.told.filter(({ type }) => type === '@xstate.event').map(({ event }) => event);
        assert.ok(events.some((event) => event?.type === 'train.completed'));
        assert.equal([...new Set(events.flatMap((event) => Object.keys(event ?? {})))], ['type']);
        const shown = [...new Set(client.told.flatMap(({ snapshot }) => Object.keys(snapshot?.context ?? {})))];
        assert.equal(shown.sort(), ['approved', 'attempt', 'failure', 'kind', 'model', 'paused', 'stage']);
        assert.not.match(client.text(), /sha256:|DATASETS|sources/);
        const late = await listenTo(inspector);
        await until(() => late.told.length === client.told.length, 'one that comes later hears the same');
      }),
    ),
  ));

test('inspector: pages of other origins and other names hear nothing', () =>
  withInspector(async (inspector) => {
    const address = inspector.url.replace('http', 'ws');
    const refused = async (options: object) => {
      const socket = new WebSocket(address, options);
      const [error] = (await once(socket, 'error')) as [Error];
      return error.message;
    };
    assert.match(await refused({ origin: 'https://evil.example' }), /403/);
    assert.match(await refused({ headers: { host: 'evil.example' } }), /403/);
    const page = await fetch(inspector.url);
    assert.match(page.headers.get('content-security-policy')!, /default-src 'none'; frame-src https:\/\/stately\.ai;/);
    assert.match(await page.text(), /<iframe src="https:\/\/stately\.ai\/inspect"/);
    assert.is((await fetch(`${inspector.url}other`)).status, 404);
    assert.match(inspector.url, /^http:\/\/127\.0\.0\.1:/);
  }));

const HANG_UPS = 50;

test('inspector: one that is refused and hangs up at once does not end the orchestrator', () =>
  withInspector(async ({ url }) => {
    const { port, host } = new URL(url);
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const upgrade = `GET / HTTP/1.1\r\nHost: ${host}\r\nOrigin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`;
    for (let i = 0; i < HANG_UPS; i++) {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
      await once(socket, 'connect');
      socket.write(upgrade, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    assert.is((await fetch(url)).status, 200);
  }));

test('inspector: a client that sends much is let go, and others hear on', () =>
  withInspector(async (inspector) => {
    const other = new WebSocket(inspector.url.replace('http', 'ws'));
    await once(other, 'open');
    const socket = new WebSocket(inspector.url.replace('http', 'ws'));
    await once(socket, 'open');
    socket.on('error', () => {}).send(Buffer.alloc(64 * 1024));
    const [code] = (await once(socket, 'close')) as [number];
    assert.is(code, 1009);
    assert.is(other.readyState, WebSocket.OPEN);
    other.terminate();
  }));

test('inspector: a port that is taken is told in words', () =>
  withInspector(async ({ url }) => {
    const { code, message } = await failureOf(startInspector({ port: Number(new URL(url).port), log: testLogger() }));
    assert.is(code, 'CONFIG_INVALID');
    assert.match(message, /--inspect: port \d+ cannot be used/);
  }));

test.run();
