/** Spans on their way to a collector: what arrives, what a collector that is away costs, and that nothing is loaded without one. */
import { createRequire } from 'node:module';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TracesConfigSchema } from '../../../infra/config/traces.ts';
import { openTracer, type TracerOptions } from '../../../infra/telemetry/open-tracer.ts';
import type { Span } from '../../../infra/telemetry/tracer.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { inRun, spanIdOf, traceIdOf } from '../../../runtime/trace-context.ts';
import { tracerTo, withCollector } from '../../support/collector.ts';
import { failureOf } from '../../support/failures.ts';
import { testLogger } from '../../support/server.ts';
import { until } from '../../support/wait.ts';

const SPAN: Span = {
  name: 'train',
  kind: 'consumer',
  context: inRun('r1', spanIdOf('a')),
  parentId: spanIdOf('b'),
  startMs: 1_790_000_000_000.25,
  endMs: 1_790_000_000_100.5,
  attributes: { text: 'x', whole: 3, broken: 0.5, is: true, none: null, missing: undefined },
  error: 'DISK_FULL',
  links: [inRun('r2', spanIdOf('c'))],
};

const options = (config: object, env: NodeJS.ProcessEnv = {}): TracerOptions => ({
  config: { traces: TracesConfigSchema.parse(config), nats: { namespace: 'nightshift' } },
  ...{ actor: 'trainer', log: testLogger(), env },
});

/** OpenTelemetry's packages are CommonJS, whoever imports them. */
const loaded = () =>
  Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes('@opentelemetry'));

// First: the others load it.
test('traces: nothing of OpenTelemetry is loaded unless somebody wants traces', async () => {
  await import('../../../main.ts');
  assert.is(await openTracer(options({})), null);
  assert.equal(loaded(), []);
  await withCollector(async (collector) => {
    const tracer = await tracerTo(collector, testLogger());
    assert.ok(loaded().length > 0);
    await tracer.close();
  });
});

test('traces: a span arrives as it was made, with what its actor is', () =>
  withCollector(async (collector) => {
    const tracer = await openTracer(options({ endpoint: collector.url }));
    tracer!.emit(SPAN);
    await tracer!.close();
    assert.is(collector.spans.length, 1);
    const { resource, ...span } = collector.spans[0]!;
    assert.equal(span, {
      ...{ traceId: traceIdOf('r1'), spanId: spanIdOf('a'), parentSpanId: spanIdOf('b'), name: 'train', kind: 5 },
      ...{ startMs: 1_790_000_000_000.25, endMs: 1_790_000_000_100.5 },
      attributes: { text: 'x', whole: 3, broken: 0.5, is: true, 'error.type': 'DISK_FULL' },
      links: [{ traceId: traceIdOf('r2'), spanId: spanIdOf('c') }],
      status: { code: 2, message: 'DISK_FULL' },
    });
    assert.is(resource['service.name'], 'nightshift-trainer');
    assert.is(resource['service.namespace'], 'nightshift');
  }));

test('traces: the standard variables name a collector, and the configuration has the last word', () =>
  withCollector((standard) =>
    withCollector(async (configured) => {
      const sendBy = async (config: object, env: NodeJS.ProcessEnv) => {
        const tracer = await openTracer(options(config, env));
        tracer?.emit(SPAN);
        await tracer?.close();
        return [standard.spans.splice(0).length, configured.spans.splice(0).length];
      };
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `${standard.url}/` };
      assert.equal(await sendBy({}, env), [1, 0]);
      assert.equal(await sendBy({}, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${standard.url}/v1/traces` }), [1, 0]);
      assert.equal(await sendBy({ endpoint: configured.url }, env), [0, 1]);
      assert.equal(await sendBy({ endpoint: configured.url }, { OTEL_SDK_DISABLED: 'true' }), [0, 0]);
      assert.equal(await sendBy({}, { ...env, OTEL_TRACES_EXPORTER: 'none' }), [0, 0]);
    }),
  ));

test('traces: headers come from the configuration, secrets from their places', () =>
  withCollector(async (collector) => {
    const headers = { 'x-team': 'doors', authorization: { env: 'COLLECTOR_TOKEN' } };
    const config = { endpoint: collector.url, headers };
    const tracer = await openTracer(options(config, { COLLECTOR_TOKEN: 'Bearer SESAME' }));
    tracer!.emit(SPAN);
    await tracer!.close();
    assert.is(collector.asked[0]!['authorization'], 'Bearer SESAME');
    assert.is(collector.asked[0]!['x-team'], 'doors');
    const { code, message } = await failureOf(openTracer(options(config)));
    assert.is(code, 'CONFIG_INVALID');
    assert.match(message, /traces\.headers\.authorization: the environment variable COLLECTOR_TOKEN is not set/);
    assert.is((await failureOf(openTracer(options({}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'x' })))).code, 'CONFIG_INVALID');
  }));

test('traces: a collector that takes nothing is told of once, and once more when it does again', () =>
  withCollector(async (collector) => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info' }, { write: (line) => void lines.push(line) });
    const told = (pattern: RegExp) => lines.filter((line) => pattern.test(line)).length;
    const tracer = await tracerTo(collector, log);
    collector.answerWith(400);
    for (const round of [1, 2]) {
      tracer.emit(SPAN);
      await until(() => collector.asked.length >= round, 'it was asked');
    }
    await until(() => told(/takes no spans/) > 0, 'it was told');
    collector.answerWith(200);
    tracer.emit(SPAN);
    await until(() => told(/takes spans again/) > 0, 'it was told that it is back');
    await tracer.close();
    assert.is(told(/takes no spans/), 1, lines.join(''));
    assert.is(told(/takes spans again/), 1);
  }));

test('traces: a collector that never answers holds up an end for some seconds and no more', () =>
  withCollector(async (collector) => {
    const tracer = await tracerTo(collector, testLogger());
    collector.answerWith(null);
    // More than there is room for: none of this waits.
    for (let i = 0; i < 10_000; i++) tracer.emit(SPAN);
    const startedAt = performance.now();
    await tracer.close();
    assert.ok(performance.now() - startedAt < 6_000, `${performance.now() - startedAt} ms`);
  }));

test('traces: secrets and headers are not sent where others can read them, and no login stands in an address', async () => {
  const problems = (config: object) => TracesConfigSchema.safeParse(config).error?.issues.map(({ message }) => message);
  const headers = { authorization: { env: 'TOKEN' } };
  assert.is(problems({ endpoint: 'http://collector:4318' }), undefined);
  assert.is(problems({ endpoint: 'https://collector:4318', headers }), undefined);
  assert.is(problems({ endpoint: 'http://127.0.0.1:4318', headers }), undefined);
  assert.is(problems({ endpoint: 'http://collector:4318', headers, insecure: true }), undefined);
  assert.match(problems({ endpoint: 'http://collector:4318', headers })![0]!, /everybody on the way can read/);
  assert.match(problems({ endpoint: 'https://ann:SESAME@collector' })![0]!, /no login in the address/);
  for (const variable of ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']) {
    const env = { TOKEN: 'SESAME', [variable]: 'http://collector:4318' };
    const { code, message } = await failureOf(openTracer(options({ headers }, env)));
    assert.is(code, 'CONFIG_INVALID');
    assert.match(message, new RegExp(`^${variable}: .*everybody on the way can read`));
    const tracer = await openTracer(options({ headers, insecure: true }, env));
    await tracer?.close();
    assert.ok(tracer);
  }
});

test.run();
