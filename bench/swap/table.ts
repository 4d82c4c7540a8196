/** The figures of the swap bench as a table for people. */
import Table from 'cli-table3';
import { describeMachine } from '../support/machine.ts';
import type { Spread } from './figures.ts';
import type { SwapBenchOptions, SwapBenchResult } from './result.ts';

export function printSwapTable(result: SwapBenchResult, { net, rate, plot }: SwapBenchOptions): void {
  const { latencyMs, p99Ratio } = result;
  const counts = table(
    ['requests', 'failed', 'lost', 'misrouted', 'swaps', 'loads refused'],
    [[result.requests, result.failed, result.lost, result.misrouted, result.swaps, result.refusedLoads]],
  );
  const latencies = table(
    ['latency, ms', 'requests', 'p50', 'p99', 'max', 'p99 over steady'],
    (['steady', 'loading', 'swapping'] as const).map((period) => {
      const { requests, p50Ms, p99Ms, maxMs } = latencyMs[period];
      const ratio = period === 'steady' ? '' : p99Ratio[period].toFixed(2);
      return [period, requests, ...[p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(2)), ratio];
    }),
  );
  const spreads = table(
    ['', 'p50', 'p99', 'max'],
    [
      row('swap on a replica, us', result.swapUs),
      row('first to last replica, ms', result.skewMs),
      row('rollback on all replicas, ms', result.rollbackMs),
      row('load on all replicas, ms', result.loadMs),
    ],
  );
  const growth = result.rssGrowthRatio?.toFixed(3) ?? 'unknown here';
  const errors = Object.entries(result.errors).map(([text, count]) => `${count} times: ${text}`);
  const memory = `memory of the replicas with their model hosts: ${result.memoryMb?.toFixed(0) ?? '?'} MB, over that after ten swaps: ${growth}`;
  const head = `${net}, 3 replicas, ${rate} requests/s, open loop, latency from the moment a request was due`;
  console.log(
    [head, ...describeMachine(result.machine), counts, latencies, spreads, memory, ...errors, `picture: ${plot}`].join(
      '\n',
    ),
  );
}

const row = (what: string, { p50, p99, max }: Spread) => [what, ...[p50, p99, max].map((x) => x.toFixed(1))];

function table(head: string[], rows: (string | number)[][]): string {
  const made = new Table({ head, style: { head: [], border: [] } });
  made.push(...rows);
  return made.toString();
}
