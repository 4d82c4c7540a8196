/** A verdict as people read it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeVerdict, readVerdict, type Judged } from '../../cli/verdict-view.ts';
import { createBlobStore } from '../../infra/stores/blob-store.ts';
import { accuracy, figures, recognition, report } from '../support/figures.ts';
import { verified } from '../support/runs.ts';
import { withServer } from '../support/server.ts';

const champion = { digest: figures().candidate.digest, accuracy: accuracy({ newcomers: recognition({ fnir: 0.25 }) }) };
const candidate = {
  ...figures().candidate,
  accuracy: accuracy({
    recognition: recognition({ fnir: 0.123, wrongName: 0.005, rank1PerPerson: 0.9667 }),
    identify: { threshold: 0.5, fpir: { ...accuracy().identify.fpir, share: 0.04, upper: 0.061 } },
  }),
};
const REASONS = ['4 % of strangers are let in; 1 % was promised', 'two names were lost'];
const GATES = [
  { name: 'fpir', value: 0.04, limit: 0.01, outcome: 'broken' as const, message: 'strangers are let in' },
  { name: 'far', value: null, limit: 0.001, outcome: 'undecided' as const, message: 'too few comparisons' },
];
const rejected = (changes: Partial<Judged> = {}): Judged => ({
  verification: { ...verified('r1.verify.1', 'rejected'), reasons: REASONS, figures: figures({ candidate, champion }) },
  report: report({ gates: GATES }),
  ...changes,
});

/** The cells of the row that begins with the text. */
function cells(text: string, start: string): string[] {
  const line = text.split('\n').find((it) => it.startsWith(`│ ${start}`));
  assert.ok(line, `${start} in\n${text}`);
  return line
    .split('│')
    .map((cell) => cell.trim())
    .filter((cell) => cell !== '');
}

test('verdict: the reasons stand first, then five figures beside the champion, then the gates', () => {
  const text = describeVerdict(rejected());
  assert.equal(text.split('\n').slice(0, 3), ['verdict: rejected', `  ${REASONS[0]}`, `  ${REASONS[1]}`]);
  assert.match(text, /Strangers let in +4 % +champion +1 % +\(with 95 % confidence below 6\.1 %; promised 1 %\)/);
  assert.match(text, /Kept out +12\.3 % +champion +10 %/);
  assert.match(text, /Wrong names +0\.5 % +champion +0 %/);
  assert.match(text, /Newcomers kept out +- +champion +25 %/);
  assert.match(text, /Rank-1 per person +96\.7 % +champion +95 %/);
  assert.equal(cells(text, 'fpir'), ['fpir', 'broken', '0.04', '0.01', 'strangers are let in']);
  assert.equal(cells(text, 'far'), ['far', 'undecided', '-', '0.001', 'too few comparisons']);
  assert.ok(text.indexOf('Rank-1 per person') < text.indexOf('undecided'));
});

test('verdict: an inconclusive one says whether the candidate may serve; a first release is beside nothing', () => {
  const says = (admitted: boolean) =>
    describeVerdict({ verification: verified('r1.verify.1', 'inconclusive', admitted), report: null }).split('\n')[0];
  assert.equal(
    [says(true), says(false)],
    ['verdict: inconclusive, and may serve', 'verdict: inconclusive, and may not serve'],
  );
  const first = describeVerdict({ verification: verified('r1.verify.1', 'blessed'), report: report() });
  assert.match(first, /Rank-1 per person +95 %(?! +champion)/);
  const classes = { one: 'class', many: 'classes' };
  const ofClasses = describeVerdict({ verification: verified('r1.verify.1', 'blessed'), report: report() }, classes);
  assert.match(ofClasses, /Rank-1 per class +95 %/);
});

test('verdict: one of 0.2.0 is shown in the words of today, without its figures and its report', () =>
  withServer(async (server) => {
    const nc = await server.connect('view');
    const put = (content: object) =>
      createBlobStore(nc).put('REPORTS', 'r1/report.json', Buffer.from(JSON.stringify(content)));
    const { admitted: _, ...rest } = verified('r1.verify.1', 'rejected');
    const old = { ...rest, verdict: 'passed', figures: { candidate: { accuracy: { rank1: 1 } }, champion: null } };
    const judged = await readVerdict(nc, { ...old, report: await put({ format: 'nightshift.verification/1' }) });
    assert.equal([judged?.verification.verdict, judged?.verification.admitted], ['blessed', true]);
    assert.equal([judged?.verification.figures, judged?.report], [null, null]);
    assert.match(describeVerdict(judged!), /^verdict: blessed\nits figures are .* earlier version.*\nits report, r1\//);

    const today = { ...verified('r1.verify.1', 'rejected'), report: await put(rejected().report!) };
    assert.equal((await readVerdict(nc, today))?.report?.gates, GATES);
    assert.is((await readVerdict(nc, verified('r1.verify.1', 'blessed')))?.report, null, 'a report that is gone');
    assert.is(await readVerdict(nc, null), null);
    assert.is(await readVerdict(nc, { verdict: 'of a later version' }), null);
  }));

test.run();
