/** `nightshift refused`: the operator commands that were not obeyed. Nothing was lost, so there is nothing to send again. */
import Table from 'cli-table3';
import { API } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { withClient } from '../with-client.ts';

export async function refusedCommand({ limit, json }: { limit: number; json?: boolean }, global: GlobalOptions) {
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.refusals, { limit });
    if (json) return void process.stdout.write(`${JSON.stringify(answer)}\n`);
    const { refusals, total } = answer;
    if (total === 0) return void process.stdout.write('no refused commands\n');
    const table = new Table({
      head: ['stored', 'from', 'command', 'code', 'why'],
      style: { head: [], border: [] },
      wordWrap: true,
      colWidths: [null, null, null, null, 60],
    });
    for (const { storedAt, by, subject, code, error } of refusals)
      table.push([storedAt.slice(0, 19), by, subject, code, error]);
    process.stdout.write(`${table.toString()}\n${refusals.length} of ${total}\n`);
  });
}
