import sharp from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { detChart, learningChart, scoreChart } from '../../../services/report/charts.ts';
import type { Html } from '../../../services/report/html.ts';
import { sampleReport } from '../../support/sample-report.ts';

const { report, evidence, curve } = await sampleReport();
const textsOf = ({ html }: Html) => [...html.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text!);
const DET = { report, det: evidence.det };

test('charts: the error trade-off has both axes in percent, and the promise', () => {
  const texts = textsOf(detChart(DET));
  for (const text of ['strangers let in, FPIR', 'kept out, FNIR', '0.1 %', '1 %', '100 %', 'promise'])
    assert.ok(texts.includes(text), `"${text}" is not among ${texts.join(' | ')}`);
});

test('charts: an operating point that lets nobody in stands at the edge, and empty curves are no error', () => {
  const { accuracy } = report.candidate;
  const fpir = { ...accuracy.identify.fpir, share: 0, lower: 0 };
  const strict = { ...accuracy, identify: { ...accuracy.identify, fpir } };
  const none = { candidate: [{ threshold: 0.9, fpir: 0, fnir: 1 }], champion: null };
  const { html } = detChart({
    report: { ...report, champion: null, candidate: { ...report.candidate, accuracy: strict } },
    det: none,
  });
  assert.not.match(html, /NaN|Infinity/);
});

test('charts: a group of scores without a search has no panel', () => {
  const { histogram } = evidence;
  const named = (texts: readonly string[]) => texts.filter((text) => /^\w+: \d+$/.test(text));
  assert.equal(named(textsOf(scoreChart(histogram, 0.42))), ['enrolled: 305', 'newcomers: 75', 'strangers: 400']);
  const without = { ...histogram, newcomers: histogram.newcomers.map(() => 0) };
  assert.equal(named(textsOf(scoreChart(without, 0.42))), ['enrolled: 305', 'strangers: 400']);
});

test('charts: the names in a drawing are its own, and the same values give the same bytes', () => {
  const first = detChart(DET).html;
  assert.is(detChart(DET).html, first);
  assert.not.match(first + scoreChart(evidence.histogram, 0.42).html, /zr\d|<style|ecmeta/);
});

test('charts: other programs can read them', async () => {
  const one = { ...curve, points: curve.points.slice(0, 1) };
  for (const { html } of [
    detChart(DET),
    scoreChart(evidence.histogram, 0.42),
    learningChart(curve),
    learningChart(one),
  ]) {
    const { format } = await sharp(Buffer.from(html)).metadata();
    assert.is(format, 'svg');
  }
});

test.run();
