/**
 * `nightshift forget`: has a person taken out of all that is stored and prints what was looked through and found. The name
 * leaves this process as a salted hash alone, so that the order itself is no trace of them.
 */
import { z } from 'zod';
import { parseData } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { ForgetProgressSchema, ForgetReportSchema, type ForgetReport } from '../../contracts/forgetting.ts';
import { FailureSchema } from '../../contracts/messages.ts';
import { commandToken, CTL, janitorEventSubject } from '../../contracts/subjects.ts';
import { followCommand } from '../../infra/messaging/send-command.ts';
import { openForgotten } from '../../infra/stores/forgotten-store.ts';
import { personHash } from '../../services/forgetting/name.ts';
import type { Client } from '../client.ts';
import { confirm } from '../confirm.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';
import { newCommandId } from './operate.ts';
import { createTable } from '../table.ts';

export interface ForgetOptions {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly undo?: boolean;
  readonly json?: boolean;
}

/** Every shard that is stored is read; the janitor goes on if nobody waits any more. */
const WAIT_MS_MAX = 6 * 3600_000;

export async function forgetCommand(person: string, options: ForgetOptions, global: GlobalOptions): Promise<void> {
  const mode = options.undo ? 'readmit' : options.dryRun ? 'look' : 'forget';
  if (mode === 'forget' && !options.yes)
    await confirm('forget', `Take "${person}" out of all that is stored? It cannot be undone.`);
  await withClient(global, async (client) => {
    const salt = await (await openForgotten(client.nc)).salt();
    if (salt === null) throw new PipelineError('JANITOR_UNKNOWN', 'no janitor has run against this server yet');
    const report = await order(client, { person: personHash(person, salt), mode });
    process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : textOf(person, report));
  });
}

/** Throws what the janitor failed with, COMMAND_REFUSED, DEADLINE_EXCEEDED. */
export async function order(
  { bus }: Pick<Client, 'bus'>,
  data: { person: string; mode: ForgetReport['mode'] },
): Promise<ForgetReport> {
  const commandId = newCommandId('forget');
  const id = commandToken(commandId);
  const failed = janitorEventSubject('failed', id);
  const waiting = setTimeout(() => process.stderr.write(WAITING), NOTICE_MS);
  const progress = bus.listen(janitorEventSubject('progressed', id), ({ envelope }) => {
    clearTimeout(waiting);
    const { place, looked } = parseData(ForgetProgressSchema, envelope);
    process.stderr.write(`${place}: ${looked}\n`);
  });
  try {
    const { subject, envelope } = await followCommand(bus, {
      ...{ subject: CTL.personForget, data, id: commandId },
      ends: [janitorEventSubject('completed', id), failed],
      silence: `the janitor has not answered ${commandId}; the order is kept, and carried out when one runs`,
      timeoutMs: WAIT_MS_MAX,
    });
    if (subject !== failed) return parseData(ForgetReportSchema, envelope);
    const { failure } = parseData(z.object({ failure: FailureSchema }), envelope);
    throw new PipelineError(failure.code, failure.message);
  } finally {
    clearTimeout(waiting);
    progress.stop();
  }
}

/** A janitor that is there and free begins within a second. */
const NOTICE_MS = 10_000;
const WAITING = 'waiting for a janitor; the order is kept, and carried out also if this command is ended\n';

function textOf(person: string, { mode, found, rows, sources, remarks }: ForgetReport): string {
  if (mode === 'readmit') {
    return found ? `"${person}" may be collected again\n` : `"${person}" was not left out; nothing is changed\n`;
  }
  const table = createTable(['place', 'of what', 'looked at', 'changed', 'removed', 'left'], {
    wraps: { 'of what': 12 },
    drops: ['looked at'],
  });
  for (const { place, what, looked, changed, removed, left } of rows)
    table.push([place, what, looked, changed, removed, left]);
  const listed = sources.map(
    (source) =>
      `source "${source}" listed them when it was last read: take them out there, too. Until then each night leaves them out and says so.`,
  );
  const notes = mode === 'look' ? ['Nothing was changed: this was a look.'] : [AFTERWARDS];
  const head = found ? '' : `"${person}" is nowhere in what is stored.\n`;
  return `${table.toString()}\n${head}${[...listed, ...remarks, ...notes].join('\n')}\n`;
}

const AFTERWARDS =
  'Backups, copies of the store and logs are yours to clean; what a net has learned stays in it until it is trained from scratch (docs/forgetting.md).';
