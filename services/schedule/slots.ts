/**
 * Which moments a schedule names: the next slot of its expression, and whether its window is open. Cron arithmetic and
 * daylight saving are croner's: a time of day that does not exist (spring) moves to the end of the gap, one that exists
 * twice (autumn) counts once. Pure; called by decide.ts.
 */
import { Cron } from 'croner';
import { PipelineError } from '../../contracts/errors.ts';
import type { ScheduleConfig } from '../../contracts/configuration/schedule.ts';

/** Throws CONFIG_INVALID with what is wrong with the expression or the time zone. */
export function checkSchedule(model: string, config: ScheduleConfig): void {
  try {
    if (nextSlot(config, new Date(0))) return;
  } catch (cause) {
    const why = (cause as Error).message;
    throw invalid(model, `"${config.cron}" in "${config.timeZone}" cannot be read: ${why}`, cause);
  }
  throw invalid(model, `"${config.cron}" names no moment that will ever come`);
}

/** The first slot after `after`; null where none follows. */
export const nextSlot = ({ cron, timeZone }: Pick<ScheduleConfig, 'cron' | 'timeZone'>, after: Date): Date | null =>
  new Cron(cron, { timezone: timeZone }).nextRun(after);

/** The last slot at or before `moment`. */
export const lastSlot = ({ cron, timeZone }: ScheduleConfig, moment: Date): Date | null =>
  // previousRuns leaves its reference out.
  new Cron(cron, { timezone: timeZone }).previousRuns(1, new Date(moment.getTime() + 1))[0] ?? null;

/** The next slots, for people. */
export const upcoming = ({ cron, timeZone }: ScheduleConfig, count: number, after: Date): Date[] =>
  new Cron(cron, { timezone: timeZone }).nextRuns(count, after);

/** Null where runs may begin at `moment`; otherwise the moment at which the window opens. */
export function opening({ window, timeZone }: ScheduleConfig, moment: Date): Date | null {
  if (!window || window.from === window.to) return null;
  const clock = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit' }).format(moment);
  const { from, to } = window;
  const isOpen = from < to ? from <= clock && clock < to : clock >= from || clock < to;
  if (isOpen) return null;
  const [hour, minute] = from.split(':');
  return nextSlot({ cron: `${Number(minute)} ${Number(hour)} * * *`, timeZone }, moment);
}

const invalid = (model: string, why: string, cause?: unknown) =>
  new PipelineError('CONFIG_INVALID', `models.${model}.schedule: ${why}`, { cause });
