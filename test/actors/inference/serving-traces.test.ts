/** The spans of a replica over a real server: of requests by share and by their senders' word, and of a first request. */
import { headers } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient } from '../../../client/client.ts';
import { inferSubject } from '../../../contracts/subjects.ts';
import { question } from '../../../infra/messaging/wire.ts';
import { traceIdOf } from '../../../runtime/trace-context.ts';
import { lineOf, tracerTo, withCollector, type CollectedSpan, type Collector } from '../../support/collector.ts';
import { ask, faceOf, MODEL, withReplicas, type ReplicaTest } from '../../support/replicas.ts';
import { testLogger } from '../../support/server.ts';

const SENDER = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
const traceparent = (flags: string) => `00-${SENDER.trace}-${SENDER.span}-${flags}`;

/** A replica with a tracer, and a release in service; all that it has sent is collected when `use` has ended. */
const traced = (config: object, use: (context: ReplicaTest) => Promise<void>) =>
  collected(config, use).then(({ spans }) => spans);

async function collected(config: object, use: (context: ReplicaTest) => Promise<void>): Promise<Collector> {
  return withCollector(async (collector) => {
    const tracer = await tracerTo(collector, testLogger(), config);
    await withReplicas(async (context) => {
      const replica = await context.start('r1', { tracer });
      await context.deploy({ runId: 'n1' });
      await use(context);
      await replica.stop();
    });
    await tracer.close();
    return collector;
  });
}

async function askTraced({ nc }: ReplicaTest, context: string, image?: Uint8Array): Promise<void> {
  const meta = headers();
  meta.set('traceparent', context);
  const body = image ?? (await faceOf(1));
  await question(nc, inferSubject(MODEL, 'identify'), body, { timeout: 10_000, headers: meta });
}

const requests = (spans: readonly CollectedSpan[]) => spans.filter(({ name }) => name.startsWith('request '));

test('request traces: request, decode, queue, batch and run, in their order', async () => {
  const spans = await traced({ requestShare: 1 }, async ({ nc }) => void (await ask(nc, 'identify', await faceOf(1))));
  const [request, ...others] = requests(spans);
  assert.is(others.length, 0);
  assert.is(request!.attributes['nightshift.release'], 1);
  assert.is(request!.kind, 2);
  const parts = spans.filter(({ traceId, name }) => traceId === request!.traceId && !name.startsWith('request '));
  assert.equal(
    parts.map((span) => [span.name, ...lineOf(span, spans)]),
    [
      ['decode', 'request identify'],
      ['queue', 'request identify'],
      ['batch', 'request identify'],
      ['run', 'batch', 'request identify'],
    ],
  );
  const [decode, queue, batch, run] = parts;
  const moments = [request!.startMs, decode!.endMs, queue!.endMs, run!.startMs, run!.endMs, request!.endMs];
  assert.equal(
    moments,
    moments.toSorted((a, b) => a - b),
  );
  assert.is(batch!.attributes['nightshift.batch.images'], 1);
});

test('request traces: its sender decides, whatever the share', async () => {
  const spans = await traced({ requestShare: 0 }, async (context) => {
    await askTraced(context, traceparent('01'));
    await askTraced(context, traceparent('00'));
    await ask(context.nc, 'identify', await faceOf(1));
  });
  const [request, ...others] = requests(spans);
  assert.is(others.length, 0);
  assert.equal([request!.traceId, request!.parentSpanId], [SENDER.trace, SENDER.span]);
  const refused = await traced({ requestShare: 1 }, (context) => askTraced(context, traceparent('00')));
  assert.is(requests(refused).length, 0);
});

test('request traces: the client hands on the trace of its caller', async () => {
  const spans = await traced({ requestShare: 0 }, async ({ nc }) => {
    const client = createClient(nc, { model: MODEL });
    await client.identify(await faceOf(1), { traceparent: traceparent('01') });
    await client.identify(await faceOf(1));
  });
  assert.equal(
    requests(spans).map(({ traceId, parentSpanId }) => [traceId, parentSpanId]),
    [[SENDER.trace, SENDER.span]],
  );
});

test('request traces: a mistake of the client is told and is no error of ours', async () => {
  const spans = await traced({ requestShare: 0 }, (context) =>
    askTraced(context, traceparent('01'), Buffer.from('no image')),
  );
  const [request] = requests(spans);
  assert.is(request!.attributes['nightshift.refused'], 'IMAGE_UNREADABLE');
  assert.is(request!.status.code, 0);
});

test('run traces: a replica prepares, switches, and answers a first request of each release, once', async () => {
  const spans = await traced({ requestShare: 0 }, async (context) => {
    for (const runId of ['n1', 'n2']) {
      if (runId === 'n2') await context.deploy({ runId });
      for (let i = 0; i < 3; i++) await ask(context.nc, 'identify', await faceOf(1));
    }
  });
  for (const [runId, release] of [
    ['n1', 1],
    ['n2', 2],
  ] as const) {
    const ofRun = spans.filter(({ traceId }) => traceId === traceIdOf(runId));
    const named = (name: string) => ofRun.filter((span) => span.name === name);
    assert.equal([named('prepare').length, named('switch').length, named('first request').length], [1, 1, 1], runId);
    const [first] = named('first request');
    assert.is(first!.attributes['nightshift.release'], release);
    // The span of the deployment is the orchestrator's, who is not here.
    assert.equal(lineOf(first!, spans), ['switch', '?']);
    assert.equal(
      ofRun.filter(({ name }) => name.startsWith('send ')).map((span) => [span.name, lineOf(span, spans)[0]]),
      [
        ['send nightshift.evt.replica.prepared', 'prepare'],
        ['send nightshift.evt.replica.switched', 'switch'],
      ],
    );
  }
});

test.run();
