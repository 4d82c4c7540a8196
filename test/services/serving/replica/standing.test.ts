import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { shouldServe, type Situation } from '../../../../actors/inference/service.ts';
import { Standing } from '../../../../services/serving/replica/standing.ts';

function standingAt(start: number) {
  const clock = { now: start };
  return { clock, standing: new Standing(() => clock.now) };
}

test('standing: good once a heartbeat is stored, the record was read after it, and what it asks for is served', () => {
  const { standing } = standingAt(0);
  assert.not.ok(standing.isGood);
  standing.renew(100);
  standing.confirm();
  assert.not.ok(standing.isGood, 'the record was not read');
  standing.inform(standing.term);
  standing.confirm();
  assert.ok(standing.isGood);
});

test('standing: lost when the heartbeat lapses, and not regained by the next one alone', () => {
  const { clock, standing } = standingAt(0);
  standing.renew(100);
  standing.inform(standing.term);
  standing.confirm();
  clock.now = 99;
  assert.ok(standing.isGood);
  clock.now = 100;
  assert.not.ok(standing.isGood);
  standing.renew(200);
  standing.confirm();
  assert.not.ok(standing.isGood);
  standing.inform(standing.term);
  standing.confirm();
  assert.ok(standing.isGood);
});

test('standing: a heartbeat in time keeps it; a record read before the lapse does not count', () => {
  const { clock, standing } = standingAt(0);
  standing.renew(100);
  const before = standing.term;
  standing.inform(before);
  standing.confirm();
  clock.now = 50;
  standing.renew(150);
  assert.ok(standing.isGood);
  clock.now = 150;
  standing.renew(250);
  standing.inform(before);
  standing.confirm();
  assert.not.ok(standing.isGood);
});

const SITUATIONS: readonly [string, Partial<Situation>, boolean][] = [
  ['nothing was deployed yet', { wanted: null, served: null }, true],
  ['it serves what is wanted', { wanted: 2, served: 2 }, true],
  ['it is starting and has loaded nothing yet', { wanted: 2, served: null }, false],
  ['it serves the former release and loads the next one', { wanted: 2, served: 1, isInService: true }, true],
  ['it came back and is behind', { wanted: 2, served: 1, isInService: false }, false],
  ['it cannot load what is wanted', { wanted: 2, served: 1, isFailed: true, isInService: true }, false],
  ['its model died and cannot be loaded again', { wanted: 2, served: 2, isFailed: true, isInService: true }, false],
];
for (const [name, situation, serves] of SITUATIONS) {
  test(`service: ${name} -> ${serves ? 'takes' : 'leaves'} requests`, () => {
    assert.is(shouldServe({ wanted: 1, served: 1, isFailed: false, isInService: false, ...situation }), serves);
  });
}

test.run();
