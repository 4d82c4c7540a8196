/**
 * Draws how a training went, pass by pass, as an SVG of two panels: what it learned (loss, validation rank-1), and how
 * (learning rate, images/s). A pure function; the trainer stores the picture with the run.
 */
import { createRequire } from 'node:module';
import type { EChartsCoreOption } from 'echarts/core';
import type { CurvePoint, LearningCurve } from '../../../contracts/training.ts';

const SIZE = { width: 900, height: 640 };
const MARGINS = { left: 80, right: 80 };
const PANELS = [
  { ...MARGINS, top: 100, height: 220 },
  { ...MARGINS, top: 400, height: 160 },
];
const COLORS = { loss: '#c2410c', validationLoss: '#f59e0b', rank1: '#1d4ed8', rate: '#7c3aed', speed: '#15803d' };
const TEXT_COLOR = '#374151';
/** With more passes than this, marks would run into each other. */
const MARKED_PASSES_MAX = 40;

/** As CommonJS the package is one file instead of four hundred, a tenth of the time; loaded with the first drawing. */
const requirePackage = createRequire(import.meta.url);

export function drawLearningCurve(curve: LearningCurve): string {
  // The package's own types.
  const { init } = requirePackage('echarts') as typeof import('echarts');
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...SIZE });
  try {
    chart.setOption(optionOf(curve));
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** Panel 0 has the axes y 0 (left) and 1 (right), panel 1 the axes 2 and 3. */
function optionOf(curve: LearningCurve): EChartsCoreOption {
  const { points } = curve;
  const marked = points.length <= MARKED_PASSES_MAX;
  const series = [
    line('training loss', 0, COLORS.loss, marked, points, ({ loss }) => loss),
    line('validation loss', 0, COLORS.validationLoss, marked, points, ({ validationLoss }) => validationLoss),
    line('validation rank-1', 1, COLORS.rank1, marked, points, ({ validationRank1: share }) => percent(share)),
    line('learning rate', 2, COLORS.rate, marked, points, ({ learningRate }) => learningRate),
    line('images/s', 3, COLORS.speed, marked, points, ({ imagesPerSecond }) => imagesPerSecond),
  ].filter(({ data }) => data.length > 0);
  return {
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: `Learning curve of ${curve.model}`, subtext: subtitleOf(curve), left: MARGINS.left },
    legend: PANELS.map(({ top }, panel) => ({
      top: top - 30,
      right: MARGINS.right,
      itemGap: 24,
      itemStyle: { opacity: 0 },
      data: series.filter(({ xAxisIndex }) => xAxisIndex === panel).map(({ name }) => name),
    })),
    grid: PANELS,
    xAxis: PANELS.map((_, panel) => epochAxis(panel, points.length)),
    yAxis: [
      valueAxis(0, 'left', 'loss (nats)', COLORS.loss, { min: 0 }),
      valueAxis(0, 'right', 'rank-1 (%)', COLORS.rank1, { min: 0, max: 100 }),
      valueAxis(1, 'left', 'learning rate', COLORS.rate, { min: 0 }),
      valueAxis(1, 'right', 'images/s', COLORS.speed, { min: 0 }),
    ],
    series,
  };
}

function line(
  name: string,
  yAxisIndex: number,
  color: string,
  showSymbol: boolean,
  points: readonly CurvePoint[],
  valueOf: (point: CurvePoint) => number | null | undefined,
) {
  const data = points.flatMap((point) => {
    const value = valueOf(point);
    return value === null || value === undefined ? [] : [[point.epoch, value]];
  });
  const xAxisIndex = Math.floor(yAxisIndex / 2);
  return {
    ...{ type: 'line', name, xAxisIndex, yAxisIndex, data, showSymbol },
    ...{ symbol: 'circle', symbolSize: 5, itemStyle: { color }, lineStyle: { color, width: 2 } },
  };
}

const percent = (share: number | null): number | null => (share === null ? null : 100 * share);

function subtitleOf({ runId, points }: LearningCurve): string {
  const last = points.at(-1);
  if (last === undefined) return `${runId}: no pass was completed`;
  const rank1 = last.validationRank1 === null ? '' : `, validation rank-1 ${(100 * last.validationRank1).toFixed(1)} %`;
  return `${runId}: ${points.length} epochs, loss ${last.loss.toPrecision(3)}${rank1}`;
}

function epochAxis(gridIndex: number, epochs: number) {
  const name = { name: 'epoch', nameLocation: 'middle', nameGap: 28, nameTextStyle: { color: TEXT_COLOR } };
  // One epoch alone stands in the middle of its panel.
  const range = epochs === 1 ? { min: 0, max: 2 } : { min: 1, max: Math.max(2, epochs) };
  return { type: 'value', gridIndex, ...name, ...range, minInterval: 1, splitLine: { show: false } };
}

function valueAxis(gridIndex: number, position: 'left' | 'right', name: string, color: string, range: object) {
  return {
    ...{ type: 'value', gridIndex, position, name, nameLocation: 'middle', nameGap: 55, nameRotate: 90, ...range },
    ...{ nameTextStyle: { color }, axisLabel: { color }, axisLine: { show: true, lineStyle: { color } } },
    splitLine: { show: position === 'left', lineStyle: { color: '#e5e7eb' } },
  };
}
