/** What of a pipeline travels: every setting has a word, texts only where somebody decided so, and definitions as names. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Rule } from '../../../contracts/configuration/carriage-rule.ts';
import { CARRIAGE } from '../../../contracts/configuration/carried.ts';
import { describeCarried, refusedIn } from '../../../contracts/configuration/refused.ts';
import { carriedOf, mapNames, separate } from '../../../contracts/configuration/separate.ts';
import { CarriedPipelineSchema } from '../../../contracts/configuration/carried-schemas.ts';
import { PipelineConfigSchema } from '../../../contracts/configuration/pipeline.ts';
import { configurationSchema, type JsonSchema } from '../../../infra/config/tools/json-schema.ts';

/** A pipeline in which every setting that is local or named is written out. */
const WHOLE = PipelineConfigSchema.parse({
  sources: [
    { type: 'http', name: 'auth', url: 'http://hush.internal/faces', headers: { 'x-key': 'hush' } },
    { type: 'directory', name: 'guests', path: '/srv/hush' },
    { type: 'module', name: 'archive', module: '/srv/hush.mjs', options: { list: 'hush' } },
  ],
  strangers: [{ type: 'directory', name: 'auth', path: '/srv/hush/street' }],
  faces: { detector: '/srv/hush/detector.onnx' },
  training: {
    strategy: { module: '/srv/hush/training.mjs' },
    command: { argv: ['hush'], cwd: '/srv/hush', env: { A: 'hush' }, inheritEnv: ['HUSH'], graceMs: 4321 },
    backbone: { path: '/srv/hush/backbone.onnx', cacheDir: '/srv/hush/cache', head: 'auto' },
    foreignModel: { timeoutMs: 4321 },
  },
  verification: { featuresDir: '/srv/hush/features' },
  deployment: { strategy: { module: '/srv/hush/deployment.mjs' }, guardMs: 7 },
});

test('carried: programs, paths, addresses and modules stay behind, and their names and all other settings go', () => {
  const { carried, definitions } = separate('face', WHOLE);
  assert.not.match(JSON.stringify(carried), /hush|4321/i);
  assert.equal(carried.sources, [
    { type: 'local', name: 'auth' },
    { type: 'local', name: 'guests' },
    { type: 'local', name: 'archive' },
  ]);
  assert.equal(carried.training.command, { local: 'face.training.command' });
  assert.equal(carried.training.strategy, { local: 'face.training.strategy' });
  assert.equal(carried.deployment.strategy, { local: 'face.deployment.strategy' });
  const { cacheDir: _, ...backbone } = WHOLE.training.backbone!;
  assert.equal(carried.training.backbone, { ...backbone, path: { local: 'face.training.backbone.path' } });
  assert.is(carried.faces?.detector.local, 'face.faces.detector');
  assert.equal([carried.deployment.guardMs, carried.training.epochs], [7, 40]);
  assert.equal(definitions.map(({ kind, name }) => `${kind} ${name}`).sort(), [
    'files face.faces.detector',
    'files face.training.backbone.path',
    'modules face.deployment.strategy',
    'modules face.training.strategy',
    'programs face.training.command',
    'sources face.sources.archive',
    'sources face.sources.auth',
    'sources face.sources.guests',
    'sources face.strangers.auth',
  ]);
  assert.equal(definitions.find(({ kind }) => kind === 'programs')?.value, WHOLE.training.command);
});

test('carried: a pipeline that is all names goes through unchanged, parsed or not, and is not refused', () => {
  const carried = carriedOf('face', WHOLE);
  assert.equal(carriedOf('other', carried), carried);
  assert.equal(CarriedPipelineSchema.parse(carried), carried);
  assert.equal(refusedIn(carried, CARRIAGE), []);
  assert.equal(CarriedPipelineSchema.parse(carriedOf('face', PipelineConfigSchema.parse(carried))), carried);
});

test('carried: a shipped strategy is a word, and what is absent stays absent', () => {
  const carried = carriedOf('face', PipelineConfigSchema.parse({ sources: [{ type: 'local', name: 'a' }] }));
  assert.equal([carried.training.strategy, carried.deployment.strategy], ['onnx-graph', 'hot-swap']);
  for (const absent of ['command', 'backbone', 'foreignModel']) assert.not.ok(absent in carried.training, absent);
  for (const absent of ['faces', 'schedule']) assert.not.ok(absent in carried, absent);
});

test('carried: everything local in a message is refused by its path, and the settings of its section are told', () => {
  const refused = refusedIn(JSON.parse(JSON.stringify(WHOLE)), CARRIAGE);
  assert.equal(refused.map(({ path }) => path).sort(), [
    'deployment.strategy.module',
    'deployment.strategy.options',
    'faces.detector',
    'sources.0.attemptsMax',
    'sources.0.fullEvery',
    'sources.0.headers',
    'sources.0.pageSize',
    'sources.0.timeoutMs',
    'sources.0.url',
    'sources.0.waitMaxMs',
    'sources.1.path',
    'sources.2.module',
    'sources.2.options',
    'strangers.0.path',
    'training.backbone.cacheDir',
    'training.backbone.path',
    'training.command.argv',
    'training.command.cwd',
    'training.command.env',
    'training.command.graceMs',
    'training.command.inheritEnv',
    'training.foreignModel.memoryBytes',
    'training.foreignModel.timeoutMs',
    'training.strategy.module',
    'training.strategy.options',
    'verification.featuresDir',
  ]);
  const told = describeCarried([{ path: 'training.command.argv', why: 'local' }]);
  assert.match(told, /^training \{strategy by \{"local": "<name>"\}, command by .*, epochs, .*warmStart\}$/);
  assert.not.match(told, /cacheDir|foreignModel|verification/);
});

test('carried: names may be replaced, and sources are left alone', () => {
  const named = mapNames(carriedOf('face', WHOLE), ({ local }, kind) => ({ local: `${kind}-${local.length}` }));
  assert.equal(named.training.command, { local: 'programs-21' });
  assert.equal(named.faces?.detector, { local: 'files-19' });
  assert.equal(named.sources, carriedOf('face', WHOLE).sources);
  assert.is(named.training.epochs, 40);
});

/** All settings whose value may be any text, by the schema that the documentation is made from. */
const ANY_TEXT = [
  'noun.one',
  'noun.many',
  'training.net',
  'training.backbone.output',
  'training.backbone.head',
  'deployment.canary.keyHeader',
  'schedule.cron',
  'schedule.timeZone',
  'schedule.window.from',
  'schedule.window.to',
];

test('carried: of the settings that may hold any text, these travel, and somebody has looked at each', () => {
  const { properties } = configurationSchema();
  const model = properties!['models']!.additionalProperties as JsonSchema; // It is a map of pipelines.
  assert.equal([...textsCarried(model, CARRIAGE)].sort(), [...ANY_TEXT].sort());
});

function* textsCarried(schema: JsonSchema, rule: Rule, path = ''): Generator<string> {
  if (rule === 'carried') {
    if (mayBeText(schema)) yield path;
    return;
  }
  if (rule === 'local' || 'named' in rule) return;
  for (const variant of schema.oneOf ?? schema.anyOf ?? [schema]) {
    for (const [key, inner] of Object.entries(variant.properties ?? {}))
      yield* textsCarried(inner, rule[key]!, path === '' ? key : `${path}.${key}`);
  }
}

/** Lists of layers are recursive; their texts are words of fixed lists, which training.ts says. */
function mayBeText({ type, enum: words, const: word, anyOf, oneOf, items, $ref }: JsonSchema): boolean {
  if (words || word !== undefined) return false;
  if ($ref) return true;
  return type === 'string' || [...(anyOf ?? []), ...(oneOf ?? []), ...(items ? [items] : [])].some(mayBeText);
}

test.run();
