/**
 * Attack 6: a hand-made dead letter that names a subject of the server, of a record or of another stream, so that the
 * orchestrator publishes there when an operator sends the letter again. It is refused aloud, and nothing is published.
 */
import { headers } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { OutcomeSchema } from '../../contracts/commands.ts';
import {
  BUCKETS,
  commandRefusedSubject,
  commandSubject,
  CTL,
  deadLetterSubject,
  enrolmentSubject,
  STREAMS,
} from '../../contracts/subjects.ts';
import { DEAD_LETTER_HEADERS } from '../../contracts/dead-letter.ts';
import { CONSUMERS } from '../../infra/topology/consumers.ts';
import { withSaga, type Saga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { clientOf, managerOf } from '../../infra/messaging/jetstream.ts';

interface Forged {
  /** The stream that the letter names in its header, and the one under which it lies. */
  readonly stream: string;
  readonly under?: string;
  readonly subject: string;
}

async function forge({ nc }: Saga, { stream, under = stream, subject }: Forged, body = ''): Promise<number> {
  const meta = headers();
  meta.set(DEAD_LETTER_HEADERS.subject, subject);
  meta.set(DEAD_LETTER_HEADERS.stream, stream);
  meta.set(DEAD_LETTER_HEADERS.sequence, '1');
  meta.set(DEAD_LETTER_HEADERS.code, 'INTERNAL');
  const letter = deadLetterSubject(under, CONSUMERS.ctl);
  return (await clientOf(nc).publish(letter, body, { headers: meta })).seq;
}

async function refusalOf(saga: Saga, seq: number): Promise<string> {
  const id = `redrive-${seq}`;
  await saga.bus.publish(CTL.dlqRedrive, { seq }, { id });
  const { envelope } = await saga.event(commandRefusedSubject(id));
  const { failure } = OutcomeSchema.parse(envelope.data);
  assert.is(failure?.code, 'REDRIVE_REFUSED', failure?.message);
  return failure!.message; // It has the code just above.
}

const DELETES_RUNS = `$JS.API.STREAM.DELETE.KV_${BUCKETS.runs}`;
const RECORD = `$KV.${BUCKETS.deployments}.face`;
const FORGED: readonly Forged[] = [
  { stream: STREAMS.ctl, subject: DELETES_RUNS },
  { stream: '$JS', subject: DELETES_RUNS },
  { stream: `KV_${BUCKETS.deployments}`, subject: RECORD },
  { stream: STREAMS.events, subject: commandSubject('train', 'start', 'r1') },
  { stream: STREAMS.commands, under: STREAMS.events, subject: commandSubject('train', 'start', 'r1') },
  { stream: STREAMS.enrolments, subject: enrolmentSubject('face', 'QWRh') },
  { stream: STREAMS.ctl, subject: 'nightshift.ctl.>' },
  { stream: STREAMS.ctl, subject: 'nightshift.ctl. .>' },
];

test('attack 6: a hand-made letter is sent nowhere but to the stream that it came from', () =>
  withServer((server) =>
    withSaga(server, { replica: false }, async (saga) => {
      const published: string[] = [];
      for (const subject of ['$JS.API.STREAM.DELETE.>', RECORD, 'nightshift.cmd.>', 'nightshift.enrol.>'])
        saga.nc.subscribe(subject, { callback: (_, message) => void published.push(message.subject) });
      for (const forged of FORGED) {
        const seq = await forge(saga, forged);
        const why = await refusalOf(saga, seq);
        assert.ok(why.includes(forged.subject), why);
        assert.ok(await saga.orchestrator.deadLetters.get(seq), 'the letter stays, for people to look at');
      }
      await saga.nc.flush();
      assert.equal(published, []);
      const runs = await (await managerOf(saga.nc)).streams.info(`KV_${BUCKETS.runs}`);
      assert.is(runs.config.name, `KV_${BUCKETS.runs}`);
    }),
  ));

test('attack 6: headers of the server in a letter are not sent with it', () =>
  withServer((server) =>
    withSaga(server, { replica: false, orchestrators: 0 }, async ({ nc, orchestrator }) => {
      const meta = headers();
      meta.set('Nats-Of-Somebody', 'mine');
      meta.set('Mine', 'kept');
      meta.set(DEAD_LETTER_HEADERS.subject, CTL.pipelineStart);
      meta.set(DEAD_LETTER_HEADERS.stream, STREAMS.ctl);
      const { deadLetters } = orchestrator;
      const { seq } = await clientOf(nc).publish(deadLetterSubject(STREAMS.ctl, CONSUMERS.ctl), '{}', {
        headers: meta,
      });
      const letter = (await deadLetters.get(seq))!; // It was stored just now.
      assert.equal(letter.headers, { Mine: 'kept' });
      await deadLetters.redrive(letter);
      const sent = await (await managerOf(nc)).streams.getMessage(STREAMS.ctl, { last_by_subj: CTL.pipelineStart });
      assert.is(sent?.header.get('Nats-Of-Somebody'), '');
      assert.is(sent?.header.get('Mine'), 'kept');
    }),
  ));

test.run();
