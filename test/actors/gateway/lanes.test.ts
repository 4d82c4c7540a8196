/** Room at the gateway: so many requests and so many bytes, shared among callers, given back when a request is over. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Lanes } from '../../../actors/gateway/lanes.ts';
import { PipelineError } from '../../../contracts/errors.ts';

const MIB = 1024 * 1024;
const isCode = (code: string) => (error: unknown) => error instanceof PipelineError && error.code === code;
const ofLength = (bytes: number) => ({ 'content-length': String(bytes) });

test('lanes: one request more than a caller has places is turned away, until one is over', () => {
  const lanes = new Lanes({ requestsMax: 2, bodiesMaxMiB: 8 });
  const leave = lanes.enter('door', {}, MIB);
  lanes.enter('door', {}, MIB);
  assert.throws(() => lanes.enter('door', {}, MIB), isCode('OVERLOADED'));
  leave();
  lanes.enter('door', {}, MIB);
});

test('lanes: bodies count as they are announced, or as long as they may become', () => {
  const lanes = new Lanes({ requestsMax: 100, bodiesMaxMiB: 8 });
  const leave = lanes.enter('a', ofLength(4 * MIB), 4 * MIB);
  lanes.enter('b', { 'transfer-encoding': 'chunked' }, 4 * MIB);
  assert.throws(() => lanes.enter('c', ofLength(1), 4 * MIB), isCode('OVERLOADED'));
  leave();
  lanes.enter('c', ofLength(1), 4 * MIB);
  assert.throws(() => lanes.enter('c', ofLength(4 * MIB + 1), 4 * MIB), isCode('MESSAGE_TOO_LARGE'));
});

test('lanes: a caller who takes all that it gets leaves places and room for bodies to the next', () => {
  const lanes = new Lanes({ requestsMax: 100, bodiesMaxMiB: 16 });
  const all = (caller: string, bytes: number) => {
    for (let taken = 0; ; taken++) {
      try {
        lanes.enter(caller, ofLength(bytes), 8 * MIB);
      } catch (error) {
        assert.ok(isCode('OVERLOADED')(error));
        return taken;
      }
    }
  };
  assert.is(all('flood', 4 * MIB), 3);
  assert.is(all('door', 100 * 1024), 32);
  assert.is(all('flood', 0), 72);
  assert.ok(all('viewer', 0) > 5);
});

test('lanes: what is over leaves nothing behind', () => {
  const lanes = new Lanes({ requestsMax: 3, bodiesMaxMiB: 8 });
  for (let i = 0; i < 1_000; i++) lanes.enter(`caller ${i}`, ofLength(MIB), MIB)();
  for (const caller of ['a', 'b']) lanes.enter(caller, ofLength(4 * MIB), 4 * MIB);
});

test.run();
