/** Whether the file of a worker fits to what was applied: what is lacking, and what is another thing under the same name. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { SeenConfig } from '../../../contracts/configuration/record.ts';
import { WORK_STAGES } from '../../../contracts/subjects.ts';
import { misfits } from '../../../infra/config/fit.ts';
import { definitionsOf } from '../../support/local.ts';

const FILE = '/etc/nightshift.config.json';
const face = (path: string) => ({
  sources: [{ type: 'directory', name: 'auth', path }],
  training: { strategy: 'command', command: { argv: ['train'] } },
});
const appliedFrom = (pipeline: object): SeenConfig[] => {
  const local = definitionsOf({ face: pipeline });
  const record = { format: 'nightshift.config/1' as const, model: 'face', revision: 3 };
  return [{ ...record, pipeline: local.pipelines['face']!, definitions: local.writtenOut('face') }];
};
const APPLIED = appliedFrom(face('/faces'));

test('fit: the file that was applied fits for every worker', () => {
  for (const stage of WORK_STAGES) assert.equal(misfits(stage, definitionsOf({ face: face('/faces') }), APPLIED), []);
});

test('fit: an empty file lacks what a collector and a trainer look up, and a verifier looks up nothing', () => {
  const empty = definitionsOf({}, {}, FILE);
  const [collector, ...more] = misfits('collect', empty, APPLIED);
  assert.match(`${collector}`, `no source "auth" is defined on this machine; write it into ${FILE}`);
  assert.equal(more, []);
  assert.match(misfits('train', empty, APPLIED).join(), 'no program "face.training.command" is defined');
  assert.equal(misfits('verify', empty, APPLIED), []);
});

test('fit: another source under the same name keeps every worker of that file away', () => {
  const stray = definitionsOf({ face: face('/synthetic') });
  for (const stage of WORK_STAGES) {
    assert.equal(misfits(stage, stray, APPLIED), [
      'models.face.sources.auth is another in this file than in the applied revision 3',
    ]);
  }
});

test('fit: names of the section `local` are each machine’s own, and a removed model asks for nothing', () => {
  const named = appliedFrom({ sources: [{ type: 'local', name: 'auth' }] });
  const local = { sources: [{ type: 'directory', name: 'auth', path: '/here' }] };
  assert.equal(misfits('collect', definitionsOf({}, local), named), []);
  const removed = APPLIED.map((it) => ({ ...it, pipeline: null, definitions: {} }));
  assert.equal(misfits('collect', definitionsOf({}), removed), []);
});

test.run();
