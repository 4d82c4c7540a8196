/** The options of the swap bench, and its figures. */
import type { MachineUse } from '../support/machine.ts';
import type { Latencies, Period, SwapFigures } from './figures.ts';
import type { Judgement } from './ledger.ts';
import type { RigOptions } from './rig.ts';

export interface SwapBenchOptions extends Omit<RigOptions, 'replicas'> {
  readonly swaps: number;
  /** Requests per second. */
  readonly rate: number;
  /** The swaps are spread over this time; what does not fit takes longer. */
  readonly seconds: number;
  /** Where the picture goes. */
  readonly plot: string;
  readonly json: boolean;
}

export interface SwapBenchResult extends Judgement, SwapFigures {
  readonly refusedLoads: number;
  readonly latencyMs: Readonly<Record<Period, Latencies>>;
  /** Over that of the steady period. */
  readonly p99Ratio: Readonly<Record<Exclude<Period, 'steady'>, number>>;
  /** Null where memory cannot be read. */
  readonly rssGrowthRatio: number | null;
  /** At the end: the replicas with their model hosts. */
  readonly memoryMb: number | null;
  readonly memory: readonly { readonly swaps: number; readonly mb: number }[];
  readonly machine: MachineUse | null;
  /** Text of each error, and how often it came. */
  readonly errors: Readonly<Record<string, number>>;
}
