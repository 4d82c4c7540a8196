/**
 * A night beside the doors: an open loop of requests at a system as `nightshift start` runs it, first while nothing else
 * happens and then while a night runs; and the same night without a request. Says how much longer requests take in each
 * stage, and how much longer the training. Called by bench/run.ts.
 */
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import { STAGES } from '../../contracts/subjects.ts';
import { describeMachine, watchMachine, type MachineUse } from '../support/machine.ts';
import { figuresOf, type Asked, type NightFigures } from './figures.ts';
import { withRig, type Rig, type RigOptions } from './rig.ts';

export interface NightBenchOptions extends RigOptions {
  /** Requests per second. */
  readonly rate: number;
  /** Without a night, before each. */
  readonly steadySeconds: number;
  /** Nights with the load; as many without it. */
  readonly nights: number;
  readonly json: boolean;
}

export interface NightBenchResult extends NightFigures {
  readonly machine: MachineUse | null;
}

/** Until the code of client and replicas is compiled. */
const WARM_UP_MS = 2_000;
/** A load without end would outlive a bench that is stuck. */
const LOAD_SECONDS_MAX = 1_800;

export async function runNightBench(options: NightBenchOptions): Promise<NightBenchResult> {
  const machineUse = watchMachine();
  const figures = await withRig(options, (rig) => measure(rig, options));
  const result = { ...figures, machine: machineUse() };
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else print(result, options);
  return result;
}

/** By turns: a machine that is busy with something else for a while decides less. */
async function measure(rig: Rig, { nights, rate, steadySeconds }: NightBenchOptions): Promise<NightFigures> {
  await rig.night('bench-first');
  const asked: Asked[] = [];
  const [quietMs, loadedMs]: [number[], number[]] = [[], []];
  for (let turn = 1; turn <= nights; turn++) {
    quietMs.push(trainMsOf(await rig.night(`bench-quiet-${turn}`)));
    const load = await rig.startLoad({ perSecond: rate, secondsMax: LOAD_SECONDS_MAX });
    await delay(WARM_UP_MS);
    load.period('steady');
    await delay(1000 * steadySeconds);
    loadedMs.push(trainMsOf(await rig.night(`bench-loaded-${turn}`, load.period)));
    asked.push(...(await load.stop()));
  }
  return figuresOf(asked, { quietMs, loadedMs });
}

const trainMsOf = ({ train }: { readonly train?: number }) => train ?? NaN;

function print({ latencyMs, ratio, trainMs, trainSlowdown, machine }: NightBenchResult, options: NightBenchOptions) {
  const { people, epochs, rate, replicas, nights } = options;
  const head = ['', 'requests', 'failed', 'p50, ms', 'p99, ms', 'max, ms', 'p99 over steady'];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const period of ['steady', ...STAGES] as const) {
    const { requests, failed, p50Ms, p99Ms, maxMs } = latencyMs[period];
    const over = period === 'steady' ? '' : ratio[period].toFixed(2);
    table.push([period, requests, failed, ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(2)), over]);
  }
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  const lines = [
    `${nights} nights of ${people} drawn people, ${epochs} epochs; ${rate} requests/s, open loop; ${replicas} replicas, a process per actor`,
    ...describeMachine(machine),
    table.toString(),
    `training: ${seconds(trainMs.loaded)} s under the load, ${seconds(trainMs.quiet)} s without: ratio ${trainSlowdown.toFixed(2)}`,
  ];
  console.log(lines.join('\n'));
}
