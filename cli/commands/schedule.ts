/** `nightshift schedule`: the schedules with what became of their latest slots, and pause and resume. */
import type { ScheduleStatus } from '../../contracts/api.ts';
import { API, CTL, scheduleEventSubject } from '../../contracts/subjects.ts';
import { followCommand } from '../../infra/messaging/send-command.ts';
import { newCommandId } from './operate.ts';
import type { GlobalOptions } from '../global-options.ts';
import { timeOf } from '../time.ts';
import { withClient } from '../with-client.ts';
import { createTable } from '../table.ts';

/** Slots shown per model; `--json` has all that are kept. */
const SHOWN_MAX = 10;

export async function scheduleListCommand(
  model: string | undefined,
  { json }: { json?: boolean },
  global: GlobalOptions,
): Promise<void> {
  await withClient(global, async ({ ask }) => {
    const { schedules } = await ask(API.schedules, {});
    const chosen = schedules.filter((one) => model === undefined || one.model === model);
    if (json) return void process.stdout.write(`${JSON.stringify({ schedules: chosen })}\n`);
    const none = 'no schedule; write one into the configuration: models.<model>.schedule.cron\n';
    process.stdout.write(chosen.length > 0 ? chosen.map(describe).join('\n') : none);
  });
}

export async function schedulePauseCommand(model: string, { reason }: { reason?: string }, global: GlobalOptions) {
  await withClient(global, async ({ bus }) => {
    await followCommand(bus, {
      subject: CTL.schedulePause,
      data: { model, reason },
      id: newCommandId('pause'),
      ends: [scheduleEventSubject('paused', model)],
      silence: `no orchestrator has paused ${model} yet; see \`nightshift schedule\``,
    });
    process.stdout.write(`${model}: paused; its slots are skipped until \`nightshift schedule resume ${model}\`\n`);
  });
}

export async function scheduleResumeCommand(model: string, global: GlobalOptions): Promise<void> {
  await withClient(global, async ({ bus, ask }) => {
    await followCommand(bus, {
      subject: CTL.scheduleResume,
      data: { model },
      id: newCommandId('resume'),
      ends: [scheduleEventSubject('resumed', model)],
      silence: `no orchestrator has resumed ${model} yet; see \`nightshift schedule\``,
    });
    const { schedules } = await ask(API.schedules, {});
    const next = schedules.find((one) => one.model === model)?.upcoming[0];
    process.stdout.write(`${model}: resumed; next slot ${next ?? 'none'}\n`);
  });
}

function describe({ model, config, paused, waiting, upcoming, recent }: ScheduleStatus): string {
  const window = config?.window ? `, only between ${config.window.from} and ${config.window.to}` : '';
  const lines = [
    `${model}`,
    `  schedule  ${config ? `${config.cron} (${config.timeZone}), overlap ${config.overlap}${window}` : 'none configured'}`,
    `  next      ${paused ? `paused since ${paused.at}: ${paused.reason}` : upcoming.join(', ') || 'none'}`,
    ...(waiting
      ? [`  waiting   ${waiting.slot} ${waiting.dueAt ? `until ${waiting.dueAt}` : 'for a run to end'}`]
      : []),
  ];
  const table = createTable(['slot', 'became', 'run', 'ended', 'why'], { wraps: { why: 20 }, drops: ['ended', 'run'] });
  for (const { slot, count, decision, runId, end, reason } of recent.slice(-SHOWN_MAX).reverse()) {
    const slots = count === undefined ? timeOf(slot) : `${timeOf(slot)} (${count})`;
    table.push([slots, decision, runId ?? '-', end ?? '-', reason]);
  }
  return `${lines.join('\n')}\n${recent.length > 0 ? `${table.toString()}\n` : ''}`;
}
