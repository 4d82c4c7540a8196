/**
 * The cost of the orchestration itself: transitions per second, the time of one transition, of a whole night without
 * work, and the memory of runs that wait. Orchestrators and nats-server are processes of their own; called by run.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { CTL, commandSubject, pipelineEventSubject } from '../../contracts/subjects.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { startObedientReplica } from '../../test/support/saga.ts';
import { fsyncsPerSecond } from './disk.ts';
import { modelName, withRig, type Rig, type RigOptions, type Sync } from './rig.ts';
import { measureTemporal, temporalLacks, type TemporalFigures } from './temporal.ts';
import { startIdleWorkers } from './workers.ts';

export interface SagaBenchOptions {
  /** Models whose runs go on side by side, one run of each at a time. */
  readonly models: number;
  readonly seconds: number;
  readonly nights: number;
  readonly waiting: number;
  /** Null: no peer is measured. */
  readonly peers: { readonly temporal: string; readonly python: string } | null;
  readonly json: boolean;
}

interface Throughput {
  readonly sync: Sync;
  readonly orchestrators: number;
  readonly transitionsPerSecond: number;
}
interface Latency {
  readonly sync: Sync;
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
}

/** A run that is rejected makes four transitions: started, collected, trained, rejected. */
const TRANSITIONS_PER_RUN = 4;

export async function runSagaBench(options: SagaBenchOptions): Promise<void> {
  const fsyncs = { oneFile: await fsyncsPerSecond(1), fourFiles: await fsyncsPerSecond(4) };
  const latency: Latency[] = [];
  const throughput: Throughput[] = [];
  for (const sync of ['always', 'default'] as const) {
    latency.push(await measureLatency(sync, options));
    for (const orchestrators of [1, 2])
      throughput.push(await measureThroughput({ sync, orchestrators, models: options.models }, options));
  }
  const night = await measureNights(options);
  const waitingMb = await measureWaiting(options);
  const { p50, p99 } = latency[0]!;
  const result = {
    transitionMs: { p50, p99 },
    transitionsPerSecond: throughput[0]!.transitionsPerSecond,
    nightOverheadMs: night.overheadMs,
    startToCommandMs: night.startToCommandMs,
    mbPerThousandWaitingRuns: waitingMb,
    fsyncsPerSecond: fsyncs,
    ...(await compareWithTemporal(options, night.overheadMs, throughput)),
    latency,
    throughput,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else print(result);
}

/** As often as Temporal: throughput with sync always over its activities, night over night. Above 1: ahead of it. */
interface VsTemporal {
  readonly throughput: number;
  readonly night: number;
}

interface Comparison {
  readonly temporal: readonly TemporalFigures[];
  /** Against its state in a file, as both then survive the end of the process. Null where it was not measured. */
  readonly vsTemporal: VsTemporal | null;
  readonly skipped: string | null;
}

async function compareWithTemporal(
  { peers, nights, models, seconds }: SagaBenchOptions,
  nightMs: number,
  throughput: readonly Throughput[],
): Promise<Comparison> {
  if (!peers) return { temporal: [], vsTemporal: null, skipped: 'not asked for (--peers)' };
  const options = { server: peers.temporal, python: peers.python, nights, sideBySide: models, seconds };
  const skipped = await temporalLacks(options);
  if (skipped) return { temporal: [], vsTemporal: null, skipped };
  const file = await measureTemporal('file', options);
  const memory = await measureTemporal('memory', options);
  const ours = throughput[0]!.transitionsPerSecond;
  const vsTemporal = { throughput: ours / file.perSecond, night: file.nightMs / nightMs };
  return { temporal: [file, memory], vsTemporal, skipped: null };
}

/** One run after the other, so that nothing waits for anything else. */
async function measureLatency(sync: Sync, { nights }: SagaBenchOptions): Promise<Latency> {
  return withRig({ sync, orchestrators: 1, models: 1 }, async (rig) => {
    const workers = await startIdleWorkers(rig.nc, rig.log, 'rejected');
    for (let turn = 0; turn < nights; turn++) await runOnce(rig, modelName(0), `l${turn}`, 'rejected');
    const figures = (await workers.transitionsMs()).sort((a, b) => a - b);
    await workers.stop();
    return { sync, p50: at(figures, 0.5), p99: at(figures, 0.99), count: figures.length };
  });
}

async function measureThroughput(rigOptions: RigOptions, { seconds }: SagaBenchOptions): Promise<Throughput> {
  return withRig(rigOptions, async (rig) => {
    const workers = await startIdleWorkers(rig.nc, rig.log, 'rejected');
    let runs = 0;
    const began = performance.now();
    const until = began + 1000 * seconds;
    const lane = async (model: number) => {
      for (let turn = 0; performance.now() < until; turn++) {
        await runOnce(rig, modelName(model), `t${model}-${turn}`, 'rejected');
        runs += 1;
      }
    };
    await Promise.all(Array.from({ length: rigOptions.models }, (_, model) => lane(model)));
    const elapsed = (performance.now() - began) / 1000;
    await workers.stop();
    const { sync, orchestrators } = rigOptions;
    return { sync, orchestrators, transitionsPerSecond: (runs * TRANSITIONS_PER_RUN) / elapsed };
  });
}

/** Whole nights with a deployment to one replica that has nothing to load, guard window 0. */
async function measureNights({ nights }: SagaBenchOptions) {
  return withRig({ sync: 'always', orchestrators: 1, models: 0 }, async (rig) => {
    const bus = await createBus({ nc: rig.nc, source: 'bench', log: rig.log, now: () => new Date(), newId: () => '' });
    const workers = await startIdleWorkers(rig.nc, rig.log, 'blessed');
    const replica = await startObedientReplica(rig.nc, bus, 'r1', {});
    const whole: number[] = [];
    const first: number[] = [];
    for (let turn = 0; turn < nights; turn++) {
      const times = await runOnce(rig, 'face', `n${turn}`, 'completed');
      whole.push(times.endMs);
      first.push(times.firstCommandMs);
    }
    await replica.stop();
    await workers.stop();
    const middle = (values: number[]) =>
      at(
        values.sort((a, b) => a - b),
        0.5,
      );
    return { overheadMs: middle(whole), startToCommandMs: middle(first) };
  });
}

/** Nobody takes their commands. */
async function measureWaiting({ waiting }: SagaBenchOptions): Promise<number> {
  return withRig({ sync: 'default', orchestrators: 1, models: waiting }, async (rig) => {
    const before = await rig.memory();
    let commands = 0;
    rig.nc.subscribe(commandSubject('collect', 'start', '*'), { callback: () => void (commands += 1) });
    for (let run = 0; run < waiting; run++) startRun(rig, modelName(run), `w${run}`);
    while (commands < waiting) await delay(50);
    return (((await rig.memory()) - before) / 1024 / 1024 / waiting) * 1000;
  });
}

/** Milliseconds from the start command to the first command, and to the end of the run. */
async function runOnce(rig: Rig, model: string, runId: string, end: 'completed' | 'rejected') {
  const heard = async (subject: string) => {
    const subscription = rig.nc.subscribe(subject, { max: 1 });
    for await (const _ of subscription) return performance.now() - began;
    throw new Error(`the connection closed before ${subject}`);
  };
  const began = performance.now();
  const firstCommand = heard(commandSubject('collect', 'start', runId));
  const ended = heard(pipelineEventSubject(end, runId));
  startRun(rig, model, runId);
  return { firstCommandMs: await firstCommand, endMs: await ended };
}

const startRun = ({ nc }: Rig, model: string, runId: string) =>
  nc.publish(CTL.pipelineStart, JSON.stringify({ model, runId }));

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;

interface Result extends Comparison {
  readonly fsyncsPerSecond: { readonly oneFile: number; readonly fourFiles: number };
  readonly nightOverheadMs: number;
  readonly startToCommandMs: number;
  readonly mbPerThousandWaitingRuns: number;
  readonly latency: readonly Latency[];
  readonly throughput: readonly Throughput[];
}

function print(result: Result): void {
  const table = new Table({ head: ['figure', 'sync always', 'sync default'], style: { head: [], border: [] } });
  const row = (name: string, of: (sync: Sync) => string) => table.push([name, of('always'), of('default')]);
  const latency = (sync: Sync) => result.latency.find((it) => it.sync === sync)!;
  row('one transition, p50', (sync) => `${latency(sync).p50.toFixed(2)} ms`);
  row('one transition, p99', (sync) => `${latency(sync).p99.toFixed(2)} ms`);
  for (const count of [1, 2]) {
    const of = (sync: Sync) => result.throughput.find((it) => it.sync === sync && it.orchestrators === count)!;
    row(`transitions/s, ${count} orchestrator(s)`, (sync) => of(sync).transitionsPerSecond.toFixed(0));
  }
  console.log(table.toString());
  console.log(
    `A night without work: ${result.nightOverheadMs.toFixed(0)} ms; start to first command: ${result.startToCommandMs.toFixed(1)} ms`,
  );
  console.log(`Memory of 1,000 runs that wait: ${result.mbPerThousandWaitingRuns.toFixed(1)} MB`);
  const { oneFile, fourFiles } = result.fsyncsPerSecond;
  console.log(`This disk: ${oneFile.toFixed(0)} fsyncs/s on one file, ${fourFiles.toFixed(0)} on four`);
  for (const { state, nightMs, startToFirstMs, perSecond } of result.temporal) {
    console.log(
      `Temporal, state in ${state}: a night ${nightMs.toFixed(0)} ms; start to first activity ${startToFirstMs.toFixed(1)} ms; ${perSecond.toFixed(0)} activities/s`,
    );
  }
  if (result.skipped) console.log(`Temporal: skipped, ${result.skipped}`);
}
