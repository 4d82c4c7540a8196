/**
 * The cost of the gateway: the same requests, at the same random moments, over NATS alone and by HTTP through a gateway in
 * a process of its own. Rounds of both take turns, and the middle one of each counts. Called by bench/run.ts.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import type { OpenFigures } from '../serving/load.ts';
import type { LoadOrder } from '../serving/messages.ts';
import { NAME, withRig, type Rig, type RigOptions } from '../serving/rig.ts';
import { describeMachine, watchMachine, type MachineUse } from '../support/machine.ts';
import type { FromGateway, ToGateway } from './messages.ts';

export interface GatewayBenchOptions extends RigOptions {
  readonly perSecond: number;
  /** In all, of each of the two ways. */
  readonly seconds: number;
  readonly json: boolean;
}

interface Way {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}
export interface GatewayBenchResult {
  readonly overheadMs: { readonly p50: number; readonly p99: number };
  readonly nats: Way;
  readonly gateway: Way;
  readonly perSecond: number;
  readonly machine: MachineUse | null;
}

/** Odd, so that there is a middle one. */
const ROUNDS = 5;
/**
 * A gateway runs for weeks, and until it has answered some thousands its code is not compiled: a bare server on node:http
 * took 1.7 times the processor time of a request after 400 of them as after 4,000. Both ways are warmed up alike.
 */
const WARM_UP_S = 20;
/** Pixels, because to decode a file takes longer than all else, and as long on both ways. */
const REQUEST = { verb: 'identify', input: 'pixels' } as const;

export async function runGatewayBench(options: GatewayBenchOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'nightshift-bench-gateway-'));
  try {
    const result = await withRig(options, (rig) => measure(rig, options, join(folder, 'token')));
    process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : `${textOf(result)}\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measure(
  rig: Rig,
  { perSecond, seconds }: GatewayBenchOptions,
  tokenFile: string,
): Promise<GatewayBenchResult> {
  const token = randomBytes(32).toString('base64url');
  await writeFile(tokenFile, token, { mode: 0o600 });
  const address = await startGateway(rig, tokenFile);
  const headers = { authorization: `Bearer ${token}`, [INFER_HEADERS.input.toLowerCase()]: 'pixels' };
  const targets = { nats: 'replica', gateway: { url: `${address}/v1/${NAME}/identify`, headers } } as const;
  const load = (target: LoadOrder['target'], forSeconds: number) => openLoad(rig, target, perSecond, forSeconds);
  for (const target of Object.values(targets)) await load(target, WARM_UP_S);
  const watch = watchMachine();
  const rounds = { nats: [] as OpenFigures[], gateway: [] as OpenFigures[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of ['nats', 'gateway'] as const) rounds[way].push(await load(targets[way], seconds / ROUNDS));
  }
  const [nats, gateway] = [middle(rounds.nats), middle(rounds.gateway)];
  const overheadMs = { p50: gateway.p50Ms - nats.p50Ms, p99: gateway.p99Ms - nats.p99Ms };
  return { overheadMs, nats, gateway, perSecond, machine: watch() };
}

async function startGateway({ ground }: Rig, tokenFile: string): Promise<string> {
  const order: ToGateway = { type: 'start', url: ground.url, tokenFile };
  const child = await ground.start('bench/gateway/gateway.process', order);
  child.send({ type: 'address' } satisfies ToGateway);
  const [answer] = (await once(child, 'message')) as [FromGateway];
  if (answer.type === 'address') return answer.address;
  throw new Error(`bench: the gateway says ${JSON.stringify(answer)}`);
}

async function openLoad(
  rig: Rig,
  target: LoadOrder['target'],
  perSecond: number,
  seconds: number,
): Promise<OpenFigures> {
  const answer = await rig.load({ target, ...REQUEST, seconds, load: { perSecond } });
  if (answer.type === 'open') return answer.figures;
  throw new Error(`bench: an open load was answered by "${answer.type}"`);
}

function middle(rounds: readonly OpenFigures[]): Way {
  const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  return {
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    failed: rounds.reduce((sum, { failed, refused }) => sum + failed + refused, 0),
  };
}

function textOf({ overheadMs, nats, gateway, perSecond, machine }: GatewayBenchResult): string {
  const rows = new Table({
    head: [`${perSecond} requests/s`, 'p50 ms', 'p99 ms', 'failed'],
    style: { head: [], border: [] },
  });
  const ms = (value: number) => value.toFixed(2);
  for (const [name, way] of [
    ['NATS alone', nats],
    ['through the gateway', gateway],
  ] as const)
    rows.push([name, ms(way.p50Ms), ms(way.p99Ms), String(way.failed)]);
  rows.push(['overhead', ms(overheadMs.p50), ms(overheadMs.p99), '']);
  return [rows.toString(), ...describeMachine(machine)].join('\n');
}
