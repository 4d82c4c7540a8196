import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ReportInput } from '../../../services/report/input.ts';
import { reportHtml } from '../../../services/report/report-html.ts';
import { hostileInput, sampleInput } from '../../support/sample-report.ts';

const input = await sampleInput();
const page = reportHtml(input);
const sectionsOf = (text: string) =>
  Object.fromEntries(
    [...text.matchAll(/<section id="([\w-]+)"[^>]*>([\s\S]*?)<\/section>/g)].map(([, id, body]) => [id!, body!]),
  );
const wordsOf = (body: string) =>
  body
    .replaceAll(/<style>[\s\S]*?<\/style>/g, '')
    .replaceAll(/<[^>]+>/g, ' ')
    .replaceAll(/[\s\u00a0]+/g, ' ')
    .trim();
const drawn = (changes: Partial<ReportInput>) => reportHtml({ ...input, ...changes });

test('report: the verdict and its reasons come first', () => {
  const words = wordsOf(page.slice(page.indexOf('<body>')));
  assert.match(words, /^Verification of face, run-20261126-020000-1a2b \? Inconclusive No gate is broken/);
  assert.ok(words.indexOf(input.report.reasons[0]!) < words.indexOf('The five figures'));
});

test('report: nothing is loaded and nothing runs', () => {
  assert.match(
    page,
    /http-equiv="Content-Security-Policy"\s+content="default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;; img-src data:;/,
  );
  assert.not.match(page, /<script|<link|@import|url\((?!#)|(?:src|href)="(?!data:image\/png;base64,)/);
});

test('report: every part has its content', () => {
  const sections = sectionsOf(page);
  const expected: Readonly<Record<string, RegExp>> = {
    figures: /Strangers let in 1 % .*champion 1 %.*Newcomers kept out 13\.3 %.*Rank-1 per person 96\.6 % worst tenth/,
    gates: /2 undecided, 7 held.*\? undecided fpir 0\.01, limit 0\.01/,
    threshold:
      /identify: 1 % of 400 searches.*verify: .*76 enrolled people.*candidate identify 0\.422 1 % 0\.25 % to 2\.3 % inconclusive 1 % promised/,
    worst: /Cleo Marchetti 60 % 5 .*light: left 7\.2 % ≤ [\d.]+ % 14\.5 %/,
    names: /3 images .*Milo Lindqvist two alike office\/31-4\.png/,
    pictures:
      /most like Ada Okafor 0\.436, above the threshold strangers\/92-0\.png.*right, below the threshold.*Most alike under two names Ada Okafor and Ben Okafor 0\.610 office\/0-2\.png ?, office\/1-2\.png/,
    speed: /99 of 100 within, ms 7\.79 8\.74/,
    training: /training loss validation loss validation rank-1 .*40 epochs/,
    data: /enrolled people 76 .*200, 400 images, from a source of their own.*Quarantined: 13: 6 duplicate, 4 unreadable, 3 contradictory-label/,
    'data-pictures':
      /1 person came: Dara Okafor ?\. 31 images, 6 of them shown.*2 people left: Emil Okafor ?, Fay Okafor ?\. 2 images\..*13 samples, 5 of them shown.*Ada Okafor duplicate refused.*unreadable Ada Okafor unreadable refused/,
  };
  for (const [id, pattern] of Object.entries(expected)) assert.match(wordsOf(sections[id]!), pattern, id);
  assert.equal(Object.keys(sections), Object.keys(expected));
  assert.is(page.match(/<img /g)!.length, 33);
  assert.is(page.match(/class="no-picture"/g)!.length, 4);
  assert.is(page.match(/<svg /g)!.length, 3);
});

test('report: the words are those of the model', () => {
  const text = wordsOf(drawn({ noun: { one: 'class', many: 'classes' } }));
  assert.match(text, /Rank-1 per class/);
  assert.match(text, /76 enrolled classes/);
  assert.not.match(text, /\bpeople\b/);
});

test('report: a part whose values are gone says so', () => {
  const sections = sectionsOf(drawn({ evidence: null, curve: null, data: null, sheet: null }));
  assert.match(sections['threshold']!, /The curves of this run are no longer stored/);
  assert.match(sections['pictures']!, /no longer stored/);
  assert.match(sections['training']!, /There is no learning curve/);
  assert.match(sections['data']!, /The snapshot itself is no longer stored/);
  assert.match(sections['data-pictures']!, /There is no sheet of this data/);
});

test('report: a first release has nothing to compare with', () => {
  const alone = {
    ...input.report,
    champion: null,
    comparison: null,
    best: null,
    verdict: 'blessed',
    reasons: [],
  } as const;
  const text = drawn({ report: { ...alone, reasons: [] } });
  assert.match(wordsOf(text), /Blessed Every gate holds/);
  assert.match(wordsOf(text), /There is no champion to compare with/);
  assert.not.match(wordsOf(sectionsOf(text)['figures']!), /champion \d/);
  assert.match(sectionsOf(text)['names']!, /There is no champion/);
});

test('report: figures that the data cannot give are a dash, and nothing to list is said', () => {
  const { candidate } = input.report;
  const accuracy = { ...candidate.accuracy, newcomers: null, slices: [], worstPeople: [] };
  const evidence = {
    ...input.evidence!,
    worst: { falseAccepts: [], falseRejects: [] },
    // Of the other of the two nothing is left.
    alike: [{ score: 0.6, images: input.evidence!.alike![0]!.images.slice(1) }],
    histogram: { edges: [], staff: [], newcomers: [], strangers: [] },
  };
  const comparison = { ...input.report.comparison!, namesLost: [], namesLostTotal: 0 };
  const report = { ...input.report, candidate: { ...candidate, accuracy }, comparison, gates: [] };
  const sections = sectionsOf(drawn({ report, evidence }));
  assert.match(wordsOf(sections['figures']!), /Newcomers kept out - /);
  for (const [id, sentence] of [
    ['gates', 'No gate was asked for.'],
    ['threshold', 'No search gave a score.'],
    ['worst', 'None: the best match of every image is right.'],
    ['worst', 'No image has a tag.'],
    ['names', 'None: no image'],
    ['pictures', 'No stranger was searched.'],
    ['pictures', 'Every image was answered with its name.'],
    ['pictures', 'No pairs are stored.'],
  ])
    assert.ok(wordsOf(sections[id!]!).includes(sentence!), `${id}: ${sentence}`);
});

test('report: hostile names are text', async () => {
  const hostile = reportHtml(await hostileInput());
  assert.not.match(hostile, /<script|<form|<img src=x|<\/title><\/style>/);
  assert.is(hostile.match(/&lt;script&gt;window\.pwned/g)!.length > 5, true);
  const escaped = { ...input.evidence!.worst.falseAccepts[0]!, picture: '"><script>alert(1)</script>' };
  const worst = { falseAccepts: [escaped], falseRejects: [] };
  const forged = drawn({ evidence: { ...input.evidence!, worst } });
  assert.not.match(forged, /<script/);
  assert.match(forged, /unreadable image/);
});

test.run();
