/**
 * The cost of traces: three replicas over one nats-server get the same load by turns, one without traces, one that traces the
 * default share of its requests, one that traces all. A collector in this process takes the spans. Called by bench/run.ts.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Table from 'cli-table3';
import { TracesConfigSchema } from '../../infra/config/traces.ts';
import type { OpenFigures } from '../serving/load.ts';
import { openRig, type Rig, type RigOptions } from '../serving/rig.ts';
import { withGround } from '../support/ground.ts';
import { describeMachine, watchMachine, type MachineUse } from '../support/machine.ts';

export interface TracesBenchOptions extends RigOptions {
  readonly perSecond: number;
  /** In all, of each way and measurement. */
  readonly seconds: number;
  readonly json: boolean;
}

const WAYS = ['off', 'share', 'all'] as const;
type Way = (typeof WAYS)[number];
/** What an operator gets who sets an endpoint and nothing else. */
const SHARE = TracesConfigSchema.parse({}).requestShare;
const SHARES: Readonly<Record<Way, number | null>> = { off: null, share: SHARE, all: 1 };

interface Figures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** As many as there can be. */
  readonly perSecond: number;
  readonly failed: number;
}
export interface TracesBenchResult {
  /** With over without; throughput likewise, so that less than 1 is slower there. */
  readonly ratio: Readonly<
    Record<Exclude<Way, 'off'>, { readonly p50: number; readonly p99: number; readonly throughput: number }>
  >;
  readonly ways: Readonly<Record<Way, Figures>>;
  readonly share: number;
  readonly perSecond: number;
  /** Taken by the collector. */
  readonly spans: number;
  readonly machine: MachineUse | null;
}

/** Odd, so that there is a middle one. */
const ROUNDS = 5;
const WARM_UP_S = 2;
const IN_FLIGHT = 48;
const REQUEST = { verb: 'identify', input: 'pixels' } as const;

export async function runTracesBench(options: TracesBenchOptions): Promise<void> {
  const result = await withCollector((endpoint, count) =>
    withGround(async (ground) => {
      const rigOf = (way: Way) => {
        const requestShare = SHARES[way];
        const traces = requestShare === null ? undefined : { endpoint, requestShare };
        return openRig(ground, options, { name: `bench-${way}`, traces });
      };
      const rigs = { off: await rigOf('off'), share: await rigOf('share'), all: await rigOf('all') };
      return measure(rigs, options, count);
    }),
  );
  process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${textOf(result)}\n`);
}

/** Takes everything and looks at nothing but the number of spans. */
async function withCollector<T>(use: (endpoint: string, count: () => number) => Promise<T>): Promise<T> {
  let spans = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      spans += Buffer.concat(chunks).toString().split('"spanId"').length - 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo; // It listens on a port.
    return await use(`http://127.0.0.1:${port}`, () => spans);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

type Rigs = Readonly<Record<Way, Rig>>;

async function measure(
  rigs: Rigs,
  { perSecond, seconds }: TracesBenchOptions,
  spans: () => number,
): Promise<TracesBenchResult> {
  for (const way of WAYS) await open(rigs[way], perSecond, WARM_UP_S);
  const watch = watchMachine();
  const loads: Record<Way, OpenFigures[]> = { off: [], share: [], all: [] };
  const saturated: Record<Way, number[]> = { off: [], share: [], all: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of WAYS) {
      loads[way].push(await open(rigs[way], perSecond, seconds / ROUNDS));
      saturated[way].push(await saturate(rigs[way], seconds / ROUNDS));
    }
  }
  const ways = {
    off: middle(loads.off, saturated.off),
    share: middle(loads.share, saturated.share),
    all: middle(loads.all, saturated.all),
  };
  const ratio = { share: over(ways.share, ways.off), all: over(ways.all, ways.off) };
  return { ratio, ways, share: SHARE, perSecond, spans: spans(), machine: watch() };
}

async function open(rig: Rig, perSecond: number, seconds: number): Promise<OpenFigures> {
  const answer = await rig.load({ target: 'replica', ...REQUEST, seconds, load: { perSecond } });
  if (answer.type === 'open') return answer.figures;
  throw new Error(`bench: an open load was answered by "${answer.type}"`);
}

async function saturate(rig: Rig, seconds: number): Promise<number> {
  const answer = await rig.load({ target: 'replica', ...REQUEST, seconds, load: { inFlight: IN_FLIGHT } });
  return answer.type === 'closed' ? answer.perSecond : 0;
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

const middle = (loads: readonly OpenFigures[], saturated: readonly number[]): Figures => ({
  p50Ms: median(loads.map(({ p50Ms }) => p50Ms)),
  p99Ms: median(loads.map(({ p99Ms }) => p99Ms)),
  perSecond: median(saturated),
  failed: loads.reduce((sum, { failed, refused }) => sum + failed + refused, 0),
});

const over = (ours: Figures, off: Figures) => ({
  p50: ours.p50Ms / off.p50Ms,
  p99: ours.p99Ms / off.p99Ms,
  throughput: ours.perSecond / off.perSecond,
});

function textOf({ ways, ratio, share, perSecond, spans, machine }: TracesBenchResult): string {
  const head = [`${perSecond} requests/s`, 'p50 ms', 'p99 ms', 'saturated /s', 'failed'];
  const table = new Table({ head, style: { head: [], border: [] } });
  const names: Readonly<Record<Way, string>> = {
    off: 'no traces',
    share: `${share} of the requests`,
    all: 'all requests',
  };
  for (const way of WAYS) {
    const { p50Ms, p99Ms, perSecond: most, failed } = ways[way];
    table.push([names[way], p50Ms.toFixed(2), p99Ms.toFixed(2), most.toFixed(0), String(failed)]);
  }
  for (const way of ['share', 'all'] as const) {
    const { p50, p99, throughput } = ratio[way];
    table.push([`${names[way]}: ratio`, ...[p50, p99, throughput].map((value) => value.toFixed(2)), '']);
  }
  return [table.toString(), `${spans} spans were collected`, ...describeMachine(machine)].join('\n');
}
