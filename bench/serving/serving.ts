/**
 * The cost of serving beside bare onnxruntime-node: the same image file, model and machine, with and without nats-server,
 * replica, queue and model host in between. Then: what loading another model does to the requests, and how long one is
 * kept waiting when the model's process dies or hangs. Called by bench/run.ts.
 */
import { INFERENCE_DEFAULTS } from '../../actors/inference/inference.ts';
import { watchMachine } from '../support/machine.ts';
import type { OpenFigures } from './load.ts';
import { print } from './report.ts';
import type { Measured, Peer, Row, ServingBenchOptions, ServingBenchResult } from './result.ts';
import { withRig, type Rig } from './rig.ts';
import type { LoadOrder } from './messages.ts';
import { PEERS, withPeer, type PeerName } from './peers.ts';

/** Shares of what bare onnxruntime can do: quiet, ordinary, busy. */
const LOADS = [0.1, 0.25, 0.5];
/** The one whose overhead is the headline. */
const HEADLINE_LOAD = 1;
/** Odd, so that there is a middle one. */
const ROUNDS = 3;
/** Enough that the model never has nothing to do. */
const IN_FLIGHT = 48;
/** Decoding an image file takes longer than a small model. */
const FILES_PER_SECOND = 100;
/** While a host is lost: few, so that what one waits is not the queue behind it. */
const QUIET_PER_SECOND = 50;

export async function runServingBench(options: ServingBenchOptions): Promise<ServingBenchResult> {
  const machineUse = watchMachine();
  const measured = await withRig(options, (rig) => measure(rig, options));
  const result = { ...measured, machine: machineUse() };
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else print(result, options, result.rows[HEADLINE_LOAD]!.perSecond);
  return result;
}

async function measure(rig: Rig, { seconds, peersPython }: ServingBenchOptions): Promise<Measured> {
  await rig.load({ target: 'replica', verb: 'identify', input: 'file', seconds: 1, load: { inFlight: 8 } });
  const saturated = { bare: [] as number[], replica: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const target of ['bare', 'replica'] as const)
      saturated[target].push(await saturate(rig, target, seconds / ROUNDS));
  }
  const [bare, replica] = [median(saturated.bare), median(saturated.replica)];
  const rows: Row[] = [];
  for (const verb of ['embed', 'identify'] as const) {
    for (const share of LOADS)
      rows.push(await compare(rig, { verb, input: 'pixels' }, Math.round(share * bare), seconds));
  }
  rows.push(await compare(rig, { verb: 'identify', input: 'file' }, FILES_PER_SECOND, seconds));
  const headline = rows[HEADLINE_LOAD]!; // The rows of `embed` come first.
  return {
    overheadMs: {
      p50: headline.replica.p50Ms - headline.bare.p50Ms,
      p99: headline.replica.p99Ms - headline.bare.p99Ms,
    },
    throughputRatio: replica / bare,
    throughputPerSecond: { replica, bare },
    rows,
    peers: peersPython === null ? {} : await measurePeers(rig, peersPython, headline.perSecond, seconds),
    loading: await whileLoading(rig, headline.perSecond, seconds),
    lost: [await loseHost(rig, 'SIGKILL', seconds), await loseHost(rig, 'SIGSTOP', seconds)],
  };
}

type Kind = Pick<Row, 'verb' | 'input'>;
const EMBED = { verb: 'embed', input: 'pixels' } as const;

async function saturate(rig: Rig, target: LoadOrder['target'], seconds: number): Promise<number> {
  const answer = await rig.load({ target, ...EMBED, seconds, load: { inFlight: IN_FLIGHT } });
  return 'perSecond' in answer ? answer.perSecond : 0;
}

/** In rounds by turns, the middle one of each counts: what disturbs the machine for a while decides nothing. */
async function compare(rig: Rig, kind: Kind, perSecond: number, seconds: number): Promise<Row> {
  const rounds = { bare: [] as OpenFigures[], replica: [] as OpenFigures[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const target of ['bare', 'replica'] as const)
      rounds[target].push(await openLoad(rig, target, kind, perSecond, seconds / ROUNDS));
  }
  return { ...kind, perSecond, replica: middle(rounds.replica), bare: middle(rounds.bare) };
}

function middle(rounds: readonly OpenFigures[]): OpenFigures {
  const sum = (of: (round: OpenFigures) => number) => rounds.reduce((total, round) => total + of(round), 0);
  return {
    sent: sum(({ sent }) => sent),
    refused: sum(({ refused }) => refused),
    failed: sum(({ failed }) => failed),
    p50Ms: median(rounds.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(rounds.map(({ p99Ms }) => p99Ms)),
    maxMs: Math.max(...rounds.map(({ maxMs }) => maxMs)),
  };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function openLoad(rig: Rig, target: LoadOrder['target'], kind: Kind, perSecond: number, seconds: number) {
  const answer = await rig.load({ target, ...kind, seconds, load: { perSecond } });
  if (answer.type !== 'open') throw new Error(`bench: an open load was answered by "${answer.type}"`);
  return answer.figures;
}

/** One after the other, the replica idle meanwhile. */
async function measurePeers(rig: Rig, python: string, perSecond: number, seconds: number) {
  const peers: Partial<Record<PeerName, Peer>> = {};
  for (const name of Object.keys(PEERS) as PeerName[]) {
    const peer = await withPeer(name, { ...rig.work, python, batchMax: INFERENCE_DEFAULTS.batchMax }, async (url) => {
      await rig.load({ target: { url }, ...EMBED, seconds: 1, load: { inFlight: 8 } });
      const { p50Ms, p99Ms, refused, failed } = await openLoad(rig, { url }, EMBED, perSecond, seconds);
      return { p50Ms, p99Ms, refused, failed, perSecond: await saturate(rig, { url }, seconds) };
    });
    if (peer) peers[name] = peer;
    else process.stderr.write(`bench: ${name} is not installed in ${python}; skipped\n`);
  }
  return peers;
}

async function whileLoading(rig: Rig, perSecond: number, seconds: number): Promise<Measured['loading']> {
  const steady = await openLoad(rig, 'replica', EMBED, perSecond, seconds);
  let isOver = false;
  const load = openLoad(rig, 'replica', EMBED, perSecond, seconds).finally(() => (isOver = true));
  let loads = 0;
  for (; !isOver; loads++) await rig.loadCandidate();
  const loading = await load;
  const refused = steady.refused + loading.refused;
  const failed = steady.failed + loading.failed;
  return { steadyP99Ms: steady.p99Ms, loadingP99Ms: loading.p99Ms, loads, refused, failed };
}

async function loseHost(rig: Rig, signal: 'SIGKILL' | 'SIGSTOP', seconds: number) {
  const load = openLoad(rig, 'replica', EMBED, QUIET_PER_SECOND, seconds);
  const timer = setTimeout(() => rig.loseHost(signal), 500 * seconds);
  const { maxMs, refused, failed } = await load;
  clearTimeout(timer);
  return { what: signal === 'SIGKILL' ? 'dies' : 'hangs', maxMs, refused, failed };
}
