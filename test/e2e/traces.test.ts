/**
 * Traces of whole nights: one trace for each, also past a kill of the orchestrator; and a collector that fails in every way,
 * which no night and no request notices.
 */
import { headers } from '@nats-io/nats-core';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CTL, inferSubject, pipelineEventSubject } from '../../contracts/subjects.ts';
import { CONFIG_FILE, ConfigSchema } from '../../infra/config/config.ts';
import { question } from '../../infra/messaging/wire.ts';
import { startSystem } from '../../main.ts';
import { createLogger } from '../../runtime/logger.ts';
import { deploySpanId, runSpanId, stageSpanId, traceIdOf } from '../../runtime/trace-context.ts';
import type { Client } from '../../cli/client.ts';
import { withCli } from '../support/cli.ts';
import { lineOf, withCollector, type CollectedSpan } from '../support/collector.ts';
import { withFolder } from '../support/folder.ts';
import { connectVisitor } from '../support/identities.ts';
import { runNight, whileAsking } from '../support/nights.ts';
import { faceOf, MODEL } from '../support/replicas.ts';
import { quickPipeline, withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { tinyNightIn } from '../support/tiny-night.ts';
import { createGate, until } from '../support/wait.ts';

/** A whole system in this process, and a visitor; it has ended, and sent what it had, when this resolves. */
async function withSystem(traces: object, use: (client: Client) => Promise<void>) {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>); // As pino writes it.
  let stopMs = 0;
  await withFolder(async (folder) => {
    const storeDir = join(folder, 'store');
    const config = ConfigSchema.parse({
      ...{ nats: { storeDir, port: 0 }, collector: { cacheDir: join(folder, 'cache') }, traces },
      models: { [MODEL]: await tinyNightIn(folder) },
    });
    const system = await startSystem(config, createLogger({ level: 'info' }, { write }));
    try {
      const client = await connectVisitor({ url: system.server.url, storeDir });
      try {
        await use(client);
      } finally {
        await client.close();
      }
    } finally {
      const startedAt = performance.now();
      await system.stop();
      stopMs = performance.now() - startedAt;
    }
  });
  return { lines, stopMs };
}

const withoutRun = ({ name, resource }: CollectedSpan) => `${String(resource['service.name'])} ${name}`;

test('traces: a night is one trace from its trigger to the first request of its release', () =>
  withCollector(async (collector) => {
    const { lines } = await withSystem({ endpoint: collector.url, requestShare: 0 }, async ({ bus, nc }) => {
      assert.is((await runNight(bus, 'n1')).state, 'completed');
      const meta = headers();
      meta.set('traceparent', `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`);
      const body = await faceOf(1);
      await question(nc, inferSubject(MODEL, 'identify'), body, { timeout: 15_000, headers: meta });
    });
    const spans = collector.spans.filter(({ traceId }) => traceId === traceIdOf('n1'));
    assert.is(new Set(spans.map(({ spanId }) => spanId)).size, spans.length, 'every span has an id of its own');
    assert.equal(
      spans.filter((span) => lineOf(span, spans).includes('?')).map(({ name }) => name),
      [],
      'every parent is there',
    );
    const ways = new Map(spans.map((span) => [withoutRun(span), lineOf(span, spans)]));
    const line = (actor: string, name: string) => ways.get(`nightshift-${actor} ${name}`);
    for (const [stage, worker] of [
      ['collect', 'collector'],
      ['train', 'trainer'],
      ['verify', 'verifier'],
    ] as const) {
      const [command, fact] = [`nightshift.cmd.${stage}.start`, `nightshift.evt.${stage}.completed`];
      assert.equal(line('orchestrator', stage), ['night']);
      assert.equal(line('orchestrator', `send ${command}`), [stage, 'night']);
      assert.equal(line(worker, `process ${command}`), [`send ${command}`, stage, 'night']);
      const way = [`process ${command}`, `send ${command}`, stage, 'night'];
      assert.equal(line(worker, `send ${fact}`), way);
      assert.equal(line('orchestrator', `process ${fact}`), [`send ${fact}`, ...way]);
    }
    assert.equal(line('orchestrator', 'trigger'), ['night']);
    assert.equal(line('orchestrator', 'deploy'), ['night']);
    assert.equal(line('orchestrator', 'deploy committing'), ['deploy', 'night']);
    assert.equal(line('orchestrator', 'send nightshift.evt.model.deployed'), ['deploy', 'night']);
    assert.equal(line('inference', 'prepare'), ['deploy', 'night']);
    assert.equal(line('inference', 'switch'), ['deploy', 'night']);
    assert.equal(line('inference', 'first request'), ['switch', 'deploy', 'night']);
    const ids = new Map(spans.map(({ name, spanId }) => [name, spanId]));
    assert.is(ids.get('night'), runSpanId('n1'));
    assert.is(ids.get('train'), stageSpanId('n1', 'train', 1));
    assert.is(ids.get('deploy'), deploySpanId('n1'));
    const asked = collector.spans.filter(({ traceId }) => traceId === 'a'.repeat(32)).map(({ name }) => name);
    assert.equal(asked.sort(), ['batch', 'decode', 'queue', 'request identify', 'run']);
    const ofRun = lines.filter(({ runId }) => runId === 'n1');
    assert.ok(ofRun.length > 5);
    assert.equal([...new Set(ofRun.map((it) => it['trace_id']))], [traceIdOf('n1')]);
  }));

test('traces: a kill of the orchestrator within a stage leaves one trace, whose stages have their times', () =>
  withCollector((collector) =>
    withFolder(async (cwd) => {
      const [begun, released] = [createGate(), createGate()];
      const pipeline = quickPipeline();
      const train = async () => {
        begun.open();
        await released.opened;
        throw new Error('no disk');
      };
      await withServer((server) =>
        withSaga(server, { orchestrators: 0, pipeline, works: { train } }, async (saga) => {
          const config = { models: { face: pipeline }, traces: { endpoint: collector.url } };
          await writeFile(join(cwd, CONFIG_FILE), JSON.stringify(config));
          const options = { cwd, env: { NATS_URL: server.url, NIGHTSHIFT_LOG_LEVEL: 'warn' } };
          let killedAt = 0;
          await withCli(['actor', 'orchestrator'], options, async (cli) => {
            await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'n1' });
            await begun.opened;
            await until(() => collector.spans.some(({ name }) => name === 'collect'), 'the span of collect');
            killedAt = Date.now();
            cli.kill('SIGKILL');
            await cli.exited;
          });
          await withCli(['actor', 'orchestrator'], options, async (cli) => {
            await cli.printed(/orchestrator works/);
            released.open();
            await saga.event(pipelineEventSubject('failed', 'n1'));
            await until(() => collector.spans.some(({ name }) => name === 'night'), 'the span of the night');
            // What is left goes out with it.
            cli.kill('SIGTERM');
            await cli.exited;
          });
          const spans = collector.spans.filter(({ traceId }) => traceId === traceIdOf('n1'));
          const names = new Map<string, string>();
          for (const { spanId, name } of spans) assert.is(names.get(spanId) ?? name, name, 'an id is of one span');
          for (const { spanId, name } of spans) names.set(spanId, name);
          const stages = ['collect', 'train', 'night'].map((name) => spans.filter((span) => span.name === name));
          const [collect, trains, nights] = stages.map((all) => new Map(all.map((span) => [span.spanId, span])));
          assert.equal([collect!.size, trains!.size, nights!.size], [1, 3, 1]);
          const first = trains!.get(stageSpanId('n1', 'train', 1))!;
          assert.ok(first.startMs < killedAt && first.endMs > killedAt, 'it began before the kill and ended after it');
          assert.is(first.attributes['error.type'], 'train.failed');
          assert.is([...nights!.values()][0]!.attributes['error.type'], 'INTERNAL');
        }),
      );
    }),
  ));

test('traces: a collector that answers 500, and then nothing at all, costs no night and no request', () =>
  withCollector(async (collector) => {
    const { lines, stopMs } = await withSystem({ endpoint: collector.url, requestShare: 1 }, async ({ bus, nc }) => {
      collector.answerWith(500);
      assert.is((await runNight(bus, 'n1')).state, 'completed');
      const faces = await Promise.all([0, 1, 2].map(faceOf));
      const asked = await whileAsking(nc, faces, async () => {
        const night = runNight(bus, 'n2', true);
        await until(() => collector.asked.length > 10, 'it was asked now and then');
        collector.answerWith(null);
        assert.is((await night).state, 'completed');
      });
      assert.equal(asked.failures, []);
      assert.ok(asked.answers > 0);
    });
    assert.is(collector.spans.length, 0);
    const told = lines.filter(({ msg }) => String(msg).includes('takes no spans')).map(({ actor }) => String(actor));
    assert.ok(told.includes('orchestrator') && told.includes('inference'), told.join());
    assert.is(new Set(told).size, told.length, 'each actor says it once');
    assert.ok(stopMs < 8_000, `${stopMs} ms`);
  }));

test.run();
