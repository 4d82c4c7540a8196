/**
 * The report's plots as SVG that stands in a page: error trade-off, scores, learning curve. Colours are CSS variables of
 * the page, so one drawing serves light and dark. No text in them comes from outside.
 */
import { createRequire } from 'node:module';
import type { EChartsCoreOption } from 'echarts/core';
import type { LearningCurve } from '../../contracts/training.ts';
import type { Accuracy, Evidence, VerificationReport } from '../../contracts/verification.ts';
import { trusted, type Html } from './html.ts';

/** Narrow enough to be read on a telephone, where it shrinks to four fifths. */
const WIDTH = 440;
const TEXT = 'var(--muted)';
const RULE = 'var(--rule)';
const FONT_PX = 13;

/** As CommonJS the package is one file instead of four hundred; loaded with the first drawing. */
const requirePackage = createRequire(import.meta.url);

/** `id`: unique in the page. `label`: read out in place of the picture. */
function draw(id: string, label: string, height: number, option: EChartsCoreOption): Html {
  // The package's own types.
  const { init } = requirePackage('echarts') as typeof import('echarts');
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  try {
    chart.setOption({
      animation: false,
      textStyle: { fontFamily: 'inherit', fontSize: FONT_PX, color: TEXT },
      ...option,
    });
    return trusted(forPage(chart.renderToSVGString(), id, label));
  } finally {
    chart.dispose();
  }
}

/** Without the library's own styles, and with names that no other drawing of the page has. */
const forPage = (svg: string, id: string, label: string) =>
  svg
    .replace(/<style[\s\S]*?<\/style>/g, '')
    .replaceAll(/ (?:class="zr\d+-cls-\d+"|ecmeta_\w+="[^"]*"|pointer-events="visible")/g, '')
    .replaceAll(/\bzr\d+-/g, `${id}-`)
    .replace(/^<svg width="\d+" height="\d+"/, `<svg role="img" aria-label="${label}"`)
    .replaceAll(/ (?:xmlns:xlink="[^"]*"|baseProfile="full"|version="1.1")/g, '');

const line = (name: string, data: readonly (readonly number[])[], color: string, more: object = {}) => {
  const { lineStyle = {}, ...rest } = more as { lineStyle?: object };
  return {
    ...{ type: 'line', name, data, showSymbol: false, silent: true, emphasis: { disabled: true } },
    ...{ lineStyle: { color, width: 2, ...lineStyle }, itemStyle: { color }, ...rest },
  };
};

const axis = (name: string, more: object = {}) => ({
  ...{ type: 'value', name, nameLocation: 'middle', nameTextStyle: { color: TEXT, fontSize: FONT_PX } },
  ...{ axisLine: { lineStyle: { color: RULE } }, axisTick: { lineStyle: { color: RULE } } },
  ...{ axisLabel: { color: TEXT, fontSize: FONT_PX }, splitLine: { lineStyle: { color: RULE } } },
  ...more,
});

const percentLabel = {
  formatter: (value: number) => `${Number(value.toPrecision(3))} %`,
  color: TEXT,
  fontSize: FONT_PX,
};

/**
 * FNIR over FPIR, from strict to lax. The dot is the threshold that serves, with the bounds of its FPIR; the dashed line
 * is the promise. No point with an FPIR of 0 can lie on a logarithmic axis; an operating point of 0 stands at its edge.
 */
export function detChart({ report, det }: { report: VerificationReport; det: Evidence['det'] }): Html {
  const { candidate, champion, promise } = report;
  const left = leftEdge([...det.candidate, ...(det.champion ?? [])], promise.fpir);
  const curve = (all: Evidence['det']['candidate']) =>
    all.filter(({ fpir }) => fpir >= left / 100).map(({ fpir, fnir }) => [100 * fpir, 100 * fnir]);
  const series = [
    ...(det.champion
      ? [line('champion', curve(det.champion), 'var(--champion)', { lineStyle: { type: 'dashed' } })]
      : []),
    line('candidate', curve(det.candidate), 'var(--candidate)', { markLine: promiseLine(100 * promise.fpir) }),
    ...(champion ? operatingPoint(champion.accuracy, left, 'var(--champion)') : []),
    ...operatingPoint(candidate.accuracy, left, 'var(--candidate)'),
  ];
  return draw('det', 'FNIR over FPIR of candidate and champion, with the threshold that serves', 300, {
    grid: { left: 62, right: 22, top: 24, bottom: 52 },
    xAxis: axis('strangers let in, FPIR', { type: 'log', min: left, max: 100, nameGap: 30, axisLabel: percentLabel }),
    yAxis: axis('kept out, FNIR', { min: 0, nameGap: 46, axisLabel: percentLabel }),
    series,
  });
}

/** A power of ten in percent, at or below all that is to be shown, and not so far that the rest is pressed together. */
function leftEdge(points: Evidence['det']['candidate'], promise: number): number {
  const shares = [promise, ...points.map(({ fpir }) => fpir)].filter((share) => share > 0);
  return 10 ** Math.max(-3, Math.floor(Math.log10(100 * Math.min(...shares, 0.1)) + 1e-9));
}

const upright = (x: number) => ({
  ...{ silent: true, symbol: 'none', emphasis: { disabled: true } },
  lineStyle: { color: TEXT, type: 'dashed', width: 1 },
  data: [{ xAxis: x }],
});

const promiseLine = (x: number) => ({
  ...upright(x),
  label: { formatter: 'promise', color: TEXT, fontSize: FONT_PX, textBorderWidth: 0, distance: 4 },
});

function operatingPoint({ identify, recognition }: Accuracy, left: number, color: string) {
  const y = 100 * recognition.fnir;
  const x = (share: number) => Math.max(left, 100 * share);
  const { lower, share, upper } = identify.fpir;
  const bounds = [x(lower), x(upper)].map((at) => [at, y]);
  return [
    line('bounds', bounds, color, { z: 3, lineStyle: { width: 7, opacity: 0.35, cap: 'butt' } }),
    {
      ...{ type: 'scatter', data: [[x(share), y]], symbolSize: 12, z: 4, silent: true, emphasis: { disabled: true } },
      itemStyle: { color, borderColor: 'var(--paper)', borderWidth: 2 },
    },
  ];
}

/** Best scores of searches, each group in a panel of its own as a share of its searches, over one axis. */
export function scoreChart(histogram: Evidence['histogram'], threshold: number): Html {
  const groups = [
    { name: 'enrolled', counts: histogram.staff, color: 'var(--candidate)' },
    { name: 'newcomers', counts: histogram.newcomers, color: 'var(--newcomers)' },
    { name: 'strangers', counts: histogram.strangers, color: 'var(--strangers)' },
  ].filter(({ counts }) => counts.some((n) => n > 0));
  const topOf = (index: number) => 24 + index * (PANEL.height + PANEL.gap);
  const range = rangeOf(histogram.edges, groups, threshold);
  const isLast = (index: number) => index === groups.length - 1;
  const label = `Best scores of ${groups.map(({ name }) => name).join(', ')}, with the threshold`;
  return draw('scores', label, topOf(groups.length) + 22, {
    grid: groups.map((_, i) => ({ ...PANEL, top: topOf(i) })),
    title: groups.map(({ name, counts, color }, i) => ({
      text: `${name}: ${counts.reduce((sum, n) => sum + n, 0)}`,
      ...{ left: PANEL.left, top: topOf(i) - 20, padding: 0 },
      textStyle: { color, fontSize: FONT_PX, fontWeight: 600 },
    })),
    xAxis: groups.map((_, gridIndex) =>
      axis(isLast(gridIndex) ? 'best score, a cosine' : '', {
        ...{ gridIndex, ...range, interval: 0.1, nameGap: 26, splitLine: { show: false }, axisTick: { show: false } },
        axisLabel: { show: isLast(gridIndex), color: TEXT, fontSize: FONT_PX },
      }),
    ),
    yAxis: groups.map((_, gridIndex) => ({ type: 'value', gridIndex, show: false, min: 0 })),
    series: groups.map(({ name, counts, color }, i) =>
      line(name, steps(histogram.edges, counts), color, {
        ...{ xAxisIndex: i, yAxisIndex: i, step: 'end', areaStyle: { color, opacity: 0.25 } },
        markLine: { ...upright(threshold), label: { show: false } },
      }),
    ),
  });
}

const PANEL = { left: 14, right: 16, height: 64, gap: 26 };

/** A bar is the step from its left edge to its right one. */
function steps(edges: readonly number[], counts: readonly number[]): number[][] {
  const total = counts.reduce((sum, n) => sum + n, 0);
  return [...counts.map((n, i) => [edges[i]!, n / total]), [edges[counts.length] ?? edges.at(-1)!, 0]];
}

/** From the first bar to the last of any group, and the threshold. */
function rangeOf(edges: readonly number[], groups: readonly { counts: readonly number[] }[], threshold: number) {
  const filled = groups.flatMap(({ counts }) => counts.flatMap((n, i) => (n > 0 ? [edges[i]!, edges[i + 1]!] : [])));
  const rounded = (value: number, round: (value: number) => number) => round(10 * value) / 10;
  return {
    min: rounded(Math.min(...filled, threshold), Math.floor),
    max: rounded(Math.max(...filled, threshold), Math.ceil),
  };
}

/** Loss and the validation's rank-1 over the epochs. */
export function learningChart({ points }: LearningCurve): Html {
  const data = (valueOf: (point: LearningCurve['points'][number]) => number | null | undefined) =>
    points.flatMap((point) => {
      const value = valueOf(point);
      return value == null ? [] : [[point.epoch, value]];
    });
  const showSymbol = points.length === 1;
  const series = [
    line(
      'training loss',
      data(({ loss }) => loss),
      'var(--candidate)',
      { showSymbol },
    ),
    line(
      'validation loss',
      data(({ validationLoss }) => validationLoss),
      'var(--newcomers)',
      { showSymbol },
    ),
    line(
      'validation rank-1',
      data(({ validationRank1: it }) => (it === null ? null : 100 * it)),
      'var(--champion)',
      {
        ...{ showSymbol, yAxisIndex: 1, lineStyle: { type: 'dashed' } },
      },
    ),
  ].filter((one) => one.data.length > 0);
  return draw('learning', 'Loss and rank-1 over the epochs of the training', 280, {
    grid: { left: 52, right: 62, top: 18, bottom: 48 },
    xAxis: axis('epoch', {
      min: points.length === 1 ? 0 : 1,
      max: Math.max(2, points.length),
      minInterval: 1,
      nameGap: 28,
      splitLine: { show: false },
    }),
    yAxis: [
      axis('loss', { min: 0, nameGap: 34 }),
      axis('rank-1', { min: 0, max: 100, nameGap: 48, axisLabel: percentLabel, splitLine: { show: false } }),
    ],
    series,
  });
}
