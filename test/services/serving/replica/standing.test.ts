import { test } from 'uvu';
import * as assert from 'uvu/assert';
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

test.run();
