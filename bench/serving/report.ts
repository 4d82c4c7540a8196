/** The figures of the serving bench as a table and sentences for people. */
import Table from 'cli-table3';
import { describeMachine } from '../support/machine.ts';
import type { ServingBenchOptions, ServingBenchResult } from './result.ts';

const ms = (value: number) => value.toFixed(2);
const lost = ({ refused, failed }: { readonly refused: number; readonly failed: number }) =>
  `${refused} refused, ${failed} failed`;

export function print(
  { rows, ...result }: ServingBenchResult,
  { net, people, seconds }: ServingBenchOptions,
  peersPerSecond: number,
): void {
  const head = [
    'verb',
    'input',
    'load /s',
    'bare p50',
    'p99',
    'replica p50',
    'p99',
    'overhead p50',
    'p99 ms',
    'refused',
    'failed',
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const { verb, input, perSecond, replica, bare } of rows) {
    const overhead = [replica.p50Ms - bare.p50Ms, replica.p99Ms - bare.p99Ms];
    const figures = [bare.p50Ms, bare.p99Ms, replica.p50Ms, replica.p99Ms, ...overhead].map(ms);
    table.push([verb, input, perSecond, ...figures, replica.refused, replica.failed]);
  }
  const { loading, throughputPerSecond: throughput } = result;
  const lines = [
    `${net}, ${people} people, ${seconds} s each; bare: (decode +) onnxruntime-node in a thread of the load generator`,
    ...describeMachine(result.machine),
    table.toString(),
    `saturated: replica ${throughput.replica.toFixed(0)}/s, bare ${throughput.bare.toFixed(0)}/s: ratio ${result.throughputRatio.toFixed(2)}`,
    ...Object.entries(result.peers).map(
      ([name, peer]) =>
        `${name} at ${peersPerSecond}/s: p50 ${ms(peer.p50Ms)}, p99 ${ms(peer.p99Ms)} ms, ${lost(peer)}; ` +
        `saturated ${peer.perSecond.toFixed(0)}/s`,
    ),
    `p99 while ${loading.loads} models were loaded: ${ms(loading.loadingP99Ms)} ms, steady ${ms(loading.steadyP99Ms)} ms: ` +
      `ratio ${(loading.loadingP99Ms / loading.steadyP99Ms).toFixed(2)}, ${lost(loading)}`,
    ...result.lost.map(
      ({ what, maxMs, ...counts }) =>
        `the model's process ${what}: a request took at most ${maxMs.toFixed(0)} ms, ${lost(counts)}`,
    ),
  ];
  console.log(lines.join('\n'));
}
