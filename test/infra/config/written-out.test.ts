/** Digests of what a pipeline writes out: another place is another digest, another login or folder of programs is none. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { definitionsOf } from '../../support/local.ts';

const FACE = {
  sources: [{ type: 'http', name: 'auth', url: 'https://auth.internal/faces', bearer: { env: 'TOKEN' } }],
  strangers: [{ type: 'directory', name: 'street', path: '/street' }],
  training: {
    strategy: 'command',
    command: { argv: ['train'], env: { KEY: 'secret' } },
    backbone: { path: 'net.onnx' },
  },
  deployment: { strategy: { module: '/own/deployment.mjs' } },
};
const writtenOut = (face: object) => definitionsOf({ face }).writtenOut('face');

test('written out: sources, programs and files by their place; code of one’s own and what is only named are none', () => {
  const places = ['sources.auth', 'strangers.street', 'training.backbone.path', 'training.command'];
  assert.equal(Object.keys(writtenOut(FACE)).sort(), places);
  assert.equal(writtenOut({ sources: [{ type: 'local', name: 'auth' }] }), {});
  assert.equal(definitionsOf({ face: FACE }).writtenOut('door'), {});
});

test('written out: another login is the same source, another address is not', () => {
  const withSource = (change: object) => writtenOut({ ...FACE, sources: [{ ...FACE.sources[0], ...change }] });
  const before = writtenOut(FACE);
  assert.equal(withSource({ bearer: { file: '/run/token' }, timeoutMs: 500 }), before);
  const other = withSource({ url: 'http://127.0.0.1:9' });
  assert.not.equal(other['sources.auth'], before['sources.auth']);
  assert.is(other['training.command'], before['training.command']);
});

test('written out: the environment of a program says nothing of it', () => {
  const command = { argv: ['train'], cwd: '/elsewhere', env: { KEY: 'another' } };
  assert.equal(writtenOut({ ...FACE, training: { ...FACE.training, command } }), writtenOut(FACE));
});

test.run();
