/** Dead letters over a real server: looked at, sent again, dropped; and what the server gave up by itself. */
import { AckPolicy } from '@nats-io/jetstream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { endpointsOf } from '../../../actors/orchestrator/api.ts';
import {
  API,
  commandRefusedSubject,
  CTL,
  deadLetterEventSubject,
  pipelineEventSubject,
  scheduleEventSubject,
  slotSubject,
  STREAMS,
  workEventSubject,
} from '../../../contracts/subjects.ts';
import { configure } from '../../support/configured.ts';
import { quickPipeline, withSaga, type Saga } from '../../support/saga.ts';
import { withServer } from '../../support/server.ts';
import { until } from '../../support/wait.ts';
import { clientOf, managerOf } from '../../../infra/messaging/jetstream.ts';

const listed = (saga: Saga) => endpointsOf(saga.orchestrator)[API.deadLetters]({});
const shown = (saga: Saga, seq: number) => endpointsOf(saga.orchestrator)[API.deadLetter]({ seq });
const firstLetter = (saga: Saga) => until(async () => (await listed(saga)).letters[0] ?? null, 'a dead letter');

test('dead letters: one is listed with its reason, shown whole, and works when it is sent again', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      // Not configured yet: the slot has nobody to start today.
      await saga.bus.publish(slotSubject('door'), { mark: 'd1' }, { id: 'slot-d1' });
      const letter = await firstLetter(saga);
      assert.is(letter.code, 'MODEL_UNKNOWN');
      assert.is(letter.subject, slotSubject('door'));
      assert.is(letter.stream, STREAMS.timers);
      const whole = await shown(saga, letter.seq);
      assert.is(JSON.parse(whole.body).data.mark, 'd1');
      await configure(saga.orchestrator.configs, { door: quickPipeline() });
      await saga.bus.publish(CTL.dlqRedrive, { seq: letter.seq });
      await saga.event(deadLetterEventSubject('redriven', letter.seq));
      await saga.event(scheduleEventSubject('decided', 'door'));
      assert.is((await listed(saga)).total, 0);
    }),
  ));

test('dead letters: one is dropped once; another command for it is told that there is none', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      saga.nc.publish(workEventSubject('train', 'completed', 'n1'), 'no JSON at all');
      const { seq, code } = await firstLetter(saga);
      assert.is(code, 'MESSAGE_MALFORMED');
      await saga.bus.publish(CTL.dlqDrop, { seq });
      await saga.event(deadLetterEventSubject('dropped', seq));
      assert.is((await listed(saga)).total, 0);
      await saga.bus.publish(CTL.dlqRedrive, { seq }, { id: 'late' });
      const refused = await saga.event(commandRefusedSubject('late'));
      assert.is((refused.envelope.data as { failure: { code: string } }).failure.code, 'DEAD_LETTER_UNKNOWN');
    }),
  ));

test('dead letters: a poison message does not hold up the next', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      saga.nc.publish(workEventSubject('collect', 'completed', 'other'), '{"model":');
      await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'n1.start' });
      await saga.event(pipelineEventSubject('completed', 'n1'));
      await firstLetter(saga);
    }),
  ));

test('dead letters: what the server gave up by itself is kept, with the body where it is still there', () =>
  withServer((server) =>
    withSaga(server, {}, async (saga) => {
      const manager = await managerOf(saga.nc);
      await manager.consumers.add(STREAMS.events, {
        durable_name: 'somebody',
        ack_policy: AckPolicy.Explicit,
        max_deliver: 1,
        filter_subject: 'nightshift.evt.pipeline.started.*',
      });
      await saga.bus.publish(CTL.pipelineStart, { model: 'face', runId: 'n1' }, { id: 'n1.start' });
      await saga.event(pipelineEventSubject('completed', 'n1'));
      const consumer = await clientOf(saga.nc).consumers.get(STREAMS.events, 'somebody');
      (await consumer.next())!.term('not for me');
      const letter = await firstLetter(saga);
      assert.is(letter.code, 'DELIVERIES_EXHAUSTED');
      assert.match(letter.error, /not for me/);
      assert.is(letter.consumer, 'somebody');
      assert.is(letter.subject, pipelineEventSubject('started', 'n1'));
      assert.match((await shown(saga, letter.seq)).body, /"runId":"n1"/);
    }),
  ));

test.run();
