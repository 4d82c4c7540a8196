/**
 * `nightshift gc`: has the janitor delete what nothing refers to any more, or say what that would be. The janitor does it by
 * itself after each run; this is for people who cannot wait.
 */
import { z } from 'zod';
import { parseData } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { FailureSchema } from '../../contracts/messages.ts';
import { SweepReportSchema, type SweepReport, type SweepRow } from '../../contracts/retention.ts';
import { commandToken, CTL, janitorEventSubject } from '../../contracts/subjects.ts';
import { followCommand } from '../../infra/messaging/send-command.ts';
import type { Client } from '../client.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';
import { newCommandId } from './operate.ts';
import { createTable } from '../table.ts';

export interface GcOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** A forgetting may be under way before it. */
const WAIT_MS_MAX = 3600_000;
const NOTICE_MS = 10_000;

export async function gcCommand({ dryRun, json }: GcOptions, global: GlobalOptions): Promise<void> {
  const report = await withClient(global, (client) => orderSweep(client, dryRun ? 'look' : 'sweep'));
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : textOf(report));
}

/** Throws what the janitor failed with, COMMAND_REFUSED, DEADLINE_EXCEEDED. */
export async function orderSweep({ bus }: Pick<Client, 'bus'>, mode: SweepReport['mode']): Promise<SweepReport> {
  const commandId = newCommandId('gc');
  const id = commandToken(commandId);
  const failed = janitorEventSubject('failed', id);
  const waiting = setTimeout(() => process.stderr.write('waiting for a janitor\n'), NOTICE_MS);
  try {
    const { subject, envelope } = await followCommand(bus, {
      ...{ subject: CTL.storeSweep, data: { mode }, id: commandId },
      ends: [janitorEventSubject('swept', id), failed],
      silence: `the janitor has not answered ${commandId}; the order is kept, and carried out when one runs`,
      timeoutMs: WAIT_MS_MAX,
    });
    if (subject !== failed) return parseData(SweepReportSchema, envelope);
    const { failure } = parseData(z.object({ failure: FailureSchema }), envelope);
    throw new PipelineError(failure.code, failure.message);
  } finally {
    clearTimeout(waiting);
  }
}

function textOf({ mode, swept, left, remarks }: SweepReport): string {
  const bytes = swept.reduce((sum, row) => sum + row.bytes, 0);
  const what = mode === 'look' ? 'would be deleted' : 'deleted';
  const head = swept.length === 0 ? 'nothing to delete: everything is referred to, or young\n' : `${rowTable(swept)}\n`;
  const rest = left > 0 ? [`${left} more objects are left to the next sweep`] : [];
  return `${head}${[`${sizeOf(bytes)} ${what}`, ...rest, ...remarks].join('\n')}\n`;
}

export function rowTable(rows: readonly SweepRow[]): string {
  const table = createTable(['model', 'of what', 'objects', 'bytes'], { drops: ['objects'] });
  for (const { model, kind, objects, bytes } of rows) table.push([model ?? '', kind, objects, sizeOf(bytes)]);
  return table.toString();
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `4.7 MiB`. */
export function sizeOf(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`;
}
