/** Differences of two pipelines as `nightshift apply` shows them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { describeDifferences, differences } from '../../cli/config-diff.ts';
import { pipelineConfig } from '../support/runs.ts';

const of = (overrides: object = {}, definitions: Readonly<Record<string, string>> = {}) => ({
  pipeline: pipelineConfig(overrides),
  definitions,
});
const two = [
  { type: 'local', name: 'people' },
  { type: 'local', name: 'helper' },
];

test('differences: none of a pipeline with itself', () => {
  assert.equal(differences(of({ schedule: { cron: '0 2 * * *' } }), of({ schedule: { cron: '0 2 * * *' } })), []);
});

test('differences: a setting that is changed, added or gone, by its path; a source by its name', () => {
  const before = of({ training: { epochs: 5 }, schedule: { cron: '0 2 * * *' } });
  const after = of({ training: { epochs: 6 }, sources: two });
  const found = differences(before, after);
  assert.equal(
    found.map(({ path, kind }) => `${kind} ${path}`),
    [
      ...['catchUpMs', 'cron', 'overlap', 'timeZone'].map((it) => `removed schedule.${it}`),
      'added sources.helper',
      'changed training.epochs',
    ],
  );
  const text = describeDifferences(found);
  assert.match(text, /^ {2}- schedule\.cron +"0 2 \* \* \*"$/m);
  assert.match(text, /^ {2}~ training\.epochs +5 -> 6$/m);
});

test('differences: another definition under the same name is one, and shows nothing of it', () => {
  const [before, after] = [of({}, { 'sources.people': 'a'.repeat(12) }), of({}, { 'sources.people': 'b'.repeat(12) })];
  assert.equal(differences(before, after), [{ path: 'sources.people', kind: 'defined anew' }]);
  assert.match(describeDifferences(differences(before, after)), 'sources.people  another definition under this name');
});

test('differences: of a new model, all that it has', () => {
  const found = differences(null, of());
  assert.ok(found.length > 20 && found.every(({ kind }) => kind === 'added'));
});

test.run();
