/** The spans of a gateway before a real replica: their chain from the sender to the model, and who decides whether there are any. */
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastify from 'fastify';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from '../../../actors/gateway/gateway.ts';
import { endOf } from '../../../actors/gateway/recognise.ts';
import { createRequestTraces } from '../../../actors/gateway/request-traces.ts';
import { ConfigSchema } from '../../../infra/config/config.ts';
import { createBus } from '../../../infra/messaging/bus.ts';
import type { Span } from '../../../infra/telemetry/tracer.ts';
import { lineOf, tracerTo, withCollector, type CollectedSpan } from '../../support/collector.ts';
import { withFolder } from '../../support/folder.ts';
import { faceOf, MODEL, withReplicas } from '../../support/replicas.ts';
import { testLogger } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const SENDER = { trace: '4bf92f3577b34da6a3ce929d0e0e4736', span: '00f067aa0ba902b7' };
const traceparent = (flags: string) => ({ traceparent: `00-${SENDER.trace}-${SENDER.span}-${flags}` });

type Post = (
  path: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers?: Record<string, string>,
) => Promise<Response>;
/** Shares of the requests that are traced without a word of their sender. */
interface Shares {
  /** Null: the gateway has no tracer. */
  readonly gateway: number | null;
  readonly replica: number;
}

/** All spans of requests, when both have ended. */
async function traced({ gateway: share, replica: replicaShare }: Shares, use: (post: Post) => Promise<void>) {
  return withCollector(async (collector) => {
    const own = share === null ? null : await tracerTo(collector, testLogger(), { requestShare: share });
    const tracer = await tracerTo(collector, testLogger(), { requestShare: replicaShare });
    await withFolder((folder) =>
      withReplicas(async (context) => {
        const replica = await context.start('r1', { tracer });
        await context.deploy({ runId: 'n1' });
        const token = randomBytes(32).toString('hex');
        const file = join(folder, 'token');
        await writeFile(file, token, { mode: 0o600 });
        const logins = { door: { token: { file }, role: 'door' } };
        const { nats, gateway: config } = ConfigSchema.parse({ gateway: { port: 0, logins } });
        const { nc, test: server } = context;
        const log = testLogger();
        const bus = await createBus({ nc, source: 'gateway', log, now: () => new Date(), newId: randomUUID });
        const gateway = await startGateway({
          ...{ nc, url: server.url, bus, config, nats, login: {}, log, tracer: own },
        });
        try {
          await use((path, body, headers = {}) =>
            fetch(`${gateway.address()}${path}`, {
              method: 'POST',
              body,
              headers: { ...headers, authorization: `Bearer ${token}` },
            }),
          );
        } finally {
          await gateway.stop();
          await replica.stop();
        }
      }),
    );
    await Promise.all([own?.close(), tracer.close()]);
    return collector.spans.filter(({ name }) => /^(POST|ask|request) /.test(name));
  });
}

const face = async (person: number) => new Uint8Array(await faceOf(person));
const IDENTIFY = `/v1/${MODEL}/identify`;
const POSTED = 'POST /v1/:model/identify';
const linesOf = (spans: readonly CollectedSpan[]) =>
  Object.fromEntries(spans.map((span) => [span.name, lineOf(span, spans)]));

test('gateway traces: from the sender through the gateway to the replica, one chain', async () => {
  const spans = await traced({ gateway: 0, replica: 0 }, async (post) => {
    assert.is((await post(IDENTIFY, await face(1), traceparent('01'))).status, 200);
    // Not its sender's wish; and none at all.
    await post(IDENTIFY, await face(1), traceparent('00'));
    await post(IDENTIFY, await face(1));
  });
  assert.equal(linesOf(spans), {
    [POSTED]: ['?'],
    'ask identify': [POSTED, '?'],
    'request identify': ['ask identify', POSTED, '?'],
  });
  const [posted, asked, request] = [POSTED, 'ask identify', 'request identify'].map((name) =>
    spans.find((span) => span.name === name),
  );
  // The first request of a client may be hedged: both questions to the replica are the same one's.
  assert.is(spans.filter(({ name }) => name !== 'request identify').length, 2);
  for (const span of spans) if (span.name === 'request identify') assert.is(span.parentSpanId, asked!.spanId);
  assert.is(posted!.parentSpanId, SENDER.span);
  assert.equal(new Set(spans.map(({ traceId }) => traceId)), new Set([SENDER.trace]));
  assert.equal([posted!.kind, asked!.kind, request!.kind], [2, 3, 2]);
  const moments = [posted, asked, request].map((span) => span!.startMs);
  const ends = [request, asked, posted].map((span) => span!.endMs);
  assert.equal(
    [...moments, ...ends],
    [...moments, ...ends].toSorted((a, b) => a - b),
  );
  assert.equal(posted!.attributes, {
    'http.request.method': 'POST',
    'http.route': '/v1/:model/identify',
    'http.response.status_code': 200,
    'nightshift.model': MODEL,
  });
});

test('gateway traces: without a word of the sender the gateway decides, also for the replica', async () => {
  const image = await face(1);
  const all = await traced({ gateway: 1, replica: 0 }, async (post) => void (await post(IDENTIFY, image)));
  assert.equal(linesOf(all), {
    [POSTED]: [],
    'ask identify': [POSTED],
    'request identify': ['ask identify', POSTED],
  });
  const none = await traced({ gateway: 0, replica: 1 }, async (post) => {
    await post(IDENTIFY, image);
    await post(IDENTIFY, image, { traceparent: 'not one' });
  });
  assert.equal(none, []);
});

test('gateway traces: a gateway without a tracer hands the trace of the sender on', async () => {
  const image = await face(1);
  const spans = await traced({ gateway: null, replica: 0 }, async (post) => {
    await post(IDENTIFY, image, traceparent('01'));
    assert.is((await post(IDENTIFY, image, { traceparent: 'x'.repeat(300) })).status, 200);
  });
  assert.equal(
    spans.map(({ name, traceId, parentSpanId }) => [name, traceId, parentSpanId]),
    [['request identify', SENDER.trace, SENDER.span]],
  );
});

test('gateway traces: each image of a request of the Open Inference Protocol is a question; a mistake is told', async () => {
  const images = await Promise.all([face(1), face(2)]);
  const infer = (data: readonly string[]) =>
    JSON.stringify({
      inputs: [
        { name: 'image', datatype: 'BYTES', shape: [data.length], parameters: { content_type: 'base64' }, data },
      ],
    });
  const path = `/v2/models/${MODEL}/infer`;
  const spans = await traced({ gateway: 0, replica: 0 }, async (post) => {
    const sent = images.map((image) => Buffer.from(image).toString('base64'));
    assert.is((await post(path, infer(sent), traceparent('01'))).status, 200);
  });
  const posted = 'POST /v2/models/:model/infer';
  const asked = spans.filter(({ name }) => name === 'ask identify');
  assert.equal(
    asked.map((span) => lineOf(span, spans)),
    [
      [posted, '?'],
      [posted, '?'],
    ],
  );
  assert.is(spans.filter(({ name }) => name === 'request identify').length, 2);
  const refused = await traced({ gateway: 0, replica: 0 }, async (post) => {
    assert.is((await post(IDENTIFY, 'no image', traceparent('01'))).status, 400);
  });
  const of = (name: string) => refused.find((span) => span.name === name)!;
  assert.is(of('ask identify').attributes['nightshift.refused'], 'IMAGE_UNREADABLE');
  assert.equal(
    [of(POSTED).attributes['http.response.status_code'], of(POSTED).status.code, of('ask identify').status.code],
    [400, 0, 0],
  );
});

test('gateway traces: a client that has gone is a failure of nobody', async () => {
  const spans: Span[] = [];
  const traces = createRequestTraces({ requestShare: 1, emit: (span) => void spans.push(span), close: async () => {} });
  const app = fastify();
  app.decorateRequest('arrivedAtMs', 0);
  const client = new AbortController();
  app.post('/v1/:model/identify', (request, reply) => {
    const end = endOf(reply);
    return traces.begin(request, reply).around('identify', async () => {
      client.abort();
      await once(end, 'abort');
      throw end.reason;
    });
  });
  const address = await app.listen({ port: 0, host: '127.0.0.1' });
  try {
    const asked = fetch(`${address}/v1/face/identify`, { method: 'POST', signal: client.signal });
    await asked.catch((error: Error) => assert.is(error.name, 'AbortError'));
    await until(() => spans.length === 2, 'both spans have ended');
    for (const { attributes, error } of spans)
      assert.equal([attributes['nightshift.refused'], error], ['CANCELLED', null]);
  } finally {
    await app.close();
  }
});

test.run();
