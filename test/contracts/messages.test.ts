/** Events of earlier versions, which the streams still hold. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompletedSchemas, StartSchemas } from '../../contracts/messages.ts';
import { DecisionConfigSchema } from '../../contracts/configuration/decision.ts';
import { blobRef, pipelineConfig, verified } from '../support/runs.ts';

const { admitted: _, ...rest } = verified('r1.verify.1', 'rejected');
const FIGURES_OF_02 = {
  candidate: { accuracy: { rank1: 0.9, rocAuc: 1, tarAtFar1e2: 1, threshold: 0.5, probes: 1, galleryPeople: 1 } },
  champion: null,
};
const of02 = (verdict: string) => ({ ...rest, verdict, figures: FIGURES_OF_02 });

test('messages: a verdict of 0.2.0 is read in the words of today, without its figures', () => {
  const read = (verdict: string) => {
    const { admitted, figures, ...event } = CompletedSchemas.verify.parse(of02(verdict));
    return [event.verdict, admitted, figures];
  };
  assert.equal(read('passed'), ['blessed', true, null]);
  assert.equal(read('rejected'), ['rejected', false, null]);
});

test('messages: a verdict of today is read as it is, and one without its admission is refused', () => {
  const today = verified('r1.verify.1', 'inconclusive', true);
  const { verdict, admitted, figures } = CompletedSchemas.verify.parse(today);
  assert.equal([verdict, admitted, figures], ['inconclusive', true, today.figures]);
  for (const wrong of [of02('inconclusive'), of02('blessed'), { verdict: 'passed' }, null, 'passed']) {
    assert.not.ok(CompletedSchemas.verify.safeParse(wrong).success, JSON.stringify(wrong));
  }
});

test('messages: a start command of 0.2.0 is read with the settings that were added', () => {
  const { strangers: __, decision: ___, ...pipeline } = pipelineConfig();
  const run = { runId: 'r1', model: 'face' };
  const collect = StartSchemas.collect.parse({ ...run, pipeline });
  assert.equal([collect.champion, collect.pipeline.strangers], [null, []]);
  const pairs = { dataset: blobRef('DATASETS', 'd'), candidate: blobRef('MODELS', 'm'), champion: null };
  const verify = StartSchemas.verify.parse({ ...run, ...pairs, verification: pipeline.verification });
  assert.equal([verify.decision, verify.history], [DecisionConfigSchema.parse({}), []]);
});

test.run();
