/** Loading the configuration: defaults, file, environment, and errors that name the field. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PipelineError } from '../../../contracts/errors.ts';
import { loadConfig } from '../../../infra/config/config.ts';

function withFile(content: string, use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'nightshift-config-'));
  try {
    writeFileSync(join(folder, 'c.json'), content);
    use(join(folder, 'c.json'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    assert.is((error as PipelineError).code, 'CONFIG_INVALID');
    return (error as PipelineError).message;
  }
  return assert.unreachable('it must be refused') as never;
}

const SOURCES = [{ name: 'auth', type: 'directory', path: './faces' }];

test('config: a setting that does not exist is refused in every section, with the nearest that do', () => {
  const refusals: readonly (readonly [object, RegExp])[] = [
    [{ deployment: { gaurdMs: 1 } }, /models\.face\.deployment\.gaurdMs: .*did you mean guardMs\?/],
    [{ verification: { gates: { rank1min: 1 } } }, /verification\.gates\.rank1min: .*rank1Min/],
    [{ deployment: { canary: { window: 1 } } }, /canary\.window: .*windowMs/],
    [{ retry: { attempts: 1 } }, /retry\.attempts: .*attemptsMax/],
    [{ timeouts: { colour: 1 } }, /timeouts\.colour: .*there are collectMs, trainMs/],
    [{ training: { optimizer: { type: 'sgd', momentun: 0 } } }, /optimizer\.momentun: .*momentum/],
    [{ sources: [{ name: 'a', type: 'http', url: 'http://a', pagesize: 1 }] }, /sources\.0\.pagesize: .*pageSize/],
    [{ shedule: {} }, /models\.face\.shedule: .*schedule/],
  ];
  for (const [section, message] of refusals) {
    const models = { face: { sources: SOURCES, ...section } };
    withFile(JSON.stringify({ models }), (path) =>
      assert.match(
        refusal(() => loadConfig({ path, env: {} })),
        message,
      ),
    );
  }
  withFile('{"nat": {}}', (path) =>
    assert.match(
      refusal(() => loadConfig({ path, env: {} })),
      /nat: .*nats/,
    ),
  );
});

test('config: everything has a default but the models', () =>
  withFile('{}', (path) => {
    assert.equal(loadConfig({ path, env: {} }), {
      nats: { storeDir: '.nightshift', port: 4222, insecure: false, replicas: 1, namespace: 'nightshift' },
      log: { level: 'info' },
      collector: { cacheDir: '.nightshift/sources', cacheBytes: 10 * 1024 ** 3 },
      inference: { replicas: 1, queueMax: 256, batchMax: 16, delayMaxMs: 0, hangMinMs: 500, threads: 1 },
      serving: { consistency: 'available' },
      gateway: {
        ...{ enabled: true, host: '127.0.0.1', port: 7480, logins: {} },
        ...{ requestsMax: 128, requestsPerSecondMax: 500, bodiesMaxMiB: 16, streamsMax: 32 },
      },
      notify: { webhooks: {}, mail: {}, details: true, giveUpAfterHours: 72 },
      gallery: { approval: 'none' },
      releases: {},
      shutdown: { graceMs: 8000 },
      supervisor: { restartsMax: 10, memoryMaxMiB: {} },
      local: { programs: {}, files: {}, modules: {}, sources: [] },
      traces: { headers: {}, requestShare: 0.01, insecure: false },
      retention: { snapshots: 14, models: 7, reports: 90, graceMinutes: 60, absentDays: null },
      models: {},
      file: path,
    });
  }));

test('config: `$schema`, by which an editor finds the JSON Schema of the file, is accepted', () =>
  withFile('{"$schema":"./nightshift.schema.json","nats":{"port":0}}', (path) => {
    assert.is(loadConfig({ path, env: {} }).nats.port, 0);
  }));

test('config: a model needs its sources alone', () =>
  withFile(JSON.stringify({ models: { face: { sources: SOURCES } } }), (path) => {
    const { face } = loadConfig({ path, env: {} }).models;
    assert.is(face?.sources.length, 1);
    assert.is(face?.deployment.strategy, 'hot-swap');
  }));

const withFace = (face: object, check: (message: string) => void) =>
  withFile(JSON.stringify({ models: { face: { sources: SOURCES, ...face } } }), (path) =>
    check(refusal(() => loadConfig({ path, env: {} }))),
  );

test('config: a definition is written out or named, and a mixture is refused by its place', () => {
  withFace({ training: { command: { argv: ['a'], local: 'b' } } }, (message) =>
    assert.match(message, /models\.face\.training\.command: either argv, .*, or \{"local": "<name>"\} alone/),
  );
  withFace({ training: { command: { arg: ['a'] } } }, (message) =>
    assert.match(message, /models\.face\.training\.command\.arg: .* did you mean argv/),
  );
  withFace({ faces: { detector: 7 } }, (message) =>
    assert.match(message, /models\.face\.faces\.detector: a path, or \{"local": "<name>"\}/),
  );
  withFace({ sources: [{ type: 'local', name: 'a', url: 'http://a' }] }, (message) =>
    assert.match(message, /models\.face\.sources\.0\.url/),
  );
});

test('config: two sources of one name are refused, and a login in an address, which is not repeated', () => {
  const directory = (name: string) => ({ type: 'directory', name, path: '/a' });
  withFace({ sources: ['a', 'b', 'a'].map(directory) }, (message) =>
    assert.match(message, /models\.face\.sources: two sources are called "a"; give each a name of its own/),
  );
  withFace({ sources: [{ type: 'http', name: 'a', url: 'http://ada:s3cret@a/' }] }, (message) => {
    assert.match(message, /models\.face\.sources\.0\.url: no user or password stands in an address/);
    assert.not.match(message, 's3cret');
  });
});

test('config: a quorum that no night can meet is refused', () => {
  const sources = ['a', 'b'].map((name) => ({ type: 'directory', name, path: '/a', policy: 'best-effort' }));
  withFace({ sources, checks: { sourceFailed: { quorum: 3 } } }, (message) =>
    assert.match(message, /models\.face\.checks\.sourceFailed\.quorum: 3 sources cannot be read, because there are 2/),
  );
});

test('config: modules of the section `local` are relative to the file', () =>
  withFile(JSON.stringify({ local: { modules: { mine: { module: './own.mjs' } } } }), (path) =>
    assert.is(loadConfig({ path, env: {} }).local.modules['mine']?.module, join(dirname(path), 'own.mjs')),
  ));

test('config: the environment is stronger than the file, an empty variable is none', () =>
  withFile('{"nats":{"storeDir":"/a","replicas":3},"log":{"level":"warn"}}', (path) => {
    const env = { NATS_URL: 'nats://far:4222', NIGHTSHIFT_STORE: '/b', NIGHTSHIFT_LOG_LEVEL: '' };
    const { nats, log } = loadConfig({ path, env });
    assert.equal([nats.url, nats.storeDir, nats.replicas, log.level], ['nats://far:4222', '/b', 3, 'warn']);
    assert.is(loadConfig({ env: { ...env, NIGHTSHIFT_CONFIG: path } }).nats.replicas, 3);
  }));

test('config: what does not fit is named, with its path', () => {
  withFile('{"nats":{"replicas":2},"models":{"face":{"sources":[]}},"colour":1}', (path) => {
    const message = refusal(() => loadConfig({ path, env: {} }));
    for (const part of [path, 'nats.replicas', 'models.face.sources', 'colour']) assert.match(message, part);
  });
  withFile('{"log":', (path) =>
    assert.match(
      refusal(() => loadConfig({ path, env: {} })),
      'not readable JSON',
    ),
  );
  withFile('[]', (path) =>
    assert.match(
      refusal(() => loadConfig({ path, env: { NATS_URL: 'x' } })),
      'expected object',
    ),
  );
});

test('config: a file that was named must be there', () => {
  assert.match(
    refusal(() => loadConfig({ path: '/no/such.json', env: {} })),
    '/no/such.json',
  );
});

const TRAININGS: readonly [what: string, training: object, told: RegExp][] = [
  ['a misspelt setting', { learningrate: 0.1 }, /training.*learningrate/],
  ['a misspelt distortion', { augment: { flipp: true } }, /training\.augment.*flipp/],
  ['a misspelt field of a layer', { net: [{ type: 'dense', unit: 4 }] }, /training\.net/],
  ['the strategy command without a command', { strategy: 'command' }, /training\.command.*argv/],
  [
    'a command that is no list',
    { strategy: 'command', command: { argv: 'python train.py' } },
    /training\.command\.argv/,
  ],
  ['an unknown provider', { providers: ['gpu'] }, /training\.providers/],
  [
    'a head that is no list',
    { backbone: { path: 'a', head: 'non' } },
    /training\.backbone\.head: "none", "auto", or a list of layers/,
  ],
  ['a backbone without a path', { backbone: {} }, /training\.backbone\.path/],
];
for (const [what, training, told] of TRAININGS) {
  test(`config: ${what} is refused by name`, () =>
    withFile(JSON.stringify({ models: { faces: { sources: SOURCES, training } } }), (path) => {
      assert.match(
        refusal(() => loadConfig({ path, env: {} })),
        told,
      );
    }));
}

test("config: a module of one's own is relative to the file that names it", () => {
  const model = {
    sources: [{ type: 'module', name: 'archive', module: 'own/source.mjs', options: { list: 'a.csv' } }],
    strangers: [{ type: 'module', name: 'street', module: 'own/street.mjs' }],
    training: { strategy: { module: '/opt/training.mjs' } },
    deployment: { strategy: { module: '../deployment.mjs' } },
  };
  withFile(JSON.stringify({ models: { face: model } }), (path) => {
    const { sources, strangers, training, deployment } = loadConfig({ path, env: {} }).models['face']!;
    const [source] = sources;
    assert.equal(source, { ...model.sources[0], module: join(dirname(path), 'own/source.mjs') });
    const street = { ...model.strangers[0], module: join(dirname(path), 'own/street.mjs'), options: {} };
    assert.equal(strangers, [street]);
    assert.equal(training.strategy, { module: '/opt/training.mjs', options: {} });
    assert.equal(deployment.strategy, { module: join(dirname(path), '../deployment.mjs'), options: {} });
  });
  withFile(JSON.stringify({ models: { face: { ...model, training: { strategy: { modul: 'x' } } } } }), (path) =>
    assert.match(
      refusal(() => loadConfig({ path, env: {} })),
      /training\.strategy/,
    ),
  );
});

test.run();
