/** A notice as an e-mail says it. Pure. */
import type { Notice } from '../../contracts/notification.ts';

export function mailText({ title, model, runId, stage, cause, failure, lastLines, at, link }: Notice): string {
  const rows: readonly (readonly [string, string | null])[] = [
    ['Model', model],
    ['Run', runId],
    ['Stage', stage],
    ['Cause', cause],
    ['Failure', failure && [failure.code, failure.message].filter((it) => it !== null).join(': ')],
    ['When', at],
    ['Look', link ?? (runId === null ? null : `nightshift run show ${runId}`)],
  ];
  const lines = rows.flatMap(([name, value]) => (value === null ? [] : [`${`${name}:`.padEnd(9)}${value}`]));
  const log = lastLines.length === 0 ? '' : `\nLast lines of the log:\n${lastLines.map((it) => `  ${it}\n`).join('')}`;
  return `${title}\n\n${lines.join('\n')}\n${log}`;
}
