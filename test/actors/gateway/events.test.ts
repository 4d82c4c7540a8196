/** The stream of events: what is missed is caught up, readers are bounded, and a slow one is let go. */
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { EventLog } from '../../../actors/gateway/events.ts';
import type { Envelope } from '../../../contracts/envelope.ts';
import { PipelineError } from '../../../contracts/errors.ts';

/** The part of a response that the log uses. It takes what is written at once, unless it is stuck. */
class Reader extends EventEmitter {
  readonly frames: string[] = [];
  isStuck = false;
  isDestroyed = false;
  writableLength = 0;
  write(frame: string): boolean {
    if (this.isStuck) this.writableLength += frame.length;
    else this.frames.push(frame);
    return !this.isStuck;
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
  end(): void {}
  get response(): ServerResponse {
    return this as unknown as ServerResponse; // As far as the log uses one.
  }
  get ids(): string[] {
    return this.frames.flatMap((frame) => /^id: (.+)$/m.exec(frame)?.[1] ?? []);
  }
}

const SUBJECT = 'nightshift.evt.pipeline.started.n1';
const event = (id: string, data: unknown = {}): Envelope =>
  ({ id, data, specversion: '1.0', source: 'test', type: 'x' }) as Envelope;

test('events: a reader that comes back gets what it missed, or is told that it is too late', () => {
  const log = new EventLog(4);
  for (const id of ['1', '2', '3']) log.hear(SUBJECT, event(id));
  const [fresh, back, late] = [new Reader(), new Reader(), new Reader()];
  log.read(fresh.response, null);
  log.read(back.response, '1');
  log.read(late.response, 'forgotten');
  log.hear(SUBJECT, event('4'));
  assert.equal([fresh.ids, back.ids, late.ids], [['4'], ['2', '3', '4'], ['4']]);
  assert.ok(late.frames.some((frame) => frame.startsWith('event: reset')));
  log.close();
});

test('events: so many readers and no more; one that does not read is let go and makes room', () => {
  const log = new EventLog(1);
  const slow = new Reader();
  log.checkRoom();
  log.read(slow.response, null);
  assert.throws(
    () => log.checkRoom(),
    (error: unknown) => error instanceof PipelineError && error.code === 'OVERLOADED',
  );
  slow.isStuck = true;
  for (let i = 0; i < 8 && !slow.isDestroyed; i++) log.hear(SUBJECT, event(String(i), 'x'.repeat(100_000)));
  assert.ok(slow.isDestroyed);
  log.checkRoom();
  log.close();
});

test('events: a line break in an id begins no line of its own', () => {
  const log = new EventLog(1);
  const reader = new Reader();
  log.read(reader.response, null);
  log.hear(SUBJECT, event('a\nevent: forged'));
  assert.is(
    reader.frames
      .at(-1)!
      .split('\n')
      .filter((line) => line.startsWith('event:')).length,
    1,
  );
  log.close();
});

test.run();
