/**
 * Dead letters are listed, looked at, sent again and dropped here. Looking is a question of the API, the rest are
 * operator commands. Messages that the server gave up by itself become dead letters, by its advisories.
 */
import { z } from 'zod';
import type { KeptLetter } from '../../contracts/dead-letter.ts';
import { parseData } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { deadLetterEventSubject, STREAMS, type DeadLetterFact } from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import type { OrchestratorContext } from './context.ts';

interface About {
  readonly seq: number;
}

/** Throws DEAD_LETTER_UNKNOWN if there is no such letter (any more), DEAD_LETTER_CUT if its body is incomplete. */
export const redriveLetter = (o: OrchestratorContext, { seq }: About): Promise<null> => end(o, seq, 'redriven');

/** Throws DEAD_LETTER_UNKNOWN. */
export const dropLetter = (o: OrchestratorContext, { seq }: About): Promise<null> => end(o, seq, 'dropped');

async function end(o: OrchestratorContext, seq: number, fact: Exclude<DeadLetterFact, 'kept'>): Promise<null> {
  // The event says that it is done; a redelivery of the command finds the letter gone, and the event stored.
  const letter = await o.deadLetters.get(seq);
  if (letter) {
    if (fact === 'redriven') await o.deadLetters.redrive(letter);
    await o.deadLetters.remove(seq);
  } else if (!(await wasSaid(o, fact, seq))) {
    throw unknown(seq);
  }
  await o.bus.publish(
    deadLetterEventSubject(fact, seq),
    { seq, subject: letter?.subject ?? null },
    { id: `dlq.${seq}.${fact}` },
  );
  return null;
}

const wasSaid = async (o: OrchestratorContext, fact: DeadLetterFact, seq: number) =>
  (await o.bus.lastOn(STREAMS.events, deadLetterEventSubject(fact, seq))) !== null;

const AdvisorySchema = z.object({
  stream: z.string(),
  consumer: z.string(),
  stream_seq: z.number(),
  deliveries: z.number(),
  reason: z.string().optional(),
});

/**
 * The server says that it will not deliver a message again. Of what was given up here the letter exists already and
 * keeping it again changes nothing; anything else was given up by somebody else.
 */
export async function handleAdvisory(o: OrchestratorContext, delivery: Delivery): Promise<void> {
  const advisory = parseData(AdvisorySchema, delivery.envelope);
  const why = advisory.reason ?? 'no reason was given';
  const seq = await o.deadLetters.keepGivenUp({
    stream: advisory.stream,
    consumer: advisory.consumer,
    seq: advisory.stream_seq,
    deliveryCount: advisory.deliveries,
    time: delivery.time,
    failure: {
      code: 'DELIVERIES_EXHAUSTED',
      message: `the server gave it up after ${advisory.deliveries} deliveries: ${why}`,
      retryable: false,
    },
  });
  await sayKept(o, seq);
}

/** The letter itself says why; one that somebody has dropped meanwhile is not spoken of. */
async function sayKept(o: OrchestratorContext, seq: number): Promise<void> {
  const letter = await o.deadLetters.get(seq);
  if (letter === null) return;
  const { subject, stream, consumer, code, error } = letter;
  const data = { seq, subject, stream, consumer, code, error };
  await o.bus.publish(deadLetterEventSubject('kept', seq), data, { id: `dlq.${seq}.kept` });
}

/** The newest first; their bodies only by `showDeadLetter`. */
export async function listDeadLetters(o: OrchestratorContext, limit: number) {
  const { letters, total } = await o.deadLetters.newest(limit);
  return { total, letters: letters.map(({ body: _body, headers: _headers, ...letter }) => letter) };
}

export async function showDeadLetter(o: OrchestratorContext, seq: number): Promise<KeptLetter> {
  const letter = await o.deadLetters.get(seq);
  if (!letter) throw unknown(seq);
  return letter;
}

const unknown = (seq: number) =>
  new PipelineError(
    'DEAD_LETTER_UNKNOWN',
    `there is no dead letter ${seq}; \`nightshift dlq list\` shows those there are`,
  );
