import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseEvents } from '../../../console/state/event-stream.ts';

const STREAM = 'retry: 2000\n\nid: e1\nevent: it.happened\ndata: {"a":1}\n\n: beat\n\nid: e2\ndata: one\ndata: two\n\n';
const EVENTS = [
  { id: 'e1', event: 'it.happened', data: '{"a":1}' },
  { id: 'e2', event: 'message', data: 'one\ntwo' },
];

test('console: events are read however the stream is cut, and comments are none', () => {
  assert.equal(parseEvents(STREAM), { events: EVENTS, rest: '' });
  for (let cut = 1; cut < STREAM.length; cut++) {
    const first = parseEvents(STREAM.slice(0, cut));
    const second = parseEvents(first.rest + STREAM.slice(cut));
    assert.equal([...first.events, ...second.events], EVENTS, `cut at ${cut}`);
    assert.is(second.rest, '');
  }
});

test('console: data keeps its colons and spaces', () => {
  assert.equal(parseEvents('data:  a: b\n\n').events, [{ id: null, event: 'message', data: ' a: b' }]);
});

test.run();
