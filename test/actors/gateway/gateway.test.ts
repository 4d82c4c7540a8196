/** A night with a gateway beside it: all that HTTP tells of it, and who may do what there. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { METRICS, type MetricName } from '../../../actors/gateway/metrics/definitions.ts';
import { RunsPageSchema } from '../../../actors/gateway/api-table.ts';
import { OutcomeSchema } from '../../../contracts/commands.ts';
import { IdentifyReplySchema, VerifyReplySchema } from '../../../contracts/inference.ts';
import { writeTinyPeople } from '../../support/folder.ts';
import { connectAs } from '../../support/identities.ts';
import { withGateway, type Served } from '../../support/gateway.ts';
import { runNight } from '../../support/nights.ts';
import { faceOf, MODEL } from '../../support/replicas.ts';
import { until } from '../../support/wait.ts';

/** Metrics that a single quiet night with one replica gives no value. */
const WITHOUT_VALUE: readonly MetricName[] = [
  'nightshift_run_state',
  'nightshift_run_state_since_timestamp_seconds',
  'nightshift_slots_total',
  'nightshift_schedule_next_timestamp_seconds',
  'nightshift_schedule_paused',
  'nightshift_swap_skew_seconds',
  'nightshift_certificate_expiry_timestamp_seconds',
  // Notes are written by processes of their own: test/e2e/gateway.test.ts.
  'nightshift_process_resident_memory_bytes',
  'nightshift_process_event_loop_delay_seconds',
  'nightshift_process_ready',
];

interface Scraped {
  readonly type: string;
  readonly help: string;
  readonly samples: ReadonlyMap<string, number>;
}

/** The text format of Prometheus, 0.0.4: each line must be one of its three forms. */
function scraped(text: string): ReadonlyMap<string, Scraped> {
  const found = new Map<string, { type: string; help: string; samples: Map<string, number> }>();
  let current = { type: '', help: '', samples: new Map<string, number>() };
  for (const line of text.split('\n').filter((it) => it !== '')) {
    const head = /^# (HELP|TYPE) (\w+) (.+)$/.exec(line);
    const sample = /^(\w+)(\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? (-?[\d.e+-]+|\+Inf|NaN)$/.exec(line);
    assert.ok(head ?? sample, `no line of the format: ${line}`);
    if (head) {
      const [, what, name, rest] = head;
      if (what === 'HELP') found.set(name!, (current = { type: '', help: rest!, samples: new Map() }));
      else current.type = rest!;
    } else current.samples.set(`${sample![1]}${sample![2] ?? ''}`, Number(sample![3]));
  }
  return found;
}

const sumOf = (metric: Scraped | undefined) => [...(metric?.samples.values() ?? [])].reduce((sum, it) => sum + it, 0);

const post = async (
  served: Served,
  path: string,
  as?: 'door' | 'operator',
  body: string | Uint8Array<ArrayBuffer> = '{}',
  type = 'application/json',
) => served.fetch(path, { method: 'POST', body, headers: { 'content-type': type }, ...(as ? { as } : {}) });

test('gateway: a night is started, seen and rolled back by HTTP alone', () =>
  withGateway(async (served) => {
    assert.is((await served.fetch('/healthz')).status, 200);
    assert.equal(await (await served.fetch('/readyz')).json(), { ready: true });
    const visitor = await connectAs('operator', served);
    try {
      const face = new Uint8Array(await faceOf(0));
      const early = await post(served, `/v1/${MODEL}/identify`, 'door', face, 'image/png');
      assert.is(early.status, 503);
      assert.ok(Number(early.headers.get('retry-after')) >= 1);
      await nightByHttp(served);
      await writeTinyPeople(join(served.folder, 'people'), 7, 5);
      assert.is((await runNight(visitor.bus, 'n2')).fact, 'completed');
      await identified(served, face);
      await rolledBack(served);
      await metrics(served);
      await reads(served);
    } finally {
      await visitor.close();
    }
  }));

async function nightByHttp(served: Served): Promise<void> {
  const started = await post(
    served,
    '/api/v1/commands/pipeline/start',
    'operator',
    JSON.stringify({ model: MODEL, runId: 'n1' }),
  );
  assert.is(started.status, 200);
  assert.is(OutcomeSchema.parse(await started.json()).accepted, true);
  const stateOf = async () => ((await (await served.fetch('/api/v1/runs/n1')).json()) as { state: string }).state;
  await until(async () => (await stateOf()) === 'completed', 'the end of the night');
}

async function identified(served: Served, face: Uint8Array<ArrayBuffer>): Promise<void> {
  const raw = await post(served, `/v1/${MODEL}/identify`, 'door', face, 'image/png');
  assert.is(raw.status, 200);
  const reply = IdentifyReplySchema.parse(await raw.json());
  assert.is(reply.release, 2);
  // As `curl -F image=@face.png` sends it; the boundary stands in the type that fetch makes.
  const form = new FormData();
  form.set('image', new Blob([face]), 'face.png');
  form.set('person', 'p0');
  const sent = await served.fetch(`/v1/${MODEL}/verify`, { method: 'POST', body: form, as: 'door' });
  assert.is(VerifyReplySchema.parse(await sent.json()).person, 'p0');
  const demanding = { 'content-type': 'image/png', 'nightshift-min-release': '99', 'nightshift-deadline-ms': '1500' };
  const fenced = await served.fetch(`/v1/${MODEL}/identify`, {
    method: 'POST',
    body: face,
    as: 'door',
    headers: demanding,
  });
  assert.is(fenced.status, 412);
  assert.is(fenced.headers.get('content-type')?.split(';')[0], 'application/problem+json');
  const broken = await post(served, `/v1/${MODEL}/identify`, 'door', 'no image', 'image/png');
  assert.equal([broken.status, ((await broken.json()) as { title: string }).title], [400, 'IMAGE_UNREADABLE']);
}

async function rolledBack(served: Served): Promise<void> {
  const order = await post(
    served,
    '/api/v1/commands/model/rollback',
    'operator',
    JSON.stringify({ model: MODEL, runId: 'back' }),
  );
  assert.is(order.status, 200);
  await until(
    async () => (await (await served.fetch('/api/v1/runs/back')).text()).includes('"status":"done"'),
    'the end of the rollback',
  );
  const refused = await post(served, '/api/v1/commands/pipeline/cancel', 'operator', JSON.stringify({ runId: 'n1' }));
  assert.equal([refused.status, ((await refused.json()) as { title: string }).title], [409, 'RUN_ENDED']);
}

async function metrics(served: Served): Promise<void> {
  const known = Object.entries(METRICS) as [MetricName, (typeof METRICS)[MetricName]][];
  const decided = 'nightshift_decisions_total{model="face",decision="known"}';
  const text = await until(async () => {
    const all = await (await served.fetch('/metrics')).text();
    const now = scraped(all);
    const count = now.get('nightshift_decisions_total')?.samples.get(decided) ?? 0;
    return count > 0 && sumOf(now.get('nightshift_runs_total')) >= 3 ? all : null;
  }, 'the decision in a heartbeat, and the events of three ends');
  const found = scraped(text);
  assert.equal([...found.keys()].sort(), Object.keys(METRICS).sort());
  for (const [name, { type, help }] of known) {
    assert.equal([found.get(name)!.type, found.get(name)!.help], [type, help], name);
    if (!WITHOUT_VALUE.includes(name)) assert.ok(found.get(name)!.samples.size > 0, `${name} has no value`);
  }
  const value = (sample: string) => found.get(sample.split('{')[0]!)!.samples.get(sample);
  assert.is(sumOf(found.get('nightshift_runs_total')), 3);
  assert.is(value('nightshift_release{model="face"}'), 3);
  assert.is(value('nightshift_replicas{model="face",release="3"}'), 1);
  assert.is(
    found
      .get('nightshift_rollback_duration_seconds')!
      .samples.get('nightshift_rollback_duration_seconds_count{model="face"}'),
    1,
  );
  assert.is(value('nightshift_refusals_total{code="RUN_ENDED"}'), 1);
  const stages = [...found.get('nightshift_stage_duration_seconds')!.samples.keys()].filter((it) =>
    it.includes('_count'),
  );
  for (const stage of ['collect', 'train', 'verify', 'deploy'])
    assert.ok(
      stages.some((it) => it.includes(`stage="${stage}",outcome="completed"`)),
      stage,
    );
}

async function reads(served: Served): Promise<void> {
  const page = RunsPageSchema.parse(await (await served.fetch('/api/v1/runs?limit=2')).json());
  assert.is(page.runs.length, 2);
  const rest = RunsPageSchema.parse(await (await served.fetch(`/api/v1/runs?limit=2&cursor=${page.next}`)).json());
  assert.equal(
    [...page.runs, ...rest.runs].map(({ runId }) => runId),
    ['back', 'n2', 'n1'],
  );
  assert.is(rest.next, null);
  const described = (await (await served.fetch('/openapi.json')).json()) as { paths: Record<string, { get?: object }> };
  for (const [path, { get }] of Object.entries(described.paths)) {
    if (!get || path.includes('{') || path.endsWith('/events')) continue;
    assert.is((await served.fetch(path)).status, 200, path);
  }
  assert.is((await served.fetch('/api/v1/dead-letters/7')).status, 404);
  assert.is((await served.fetch('/api/v1/runs?limit=x')).status, 400);
}

test('gateway: without a login one may look and not act, a wrong token is refused, and a role acts as itself alone', () =>
  withGateway(async (served) => {
    const start = '/api/v1/commands/pipeline/start';
    assert.is((await served.fetch('/api/v1/status')).status, 200);
    const anonymous = await post(served, start);
    assert.is(anonymous.status, 401);
    assert.match(anonymous.headers.get('www-authenticate')!, /^Bearer/);
    assert.match(((await anonymous.json()) as { detail: string }).detail, /one may only look/);
    const wrong = await served.fetch('/api/v1/status', {
      headers: { authorization: 'Bearer not-the-token-of-anybody' },
    });
    assert.is(wrong.status, 401);
    assert.is((await post(served, start, 'door')).status, 403);
    assert.is((await post(served, `/v1/${MODEL}/embed`, 'door', new Uint8Array(9), 'image/png')).status, 403);
    assert.is((await post(served, start, 'operator', '{"model":"face"}', 'text/plain')).status, 400);
    // The name that a page of somebody else's would come by.
    assert.is(await statusAt(served.base, '/api/v1/status', 'evil.example'), 403);
    assert.is(await statusAt(served.base, '/api/v1/status', 'localhost'), 200);
    const { headers } = await served.fetch('/api/v1/status');
    assert.equal(
      ['x-content-type-options', 'cache-control', 'content-security-policy'].map((name) => headers.get(name)),
      ['nosniff', 'no-store', "default-src 'none'; frame-ancestors 'none'"],
    );
  }));

/** With another name of the host, which `fetch` does not allow. */
async function statusAt(base: string, path: string, host: string): Promise<number> {
  const asked = get(`${base}${path}`, { headers: { host: `${host}:${new URL(base).port}` } });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode!;
}

test.run();
