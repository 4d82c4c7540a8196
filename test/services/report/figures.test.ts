import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { figureLines, fiveFigures } from '../../../services/report/figures.ts';
import { sampleReport } from '../../support/sample-report.ts';

const { report } = await sampleReport();
const { accuracy } = report.candidate;

test('figures: five of them, of candidate and champion, with bound and promise where there is one', () => {
  const figures = fiveFigures(report);
  assert.equal(
    figures.map(({ key, candidate }) => [key, candidate]),
    [
      ['fpir', accuracy.identify.fpir.share],
      ['fnir', accuracy.recognition.fnir],
      ['wrongName', accuracy.recognition.wrongName],
      ['newcomers', accuracy.newcomers!.fnir],
      ['rank1PerPerson', accuracy.recognition.rank1PerPerson],
    ],
  );
  assert.is(figures[1]!.champion, report.champion!.accuracy.recognition.fnir);
  assert.is(figures[0]!.bound, 'with 95 % confidence below 2.3 %; promised 1 %');
  assert.equal(figures[1]!.difference, report.comparison!.fnir);
});

test('figures: without a champion and without newcomers there is nothing in their place', () => {
  const alone = { candidate: { accuracy: { ...accuracy, newcomers: null } }, champion: null };
  assert.equal(
    fiveFigures(alone).map(({ champion, difference }) => [champion, difference]),
    Array.from({ length: 5 }, () => [null, null]),
  );
  assert.is(fiveFigures(alone)[3]!.candidate, null);
  assert.equal(
    figureLines(alone).filter((line) => line.includes('champion')),
    [],
  );
});

test('figures: a line each for a terminal, in the words of the model', () => {
  const lines = figureLines(report, { one: 'class', many: 'classes' });
  assert.is(lines.length, 5);
  assert.match(lines[0]!, /^Strangers let in +1 % +champion +1 % +\(with 95 % .* promised 1 %\)$/);
  assert.match(lines[4]!, /^Rank-1 per class +96\.6 %/);
});

test.run();
