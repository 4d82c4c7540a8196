/** `nightshift config`: what the configuration of the system is and was, and back to an earlier revision of a model. */
import type { ConfigRevision } from '../../contracts/configuration/record.ts';
import { API, CTL } from '../../contracts/subjects.ts';
import { sendCommand } from '../../infra/messaging/send-command.ts';
import type { Client } from '../client.ts';
import { confirm } from '../confirm.ts';
import { describeDifferences, differences } from '../config-diff.ts';
import type { GlobalOptions } from '../global-options.ts';
import { timeOf } from '../time.ts';
import { withClient } from '../with-client.ts';
import { EXIT_CODE_DIFFERS } from './apply.ts';
import { newCommandId } from './operate.ts';
import { createTable } from '../table.ts';

interface Output {
  readonly json?: boolean;
}

export async function configHistoryCommand(
  model: string | undefined,
  { json }: Output,
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async (client) => {
    const models = model === undefined ? (await client.ask(API.configList, {})).models.map((it) => it.model) : [model];
    const histories = await Promise.all(models.map((it) => historyOf(client, it)));
    if (json) return void process.stdout.write(`${JSON.stringify({ revisions: histories.flat() })}\n`);
    process.stdout.write(histories.length === 0 ? NONE : `${tableOf(histories.flat())}\n`);
  });
}

const NONE = 'no model is configured; `nightshift apply -f <file>` configures those of a file\n';
const historyOf = async ({ ask }: Client, model: string) => (await ask(API.configHistory, { model })).revisions;

function tableOf(revisions: readonly ConfigRevision[]): string {
  const table = createTable(['model', 'revision', 'at', 'by', 'what', 'why'], { wraps: { why: 16 }, drops: ['at'] });
  for (const { model, revision, at, by, verb, from, reason } of revisions) {
    const what = verb === 'rollback' ? `back to ${from}` : verb === 'remove' ? 'removed' : 'applied';
    table.push([model, revision, timeOf(at), by, what, reason ?? '']);
  }
  return table.toString();
}

export async function configShowCommand(
  model: string | undefined,
  { revision, json }: Output & { revision?: number },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const models = model === undefined ? (await ask(API.configList, {})).models.map((it) => it.model) : [model];
    const shown = await Promise.all(models.map((it) => ask(API.configShow, { model: it, revision })));
    if (json) return void process.stdout.write(`${JSON.stringify({ models: shown })}\n`);
    if (shown.length === 0) return void process.stdout.write(NONE);
    for (const { pipeline, ...about } of shown) {
      const head = `${about.model}, revision ${about.revision} of ${timeOf(about.at)}, by ${about.by}`;
      process.stdout.write(`${head}${pipeline ? `\n${JSON.stringify(pipeline, null, 2)}` : ': removed'}\n`);
    }
  });
}

export interface ConfigRollbackOptions extends Output {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly reason?: string;
}

export async function configRollbackCommand(
  model: string,
  revision: number,
  { yes, dryRun, reason, json }: ConfigRollbackOptions,
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask, bus }) => {
    const [now, wanted] = await Promise.all([ask(API.configShow, { model }), ask(API.configShow, { model, revision })]);
    const found = differences(now, wanted);
    if (!json)
      process.stdout.write(`${model}: revision ${now.revision} -> as in ${revision}\n${describeDifferences(found)}`);
    if (dryRun) {
      if (json) process.stdout.write(`${JSON.stringify({ model, revision: now.revision, differences: found })}\n`);
      if (found.length > 0) process.exitCode = EXIT_CODE_DIFFERS;
      return;
    }
    if (!yes) await confirm('config rollback', 'Go back to it?');
    const outcome = await sendCommand(bus, {
      subject: CTL.configRollback,
      data: { model, revision, expected: now.revision, ...(reason === undefined ? {} : { reason }) },
      id: newCommandId('config-rollback'),
      silence: `no orchestrator has answered; the change of ${model} is stored and is obeyed when one runs`,
    });
    if (json) return void process.stdout.write(`${JSON.stringify({ ...outcome, differences: found })}\n`);
    const text = outcome.changed ? `revision ${outcome.revision} counts now` : 'nothing to change';
    process.stdout.write(`${model}: ${text}\n`);
  });
}
