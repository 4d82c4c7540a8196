/**
 * A fleet of three replicas under an open-loop load while models are deployed, refused and rolled back: what became of
 * every request, how long the swaps took, and what loads and swaps did to latency and memory. Called by bench/run.ts.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { clockMs } from '../support/clock.ts';
import { growthOf, isSampled, latenciesBy, swapFiguresOf, WARM_UP_MS, type MemorySample } from './figures.ts';
import { watchMachine } from '../support/machine.ts';
import { startProgress } from '../support/progress.ts';
import { judge, type ServedRelease } from './ledger.ts';
import type { Step } from './operator.ts';
import { planOf, type Planned } from './plan.ts';
import { drawSwaps } from './plot.ts';
import { printSwapTable } from './table.ts';
import type { SwapBenchOptions, SwapBenchResult } from './result.ts';
import { withRig, type Rig } from './rig.ts';

const REPLICAS = 3;
/** Before the first swap and after the last: what is compared with. */
const QUIET_SHARE = 0.1;
/** A machine that is too slow for the swaps of the plan gets this many times the time, or an hour more, then the load ends. */
const PATIENCE = 20;
const PATIENCE_SECONDS_MAX = 3600;
/** Before memory is measured: what was retired has ended, and what stands by for the next load has started. */
const CALM_MS = 500;

export async function runSwapBench(options: SwapBenchOptions): Promise<SwapBenchResult> {
  const result = await withRig({ ...options, replicas: REPLICAS }, (rig) => measure(rig, options));
  if (options.json) process.stdout.write(`${JSON.stringify(result)}\n`);
  else printSwapTable(result, options);
  return result;
}

async function measure(rig: Rig, options: SwapBenchOptions): Promise<SwapBenchResult> {
  const { operator, models } = rig;
  const first = await operator.deploy(models.other('bench-0', []));
  const machineUse = watchMachine();
  const load = await rig.startLoad({ perSecond: options.rate, secondsMax: patience(options.seconds) });
  const progress = startProgress(options.swaps, 'swaps');
  const { steps, memory } = await takeSteps(rig, first, options, progress.at).finally(progress.stop);
  const ledger = await load.stop();
  const machine = machineUse();
  const { errors } = ledger;
  const latencyMs = latenciesBy(ledger, steps);
  const { steady, loading, swapping } = latencyMs;
  await writeFile(options.plot, drawSwaps({ ledger, steps, memory }));
  return {
    ...judge(ledger, releasesOf(rig, [first, ...steps])),
    ...swapFiguresOf(steps, operator.switches),
    refusedLoads: steps.filter(({ kind }) => kind === 'refuse').length,
    latencyMs,
    p99Ratio: { loading: loading.p99Ms / steady.p99Ms, swapping: swapping.p99Ms / steady.p99Ms },
    rssGrowthRatio: growthOf(memory),
    memoryMb: memory.at(-1)?.mb ?? null,
    memory: memory.map(({ swaps, mb }) => ({ swaps, mb: Math.round(mb) })),
    machine,
    errors: Object.fromEntries(errors),
  };
}

const patience = (seconds: number) => Math.min(PATIENCE * seconds, seconds + PATIENCE_SECONDS_MAX);

/** At even intervals, or as fast as they go. */
async function takeSteps(rig: Rig, first: Step, options: SwapBenchOptions, onSwapped: (done: number) => void) {
  const { swaps, seconds } = options;
  const plan = planOf(swaps);
  const quietMs = WARM_UP_MS + 1000 * QUIET_SHARE * seconds;
  const intervalMs = Math.max(0, 1000 * seconds - WARM_UP_MS - 2 * quietMs) / plan.length;
  const startedMs = clockMs();
  const steps: Step[] = [];
  const memory: MemorySample[] = [];
  let inService = [first.modelDigest];
  let done = 0;
  for (const [i, planned] of plan.entries()) {
    await delay(Math.max(0, startedMs + quietMs + i * intervalMs - clockMs()));
    const step = await take(rig, planned, `bench-${i + 1}`, inService);
    steps.push(step);
    if (step.committedMs === null) continue;
    done += 1;
    onSwapped(done);
    inService = [step.modelDigest, ...inService].slice(0, 2);
    if (!isSampled(done, swaps)) continue;
    await delay(CALM_MS);
    const mb = rig.memoryMb();
    if (mb !== null) memory.push({ atMs: clockMs(), swaps: done, mb });
  }
  await delay(quietMs);
  return { steps, memory };
}

function take({ operator, models }: Rig, planned: Planned, runId: string, inService: readonly string[]): Promise<Step> {
  switch (planned.kind) {
    case 'deploy':
      return operator.deploy(models.other(runId, inService));
    case 'roll-back':
      return operator.rollBack(runId);
    case 'refuse':
      return operator.refuse(models.broken(runId, planned.fault, inService));
  }
}

function releasesOf({ models }: Rig, steps: readonly Step[]): ServedRelease[] {
  return steps
    .filter(({ committedMs }) => committedMs !== null)
    .map(({ release, modelDigest, completedMs }) => {
      const model = models.answers.findIndex((answer) => answer.modelDigest === modelDigest);
      return { release, model, completedMs };
    });
}
