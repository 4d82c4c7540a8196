/**
 * Reads the stream of dead letters and sends one back to the subject it came from. They are written in dead-letter.ts.
 * Used by the orchestrator alone.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import type { KeptLetter } from '../../contracts/dead-letter.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { DEAD_LETTER_HEADERS, keepDeadLetter, type DeadLetter } from '../messaging/dead-letter.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { publishStored } from '../messaging/publish.ts';

export interface DeadLetterStore {
  newest(limit: number): Promise<{ readonly letters: readonly KeptLetter[]; readonly total: number }>;
  get(seq: number): Promise<KeptLetter | null>;
  /** Publishes it again under its subject; twice is once. Throws DEAD_LETTER_CUT. */
  redrive(letter: KeptLetter): Promise<void>;
  remove(seq: number): Promise<void>;
  /** Of a message that the server gave up. Its body may be gone already. */
  keepGivenUp(letter: Omit<DeadLetter, 'body' | 'subject' | 'headers'>): Promise<void>;
}

export async function createDeadLetterStore(nc: NatsConnection): Promise<DeadLetterStore> {
  const manager = await managerOf(nc);
  const get = async (seq: number) => {
    const stored = await manager.streams.getMessage(STREAMS.dlq, { seq });
    return stored && toLetter(stored);
  };
  return {
    get,
    newest: async (limit) => {
      const { state } = await manager.streams.info(STREAMS.dlq);
      const letters: KeptLetter[] = [];
      for (let seq = state.last_seq; seq >= Math.max(1, state.first_seq) && letters.length < limit; seq--) {
        const letter = await get(seq);
        if (letter) letters.push(letter);
      }
      return { letters, total: state.messages };
    },
    redrive: async (letter) => {
      // Its bytes as they are: the body in the letter is text for people.
      const stored = await manager.streams.getMessage(STREAMS.dlq, { seq: letter.seq });
      if (stored) await redrive(nc, letter, stored.data);
    },
    remove: async (seq) => void (await manager.streams.deleteMessage(STREAMS.dlq, seq, false)),
    keepGivenUp: async (letter) => {
      const stored = await manager.streams.getMessage(letter.stream, { seq: letter.seq });
      const own = stored?.header ?? headers();
      const subject = stored?.subject ?? '';
      await keepDeadLetter(nc, { ...letter, subject, body: stored?.data ?? new Uint8Array(), headers: own });
    },
  };
}

async function redrive(nc: NatsConnection, letter: KeptLetter, body: Uint8Array): Promise<void> {
  if (letter.truncatedFrom !== null || letter.subject === '') {
    const why = letter.subject === '' ? 'its body was gone' : `it was cut from ${letter.truncatedFrom} bytes`;
    throw new PipelineError(
      'DEAD_LETTER_CUT',
      `dead letter ${letter.seq}: ${why} when it was kept; publish the message anew`,
    );
  }
  const meta = headers();
  for (const [name, value] of Object.entries(letter.headers)) meta.set(name, value);
  // An id of its own: the stream still knows the first one, and would take this for a repetition.
  const id = `redrive-${letter.seq}-${letter.stream}-${letter.sequence}`;
  await publishStored(nc, { subject: letter.subject, body, id, meta });
}

const OURS: readonly string[] = Object.values(DEAD_LETTER_HEADERS);

function toLetter(stored: StoredMsg): KeptLetter {
  const all = new Map<string, string>();
  for (const [name, values] of stored.header) all.set(name, values[0] ?? '');
  const kept = parseSubject(stored.subject);
  const { code, error, subject, stream, sequence, deliveries, time, truncated } = DEAD_LETTER_HEADERS;
  const text = (name: string) => all.get(name) ?? '';
  return {
    seq: stored.seq,
    keptAt: stored.time.toISOString(),
    code: text(code),
    error: text(error),
    stream: text(stream),
    consumer: kept.family === 'dead-letter' ? kept.consumer : '',
    subject: text(subject),
    sequence: Number(text(sequence)),
    deliveries: Number(text(deliveries)),
    storedAt: text(time),
    truncatedFrom: all.has(truncated) ? Number(text(truncated)) : null,
    body: new TextDecoder().decode(stored.data),
    headers: Object.fromEntries([...all].filter(([name]) => !OURS.includes(name) && !name.startsWith('Nats-'))),
  };
}
