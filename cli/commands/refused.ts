/** `nightshift refused`: the operator commands that were not obeyed. Nothing was lost, so there is nothing to send again. */
import { API } from '../../contracts/subjects.ts';
import type { GlobalOptions } from '../global-options.ts';
import { timeOf } from '../time.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

export async function refusedCommand({ limit, json }: { limit: number; json?: boolean }, global: GlobalOptions) {
  await withClient(global, async ({ ask }) => {
    const answer = await ask(API.refusals, { limit });
    if (json) return void process.stdout.write(`${JSON.stringify(answer)}\n`);
    const { refusals, total } = answer;
    if (total === 0) return void process.stdout.write('no refused commands\n');
    const table = createTable(['stored', 'from', 'command', 'code', 'why'], {
      wraps: { command: 20, why: 20 },
      drops: ['stored', 'code'],
    });
    for (const { storedAt, by, subject, code, error } of refusals)
      table.push([timeOf(storedAt), by, subject, code, error]);
    process.stdout.write(`${table.toString()}\n${refusals.length} of ${total}\n`);
  });
}
