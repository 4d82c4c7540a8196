import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PEOPLE } from '../../../contracts/configuration/noun.ts';
import { modelCard } from '../../../services/report/model-card.ts';
import { hostileInput, sampleInput } from '../../support/sample-report.ts';

const { report, data } = await sampleInput();
const SNAPSHOT = `sha256:${'d'.repeat(64)}`;
const card = modelCard({ report, data, snapshot: SNAPSHOT, noun: PEOPLE });

test('model card: begins with the front matter, and its figures are those of the report', () => {
  const [, front] = /^---\n([\s\S]*?)\n---\n/.exec(card)!;
  assert.match(front!, /^license: unknown$/m);
  assert.match(front!, /^library_name: onnx$/m);
  assert.match(front!, /^pipeline_tag: image-feature-extraction$/m);
  const values = [...front!.matchAll(/- type: (\w+)\n +value: (\S+)/g)].map(([, type, value]) => [type, Number(value)]);
  const { recognition, identify } = report.candidate.accuracy;
  assert.equal(values, [
    ['fpir', identify.fpir.share],
    ['fnir', recognition.fnir],
    ['rank1', recognition.rank1PerPerson],
  ]);
});

test('model card: says what it is for, what it learned from, what was promised, and what nobody has shown', () => {
  for (const pattern of [
    /## Intended use/,
    new RegExp(`Snapshot: \`${SNAPSHOT}\``),
    /61 people trained on, with 480 images/,
    /15 people held out/,
    /\| identify, FPIR \| 0\.422 \| 1 % \| 1 % \| 0\.25 % to 2\.3 % \| inconclusive \|/,
    /\| verify, FAR \| 0\.362 \| 0\.1 % \|/,
    /\| Strangers let in \| 1 % \| 1 % \| with 95 % confidence below 2\.3 %; promised 1 % \|/,
    /No bound shows that the strangers at the door are like the strangers in the data/,
    /no liveness check/,
    /licence of the data, and so of the model, is not known/,
  ])
    assert.match(card, pattern);
});

test('model card: names nobody who is enrolled', () => {
  const named = report.candidate.accuracy.worstPeople.map(({ person }) => person);
  assert.ok(named.length > 0);
  assert.equal(
    named.filter((person) => card.includes(person)),
    [],
  );
});

test('model card: is there without champion, snapshot and strangers of their own', () => {
  const own = { ...report.data, strangers: { ...report.data.strangers, from: 'held-out' as const } };
  const alone = modelCard({
    report: { ...report, champion: null, data: own },
    data: null,
    snapshot: null,
    noun: PEOPLE,
  });
  assert.match(alone, /Snapshot: unknown/);
  assert.not.match(alone, /Champion/);
  assert.match(alone, /The strangers were people of the same sources, held out of training/);
});

test('model card: a hostile source or reason stays one line of text', async () => {
  const hostile = await hostileInput();
  const sources = [{ name: '# pwned\n\n| [x](http://evil) <script>', type: 'http', samples: 1, quarantined: 0 }];
  const text = modelCard({ ...hostile, data: { ...hostile.data!, sources }, snapshot: null });
  assert.not.match(text, /^# pwned|(?<!\\)<script|(?<!\\)\[x\]/m);
  assert.match(text, /- Source \\# pwned \\\| \\\[x\\\]\\\(http:\/\/evil\\\) \\<script\\>/);
});

test.run();
