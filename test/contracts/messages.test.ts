/** Events of earlier versions, which the streams still hold. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CompletedSchemas, refusedInStart, StartSchemas } from '../../contracts/messages.ts';
import type { WorkStage } from '../../contracts/subjects.ts';
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

test('messages: a start command without the settings that were added since 0.2.0 is read with them', () => {
  const { noun, sources, image, split, ...pipeline } = pipelineConfig();
  const run = { runId: 'r1', model: 'face' };
  const collect = StartSchemas.collect.parse({ ...run, pipeline: { noun, sources, image, split } });
  assert.equal([collect.champion, collect.pipeline.strangers], [null, []]);
  const pairs = { dataset: blobRef('DATASETS', 'd'), candidate: blobRef('MODELS', 'm'), champion: null };
  const verify = StartSchemas.verify.parse({ ...run, ...pairs, verification: pipeline.verification });
  assert.equal([verify.decision, verify.history], [DecisionConfigSchema.parse({}), []]);
});

/** Each in place of a name: the field, its value, and the paths that are refused for it. */
const SMUGGLED: readonly (readonly [stage: WorkStage, data: object, paths: readonly string[]])[] = [
  [
    'train',
    { training: { command: { argv: ['sh'], env: { A: 'b' } } } },
    ['training.command.argv', 'training.command.env'],
  ],
  ['train', { training: { command: { local: 'face', cwd: '/' } } }, ['training.command.cwd']],
  [
    'train',
    { training: { backbone: { path: '/x', cacheDir: '/y' } } },
    ['training.backbone.path', 'training.backbone.cacheDir'],
  ],
  ['train', { training: { strategy: { module: '/x.mjs' } } }, ['training.strategy.module']],
  ['train', { training: { foreignModel: { timeoutMs: 1e9 } } }, ['training.foreignModel.timeoutMs']],
  ['train', { training: { epochs: 2, program: 'sh' } }, ['training.program']],
  ['train', JSON.parse('{"training": {"__proto__": {"epochs": 1}}}') as object, ['training.__proto__']],
  ['train', { argv: ['sh'] }, ['argv']],
  ['collect', { pipeline: { sources: [{ type: 'http', name: 'a', url: 'http://a' }] } }, ['pipeline.sources.0.url']],
  ['collect', { pipeline: { sources: [{ type: 'directory', name: 'a' }] } }, ['pipeline.sources.0']],
  ['collect', { pipeline: { strangers: [{ type: 'local', name: 'a', path: '/' }] } }, ['pipeline.strangers.0.path']],
  ['collect', { pipeline: { faces: { detector: '/x.onnx' } } }, ['pipeline.faces.detector']],
  ['collect', { pipeline: { training: {} } }, ['pipeline.training']],
  ['verify', { verification: { featuresDir: '/x' } }, ['verification.featuresDir']],
];

test('messages: a start command is refused by the path of each program, path, address and module, and of settings that do not exist', () => {
  for (const [stage, data, paths] of SMUGGLED) {
    assert.equal(
      refusedInStart(stage, data).map(({ path }) => path),
      paths,
    );
    assert.not.ok(StartSchemas[stage].safeParse({ runId: 'r1', model: 'face', ...data }).success);
  }
});

test.run();
