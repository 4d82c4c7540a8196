import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pairIn } from '../../cli/run-memory.ts';

const ref = (key: string) => ({ bucket: 'MODELS' as const, key, digest: `sha256:${'a'.repeat(64)}`, bytes: 1 });
const verification = { gallery: ref('gallery'), golden: ref('golden'), statement: ref('statement') };

test('run memory: the pair of a run is its candidate with what the verifier made of it', () => {
  const pair = { ...verification, model: ref('model'), runId: 'run-1' };
  assert.equal(pairIn({ candidate: ref('model'), verification, blessing: null }, 'run-1'), pair);
  assert.equal(pairIn({ candidate: ref('model'), verification, blessing: { by: 'Ada' } }, 'run-1'), {
    ...pair,
    blessed: true,
  });
});

test('run memory: a refit that serves takes the place of the candidate, as the statement has it', () => {
  const refitted = { ...verification, refit: ref('refit') };
  const pair = pairIn({ candidate: ref('model'), verification: refitted }, 'run-1');
  assert.equal(pair, { ...verification, model: ref('refit'), runId: 'run-1' });
});

test('run memory: a run without a verified candidate has no pair', () => {
  assert.is(pairIn({ candidate: ref('model'), verification: null }, 'run-1'), null);
  assert.is(pairIn({ candidate: null, verification: null }, 'run-1'), null);
});

test.run();
