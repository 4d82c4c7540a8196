/** Trace context: what is derived, and what of a sender's is believed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  randomSpanId,
  randomTraceId,
  readTraceparent,
  spanIdOf,
  stageSpanId,
  traceIdOf,
  traceparentOf,
  writeTraceparent,
} from '../../runtime/trace-context.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test('trace context: a message of a run names its run and itself, the same each time', () => {
  const read = readTraceparent(traceparentOf('r1', 'r1.train.1'));
  assert.equal(read, { traceId: traceIdOf('r1'), spanId: spanIdOf('r1.train.1'), isSampled: true });
  assert.is(traceparentOf('r1', 'r1.train.1'), traceparentOf('r1', 'r1.train.1'));
});

test('trace context: other runs, stages and attempts have other ids', () => {
  const ids = [
    ...['r1', 'r2'].map(traceIdOf),
    ...[stageSpanId('r1', 'train', 1), stageSpanId('r1', 'train', 2), stageSpanId('r1', 'verify', 1)],
    ...[stageSpanId('r2', 'train', 1), spanIdOf('r1.train.1')],
  ];
  assert.is(new Set(ids).size, ids.length);
});

test('trace context: a sender decides whether it is kept', () => {
  assert.is(readTraceparent(`00-${TRACE}-${SPAN}-01`)?.isSampled, true);
  assert.is(readTraceparent(`00-${TRACE}-${SPAN}-00`)?.isSampled, false);
  // Other flags have no say, and later versions may add fields.
  assert.is(readTraceparent(`00-${TRACE}-${SPAN}-03`)?.isSampled, true);
  assert.is(readTraceparent(`01-${TRACE}-${SPAN}-01-more`)?.traceId, TRACE);
});

test('trace context: what is none is none, and no error', () => {
  const wrong = [
    ...[undefined, null, '', 'hello', `00-${TRACE}-${SPAN}`, `00-${TRACE}-${SPAN}-01-more`],
    ...[`ff-${TRACE}-${SPAN}-01`, `00-${'0'.repeat(32)}-${SPAN}-01`, `00-${TRACE}-${'0'.repeat(16)}-01`],
    ...[`00-${TRACE.toUpperCase()}-${SPAN}-01`, ` 00-${TRACE}-${SPAN}-01`],
  ];
  for (const text of wrong) assert.is(readTraceparent(text), null, String(text));
});

test('trace context: what is written is read again, sampled or not', () => {
  for (const isSampled of [true, false]) {
    const context = { traceId: randomTraceId(), spanId: randomSpanId(), isSampled };
    assert.equal(readTraceparent(writeTraceparent(context)), context);
  }
});

test.run();
