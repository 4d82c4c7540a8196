/** Names are looked up in the file of the machine: what a pipeline writes out, what `local` defines, and what is not there. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { carriedOf } from '../../../contracts/configuration/separate.ts';
import { PipelineConfigSchema } from '../../../contracts/configuration/pipeline.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { definitionsOf } from '../../support/local.ts';

const FILE = '/etc/nightshift.config.json';
const FACE = {
  sources: [{ type: 'directory', name: 'auth', path: '/own' }],
  strangers: [{ type: 'directory', name: 'auth', path: '/street' }],
  faces: { detector: '/own/detector.onnx' },
  training: {
    strategy: 'command',
    command: { argv: ['own'], inheritEnv: ['CUDA_VISIBLE_DEVICES'] },
    backbone: { path: '/own/backbone.onnx', cacheDir: '/own/cache' },
    foreignModel: { timeoutMs: 500 },
  },
  verification: { featuresDir: null },
  deployment: { strategy: { module: '/own/deployment.mjs' } },
};
const LOCAL = {
  programs: { pytorch: { argv: ['python3'] } },
  files: { arcface: '/srv/arcface.onnx' },
  modules: { mine: { module: '/srv/mine.mjs' } },
  sources: [{ type: 'directory', name: 'auth', path: '/shared' }],
};

test('local definitions: a pipeline that a file writes out is the same again once its names are looked up there', () => {
  const { pipelines, ...local } = definitionsOf({ face: FACE });
  const written = PipelineConfigSchema.parse(FACE);
  const { sources, strangers, faces, training, verification, deployment } = pipelines['face']!;
  assert.equal(local.sources('face', 'sources', sources), written.sources);
  assert.equal(local.sources('face', 'strangers', strangers), written.strangers);
  assert.equal(local.faces(faces), written.faces);
  assert.equal(local.training('face', training), written.training);
  assert.equal(local.verification('face', verification), written.verification);
  assert.equal(local.deployment(deployment), written.deployment);
});

test('local definitions: another machine has its own under the same names', () => {
  const { pipelines } = definitionsOf({ face: FACE });
  const other = { ...FACE, training: { ...FACE.training, command: { argv: ['other'] } } };
  const local = definitionsOf({ face: other });
  assert.equal(local.training('face', pipelines['face']!.training).command?.argv, ['other']);
});

const NAMED = {
  sources: [{ type: 'local', name: 'auth' }],
  faces: { detector: { local: 'arcface' } },
  training: { strategy: { local: 'mine' }, command: { local: 'pytorch' }, backbone: { path: { local: 'arcface' } } },
};

test('local definitions: the section `local` serves every model, and one of the model itself comes first', () => {
  const named = carriedOf('face', PipelineConfigSchema.parse(NAMED));
  const worker = definitionsOf({}, LOCAL);
  const { strategy, command, backbone, foreignModel } = worker.training('face', named.training);
  assert.equal([strategy, command?.argv], [{ module: '/srv/mine.mjs', options: {} }, ['python3']]);
  assert.equal([backbone?.path, backbone?.cacheDir], ['/srv/arcface.onnx', '.nightshift/features']);
  assert.is(foreignModel.timeoutMs, 120_000);
  assert.is(worker.faces(named.faces)?.detector, '/srv/arcface.onnx');
  assert.is(worker.verification('face', named.verification).featuresDir, '.nightshift/features');
  const pathOf = (local: typeof worker, model: string) => {
    const [source] = local.sources(model, 'sources', named.sources);
    return source?.type === 'directory' ? source.path : null;
  };
  assert.equal([pathOf(worker, 'face'), pathOf(definitionsOf({ face: FACE }, LOCAL), 'face')], ['/shared', '/own']);
  assert.is(pathOf(definitionsOf({ face: FACE }, LOCAL), 'door'), '/shared', "another model's own is not meant");
});

const refusalOf = (look: () => unknown): string => {
  try {
    look();
  } catch (error) {
    assert.instance(error, PipelineError);
    const { code, retryable, message } = error as PipelineError;
    assert.equal([code, retryable], ['LOCAL_UNDEFINED', false]);
    return message;
  }
  throw new Error('it was found');
};

test('local definitions: a name that is not there is an error with the name, the file, the place in it, and what there is', () => {
  const named = carriedOf('face', PipelineConfigSchema.parse(NAMED));
  const worker = definitionsOf({}, { files: { yunet: '/srv/yunet.onnx' } }, FILE);
  assert.is(
    refusalOf(() => worker.faces(named.faces)),
    `no file "arcface" is defined on this machine; write it into ${FILE} as local.files.arcface, and start this process ` +
      'again. Defined there: yunet',
  );
  assert.match(
    refusalOf(() => worker.training('face', { ...named.training, strategy: 'command' })),
    /no program "pytorch" .* as local\.programs\.pytorch, .* Defined there: none$/,
  );
  assert.match(
    refusalOf(() => worker.training('face', named.training)),
    /no module "mine" .* as local\.modules\.mine, /,
  );
  assert.match(
    refusalOf(() => worker.sources('face', 'strangers', [{ type: 'local', name: 'street' }])),
    /no source "street" .* as an element of models\.face\.strangers, or of local\.sources, /,
  );
  const { pipelines } = definitionsOf({ face: FACE });
  assert.match(
    refusalOf(() => worker.training('face', pipelines['face']!.training)),
    /no program "face\.training\.command" .* as models\.face\.training\.command, as the orchestrator's file has it, /,
  );
  assert.match(
    refusalOf(() => definitionsOf({}).deployment(pipelines['face']!.deployment)),
    /write it into its configuration as models\.face\.deployment\.strategy/,
  );
});

test('local definitions: all names of a file that it does not define can be told before a night needs them', () => {
  assert.equal(definitionsOf({ face: FACE, door: NAMED }, LOCAL).undefinedNames(), []);
  const told = definitionsOf({ face: FACE, door: NAMED }, { files: LOCAL.files }).undefinedNames();
  assert.equal(
    told.map((text) => /^no (\w+ "[^"]+")/.exec(text)?.[1]),
    ['module "mine"', 'program "pytorch"', 'source "auth"'],
  );
});

test('local definitions: a definition that changes has another digest, and one of another machine has none', () => {
  const stamp = (training: object) => {
    const local = definitionsOf({ face: { ...FACE, training: { ...FACE.training, ...training } } });
    return local.stamped(local.pipelines['face']!).training.command;
  };
  const first = stamp({});
  assert.match(first?.version ?? '', /^[0-9a-f]{12}$/);
  assert.equal(stamp({ epochs: 3 }), first);
  const changed = stamp({ command: { argv: ['own', '--faster'] } });
  assert.is(changed?.local, first?.local);
  assert.is.not(changed?.version, first?.version);
  const { pipelines } = definitionsOf({ face: FACE });
  const restamped = definitionsOf({}).stamped(definitionsOf({ face: FACE }).stamped(pipelines['face']!));
  assert.equal(restamped.training.command, { local: 'face.training.command' });
});

test.run();
