/** `nightshift audit`: who commanded what, and who changed a gallery, from the log that nobody can edit. */
import { PipelineError } from '../../contracts/errors.ts';
import type { KeptAuditEntry } from '../../contracts/audit.ts';
import { API } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { timeOf } from '../time.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

export interface AuditOptions {
  readonly since: string;
  readonly limit: number;
  readonly json?: boolean;
}

export async function auditCommand({ since, limit, json }: AuditOptions, global: GlobalOptions): Promise<void> {
  const from = sinceOf(since, new Date());
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.audit, { since: from.toISOString(), limit });
    if (json) return void process.stdout.write(`${JSON.stringify(answer)}\n`);
    const { entries, total } = answer;
    if (entries.length === 0) return void process.stdout.write(`nothing since ${from.toISOString()}\n`);
    process.stdout.write(`${tableOf(entries)}\n${entries.length} of ${total}\n`);
  });
}

function tableOf(entries: readonly KeptAuditEntry[]): string {
  const table = createTable(['at', 'by', 'did', 'about', 'why'], { wraps: { about: 16, why: 12 }, drops: ['at'] });
  for (const { at, by, action, about, person, reason } of entries) {
    const fields = { ...about, ...(person === null ? {} : { person }) };
    // Most commands name the run that they are about.
    const own = Object.entries(fields).filter(([name, value]) => name !== 'runId' || value !== about['run']);
    const told = own.map(([name, value]) => `${name} ${value}`);
    table.push([timeOf(at), by, action, told.join(', '), reason ?? '']);
  }
  return table.toString();
}

const UNITS_MS: Readonly<Record<string, number>> = { d: 24 * 3600_000, h: 3600_000, m: 60_000 };

/** Throws CONFIG_INVALID. */
export function sinceOf(text: string, now: Date): Date {
  const [, number, unit = ''] = /^(\d{1,6})([dhm])$/.exec(text) ?? [];
  if (number !== undefined) return new Date(now.getTime() - Number(number) * (UNITS_MS[unit] ?? 0));
  const moment = Date.parse(text);
  if (!Number.isNaN(moment)) return new Date(moment);
  throw new PipelineError('CONFIG_INVALID', `--since "${text}": expected 7d, 12h, 30m, or a date such as 2026-01-31`);
}
