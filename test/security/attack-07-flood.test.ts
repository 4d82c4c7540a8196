/**
 * Attack 7: a few messages as large as the server takes push all facts out of their stream. The streams of facts and
 * commands take 256 KiB and their headers, so each is refused and the facts stay.
 */
import type { JetStreamApiError } from '@nats-io/jetstream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  commandSubject,
  CTL,
  deadLetterSubject,
  pipelineEventSubject,
  refusedSubject,
  STREAMS,
  timerFiredSubject,
  workEventSubject,
} from '../../contracts/subjects.ts';
import { createBus } from '../../infra/messaging/bus.ts';
import { MESSAGE_BYTES_MAX } from '../../infra/messaging/publish.ts';
import { streamsOf } from '../../infra/topology/streams.ts';
import { withServer } from '../support/server.ts';
import { clientOf, managerOf } from '../../infra/messaging/jetstream.ts';

const FLOOD_MESSAGES = 70;
const FLOOD_BYTES = 7_900_000;
/** The server's code for "message size exceeds maximum allowed". */
const TOO_LARGE = 10054;

test('attack 7: seventy messages of 7.9 MB are refused, and the facts of a night are still there', () =>
  withServer(async ({ connect, log }) => {
    const nc = await connect();
    const bus = await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => 'fact' });
    await bus.publish(pipelineEventSubject('completed', 'n1'), { runId: 'n1' });
    const js = clientOf(nc);
    const large = new Uint8Array(FLOOD_BYTES);
    const codes = new Set<number>();
    for (let n = 0; n < FLOOD_MESSAGES; n++) {
      const refused = js.publish(workEventSubject('train', 'progressed', `n${n}`), large);
      codes.add(await refused.then(() => 0).catch((error: JetStreamApiError) => error.code));
    }
    assert.equal([...codes], [TOO_LARGE]);
    const { state } = await (await managerOf(nc)).streams.info(STREAMS.events);
    assert.is(state.messages, 1);
  }));

test('attack 7: no stream of messages takes much more than a message may have', () =>
  withServer(async ({ connect }) => {
    const js = clientOf(await connect());
    const subjects = [
      CTL.pipelineStart,
      commandSubject('train', 'start', 'n1'),
      workEventSubject('train', 'completed', 'n1'),
      timerFiredSubject('n1', 't1'),
      deadLetterSubject(STREAMS.ctl, 'orchestrator-ctl'),
      refusedSubject(null),
    ];
    for (const subject of subjects) {
      const refused = await js
        .publish(subject, new Uint8Array(2 * MESSAGE_BYTES_MAX))
        .catch((error: JetStreamApiError) => error.code);
      assert.is(refused, TOO_LARGE, subject);
    }
  }));

test('attack 7: each stream that drops what is old has room for hundreds of the largest messages', () => {
  const dropping = streamsOf({ replicas: 1 }).filter(({ discard, max_bytes }) => discard === 'old' && max_bytes !== -1);
  assert.ok(dropping.length >= 4);
  for (const { name, max_bytes = 0, max_msg_size = Infinity } of dropping)
    assert.ok(max_bytes / max_msg_size > 50, `${name}: ${max_bytes / max_msg_size}`);
});

test.run();
