/** `nightshift dlq`: list, show, redrive and drop dead letters. */
import type { KeptLetter } from '../../contracts/dead-letter.ts';
import { API, CTL, deadLetterEventSubject } from '../../contracts/subjects.ts';
import { followCommand } from '../../infra/messaging/send-command.ts';
import { newCommandId } from './operate.ts';
import type { GlobalOptions } from '../global-options.ts';
import { timeOf } from '../time.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

export async function dlqListCommand({ limit, json }: { limit: number; json?: boolean }, global: GlobalOptions) {
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.deadLetters, { limit });
    if (json) return void process.stdout.write(`${JSON.stringify(answer)}\n`);
    const { letters, total } = answer;
    if (total === 0) return void process.stdout.write('no dead letters\n');
    const table = createTable(['seq', 'kept', 'subject', 'deliveries', 'code', 'why'], {
      wraps: { subject: 16, why: 20 },
      drops: ['deliveries', 'kept', 'code'],
    });
    for (const { seq, keptAt, subject, deliveries, code, error } of letters)
      table.push([seq, timeOf(keptAt), subject || '?', deliveries, code, error]);
    process.stdout.write(
      `${table.toString()}\n${letters.length} of ${total}; look at one: nightshift dlq show <seq>\n`,
    );
  });
}

export async function dlqShowCommand(seq: number, { json }: { json?: boolean }, global: GlobalOptions): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const letter = await ask(API.deadLetter, { seq });
    process.stdout.write(json ? `${JSON.stringify(letter)}\n` : describe(letter));
  });
}

export async function dlqEndCommand(fact: 'redriven' | 'dropped', seq: number, global: GlobalOptions): Promise<void> {
  await withClient(global, async ({ bus }) => {
    const { envelope } = await followCommand(bus, {
      subject: fact === 'redriven' ? CTL.dlqRedrive : CTL.dlqDrop,
      data: { seq },
      id: newCommandId(fact),
      ends: [deadLetterEventSubject(fact, seq)],
      silence: `nobody answered for dead letter ${seq}; see \`nightshift dlq list\``,
    });
    const { subject } = envelope.data as { subject: string | null }; // The orchestrator's own event.
    const done = fact === 'redriven' ? `published again on ${subject ?? 'its subject'}` : 'dropped';
    process.stdout.write(`dead letter ${seq}: ${done}\n`);
  });
}

function describe(letter: KeptLetter): string {
  const rows = [
    ['subject', letter.subject || 'unknown: the message was gone'],
    ['was in', `${letter.stream} ${letter.sequence}, consumer ${letter.consumer}`],
    ['stored', letter.storedAt],
    ['delivered', `${letter.deliveries} times`],
    ['kept', letter.keptAt],
    ['reason', `${letter.code}: ${letter.error}`],
    ...Object.entries(letter.headers),
    ...(letter.truncatedFrom === null ? [] : [['cut from', `${letter.truncatedFrom} bytes`]]),
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  return `${rows.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join('\n')}\n\n${pretty(letter.body)}\n`;
}

function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // Being no JSON is a frequent reason for being here.
    return body;
  }
}
