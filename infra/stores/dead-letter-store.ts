/**
 * Reads the stream of dead letters and sends one back to the subject it came from. They are written in dead-letter.ts.
 * Used by the orchestrator alone.
 */
import type { StoredMsg } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { DEAD_LETTER_HEADERS, type KeptLetter } from '../../contracts/dead-letter.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { STREAMS } from '../../contracts/subjects.ts';
import { keepDeadLetter, type DeadLetter } from '../messaging/dead-letter.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { publishStored } from '../messaging/publish.ts';
import { streamsOf } from '../topology/streams.ts';
import { newestIn } from './newest.ts';

export interface DeadLetterStore {
  newest(limit: number): Promise<{ readonly letters: readonly KeptLetter[]; readonly total: number }>;
  get(seq: number): Promise<KeptLetter | null>;
  /** Publishes it again under its subject; twice is once. Throws DEAD_LETTER_CUT, REDRIVE_REFUSED. */
  redrive(letter: KeptLetter): Promise<void>;
  remove(seq: number): Promise<void>;
  /** Of a message that the server gave up; returns the place of its letter. Its body may be gone already. */
  keepGivenUp(letter: Omit<DeadLetter, 'body' | 'subject' | 'headers'>): Promise<number>;
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
      const { found, total } = await newestIn(manager, STREAMS.dlq, limit, toLetter);
      return { letters: found, total };
    },
    redrive: async (letter) => {
      // Its bytes as they are: the body in the letter is text for people.
      const stored = await manager.streams.getMessage(STREAMS.dlq, { seq: letter.seq });
      if (stored) await redrive(nc, letter, stored);
    },
    remove: async (seq) => void (await manager.streams.deleteMessage(STREAMS.dlq, seq, false)),
    keepGivenUp: async (letter) => {
      const stored = await manager.streams.getMessage(letter.stream, { seq: letter.seq });
      const own = stored?.header ?? headers();
      const subject = stored?.subject ?? '';
      return keepDeadLetter(nc, { ...letter, subject, body: stored?.data ?? new Uint8Array(), headers: own });
    },
  };
}

async function redrive(nc: NatsConnection, letter: KeptLetter, stored: StoredMsg): Promise<void> {
  if (letter.truncatedFrom !== null || letter.subject === '') {
    const why = letter.subject === '' ? 'its body was gone' : `it was cut from ${letter.truncatedFrom} bytes`;
    throw new PipelineError(
      'DEAD_LETTER_CUT',
      `dead letter ${letter.seq}: ${why} when it was kept; publish the message anew`,
    );
  }
  mustReturn(letter, stored.subject);
  const meta = headers();
  for (const [name, value] of Object.entries(letter.headers)) meta.set(name, value);
  // An id of its own: the stream still knows the first one, and would take this for a repetition.
  const id = `redrive-${letter.seq}-${letter.stream}-${letter.sequence}`;
  await publishStored(nc, { subject: letter.subject, body: stored.data, id, meta });
}

/** The streams of which a consumer of ours hands out messages. */
const REDRIVEN: readonly string[] = [STREAMS.ctl, STREAMS.commands, STREAMS.events, STREAMS.timers];

/**
 * A letter says itself where it came from, and the orchestrator may publish far more than one who wrote a letter by
 * hand. So it goes back to a subject of the stream that it came from and nowhere else. Throws REDRIVE_REFUSED.
 */
function mustReturn({ seq, stream, subject }: KeptLetter, keptUnder: string): void {
  const kept = parseSubject(keptUnder);
  const keptOf = kept.family === 'dead-letter' ? kept.stream : keptUnder;
  const to = REDRIVEN.includes(stream) ? subjectsOf(stream) : [];
  if (stream === keptOf && to.some((pattern) => lies(subject, pattern))) return;
  const said = `it says that it came from ${stream} and was kept as one of ${keptOf}`;
  const message = `dead letter ${seq} is not sent to ${subject}: ${said}, and only a subject of that stream may be, which must be one of ${REDRIVEN.join(', ')}; look at the letter and drop it`;
  throw new PipelineError('REDRIVE_REFUSED', message);
}

/** As our table of streams has them, not as somebody may have changed them on the server. */
const subjectsOf = (stream: string): readonly string[] =>
  streamsOf({ replicas: 1 }).find(({ name }) => name === stream)?.subjects ?? [];

/** Our streams hold all that begins alike: `nightshift.evt.>`. A subject with a wildcard or an empty token lies nowhere. */
const lies = (subject: string, pattern: string) =>
  subject.startsWith(pattern.slice(0, -1)) && subject.split('.').every((token) => /^[^\s*>]+$/.test(token));

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
