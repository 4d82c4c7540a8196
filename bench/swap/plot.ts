/**
 * Draws latency over time as SVG, with every load, swap and rollback marked, and the memory of the replicas below. A
 * pure function; called by bench/swap/swap.ts.
 */
import { createRequire } from 'node:module';
import type { EChartsCoreOption } from 'echarts/core';
import { percentile, type MemorySample } from './figures.ts';
import { OUTCOMES, type Ledger } from './ledger.ts';
import type { Step } from './operator.ts';

export interface Drawn {
  readonly ledger: Ledger;
  readonly steps: readonly Step[];
  readonly memory: readonly MemorySample[];
}

const SIZE = { width: 1200, height: 620 };
const GRIDS = [
  { left: 80, right: 40, top: 100, height: 320 },
  { left: 80, right: 40, top: 490, height: 100 },
];
const COLORS = { p50: '#1d4ed8', p99: '#0f766e', max: '#9ca3af', load: '#fde68a', refused: '#fecaca', swap: '#6b7280' };
const ROLLBACK_COLOR = '#c2410c';
const MEMORY_COLOR = '#7c3aed';
/** Points of a line: as many as the eye tells apart, and fewer where each would be of too few requests for a percentile. */
const BUCKETS_MAX = 240;
const REQUESTS_PER_BUCKET = 20;

/** As CommonJS the package is one file instead of four hundred; loaded with the drawing. */
const require = createRequire(import.meta.url);

export function drawSwaps(drawn: Drawn): string {
  // The package's own types.
  const { init } = require('echarts') as typeof import('echarts');
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  try {
    chart.setOption(optionOf(drawn));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

function optionOf({ ledger, steps, memory }: Drawn): EChartsCoreOption {
  const originMs = ledger.dueMs[0] ?? 0;
  const seconds = (ms: number) => (ms - originMs) / 1000;
  const endSeconds = Math.ceil(seconds(ledger.dueMs.at(-1) ?? originMs));
  const buckets = bucketsOf(ledger, originMs, 1000 * endSeconds);
  const line = (name: string, color: string, percent: number) => ({
    ...{ name, type: 'line', showSymbol: false, lineStyle: { width: 1.5, color }, itemStyle: { color } },
    data: buckets.map(({ atMs, latencies }) => [atMs / 1000, percentile(latencies, percent)]),
  });
  const marks = line('p50', COLORS.p50, 50);
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: 'Latency while models are swapped', subtext: subtitleOf(ledger, steps), left: 80 },
    legend: { top: 60, right: 40, data: ['p50', 'p99', 'max'] },
    grid: GRIDS,
    xAxis: [
      { type: 'value', gridIndex: 0, min: 0, max: endSeconds, axisLabel: { show: false }, splitLine: { show: false } },
      {
        type: 'value',
        gridIndex: 1,
        min: 0,
        max: endSeconds,
        name: 'seconds',
        nameLocation: 'middle',
        nameGap: 24,
        splitLine: { show: false },
      },
    ],
    yAxis: [
      { type: 'log', gridIndex: 0, name: 'ms', min: 1 },
      { type: 'value', gridIndex: 1, name: 'MB', min: 0 },
    ],
    series: [
      line('max', COLORS.max, 100),
      line('p99', COLORS.p99, 99),
      { ...marks, markArea: { silent: true, data: areasOf(steps, seconds) }, markLine: linesOf(steps, seconds) },
      {
        ...{ name: 'memory', type: 'line', xAxisIndex: 1, yAxisIndex: 1, symbolSize: 4 },
        ...{ lineStyle: { color: MEMORY_COLOR }, itemStyle: { color: MEMORY_COLOR } },
        data: memory.map(({ atMs, mb }) => [seconds(atMs), mb]),
      },
    ],
  };
}

function areasOf(steps: readonly Step[], seconds: (ms: number) => number) {
  return steps.flatMap(({ kind, startedMs, loadedMs }) => {
    const color = kind === 'refuse' ? COLORS.refused : COLORS.load;
    const from = { xAxis: seconds(startedMs), itemStyle: { color, opacity: 0.6 } };
    return loadedMs === null ? [] : [[from, { xAxis: seconds(loadedMs) }]];
  });
}

function linesOf(steps: readonly Step[], seconds: (ms: number) => number) {
  const data = steps.flatMap(({ kind, committedMs }) => {
    const color = kind === 'roll-back' ? ROLLBACK_COLOR : COLORS.swap;
    return committedMs === null ? [] : [{ xAxis: seconds(committedMs), lineStyle: { color, width: 1, type: 'solid' } }];
  });
  return { silent: true, symbol: 'none', label: { show: false }, data };
}

const subtitleOf = ({ outcome }: Ledger, steps: readonly Step[]) => {
  const swaps = steps.filter(({ committedMs }) => committedMs !== null).length;
  return `${outcome.length} requests, ${swaps} swaps; yellow: models load, red: a load is refused, grey line: commit, orange line: rollback`;
};

interface Bucket {
  /** Its middle, from the first request on. */
  readonly atMs: number;
  readonly latencies: readonly number[];
}

function bucketsOf(ledger: Ledger, originMs: number, lengthMs: number): Bucket[] {
  const buckets = Math.min(BUCKETS_MAX, Math.ceil(ledger.dueMs.length / REQUESTS_PER_BUCKET));
  const widthMs = lengthMs / buckets;
  const latencies = Array.from({ length: buckets }, (): number[] => []);
  ledger.dueMs.forEach((dueMs, request) => {
    if (ledger.outcome[request] !== OUTCOMES.answered) return;
    const bucket = Math.min(buckets - 1, Math.floor((dueMs - originMs) / widthMs));
    latencies[bucket]!.push(ledger.endedMs[request]! - dueMs);
  });
  return latencies
    .map((ofBucket, i) => ({ atMs: (i + 0.5) * widthMs, latencies: ofBucket }))
    .filter((bucket) => bucket.latencies.length > 0);
}
