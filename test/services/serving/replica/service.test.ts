import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shouldServe, type Situation } from '../../../../services/serving/replica/service.ts';

const SITUATIONS: readonly [string, Partial<Situation>, boolean][] = [
  ['nothing was deployed yet', { wanted: null, served: null }, true],
  ['it serves what is wanted', { wanted: 2, served: 2 }, true],
  ['it is starting and has loaded nothing yet', { wanted: 2, served: null }, false],
  ['it serves the former release and loads the next one', { wanted: 2, served: 1, isInService: true }, true],
  ['it came back and is behind', { wanted: 2, served: 1, isInService: false }, false],
  ['it cannot load what is wanted', { wanted: 2, served: 1, isFailed: true, isInService: true }, false],
  ['what is wanted is not signed', { wanted: 2, served: 1, isFailed: true, isRefused: true, isInService: true }, true],
  ['it is not signed, and it came back', { wanted: 2, served: 1, isFailed: true, isRefused: true }, false],
  [
    'its model died and is revoked',
    { wanted: 2, served: 2, isFailed: true, isRefused: true, isInService: true },
    false,
  ],
  ['its model died and cannot be loaded again', { wanted: 2, served: 2, isFailed: true, isInService: true }, false],
];
for (const [name, situation, serves] of SITUATIONS) {
  test(`service: ${name} -> ${serves ? 'takes' : 'leaves'} requests`, () => {
    const usual = { wanted: 1, served: 1, isFailed: false, isRefused: false, isInService: false };
    assert.is(shouldServe({ ...usual, ...situation }), serves);
  });
}

test.run();
