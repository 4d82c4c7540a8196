/** `nightshift disk`: what takes how much of the store, and which release, run or rule holds it. */
import type { SweepReport } from '../../contracts/retention.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';
import { orderSweep, rowTable, sizeOf } from './gc.ts';
import { createTable } from '../table.ts';

export interface DiskOptions {
  readonly json?: boolean;
}

export async function diskCommand({ json }: DiskOptions, global: GlobalOptions): Promise<void> {
  const report = await withClient(global, (client) => orderSweep(client, 'look'));
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : textOf(report));
}

const HELD_SHOWN = 30;

function textOf({ streams, kept, swept, held, heldTotal }: SweepReport): string {
  const stored = createTable(['stored in', 'messages', 'bytes']);
  const largest = streams.toSorted((a, b) => b.bytes - a.bytes);
  for (const { name, messages, bytes } of largest) stored.push([name, messages, sizeOf(bytes)]);
  stored.push(['all', '', sizeOf(streams.reduce((sum, { bytes }) => sum + bytes, 0))]);
  const holders = createTable(['what', 'bytes', 'alone', 'held because'], {
    wraps: { what: 16, 'held because': 16 },
    drops: ['alone'],
  });
  for (const { bucket, what, bytes, alone, reasons } of held.slice(0, HELD_SHOWN))
    holders.push([`${bucket} ${shortened(what)}`, sizeOf(bytes), sizeOf(alone), reasons.join('\n')]);
  const more = heldTotal > HELD_SHOWN ? [`${heldTotal - HELD_SHOWN} more; --json lists up to 300`] : [];
  const loose = swept.reduce((sum, { bytes }) => sum + bytes, 0);
  const end = loose > 0 ? [`${sizeOf(loose)} are held by nothing: \`nightshift gc\` deletes them`] : [];
  return `${[stored.toString(), rowTable(kept), holders.toString(), ...more, ...end].join('\n')}\n`;
}

/** The name of a snapshot is its digest. */
const shortened = (what: string) => what.replace(/[0-9a-f]{64}/, (digest) => `${digest.slice(0, 12)}…`);
