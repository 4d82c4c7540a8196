/**
 * Lets a schedule name many slots in a short time while its orchestrator and the nats-server are killed with -9 between
 * them, and accounts for every slot from the stored events. Used by a test (few slots) and by `npm run soak` (many).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { NatsConnection } from 'nats';
import { applySchedules } from '../../actors/orchestrator/schedule.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { SlotDecidedSchema, type SlotEntry } from '../../contracts/configuration/schedule.ts';
import { pipelineEventSubject, scheduleEventSubject, STREAMS } from '../../contracts/subjects.ts';
import { upcoming } from '../../services/schedule/slots.ts';
import { ScheduleConfigSchema } from '../../contracts/configuration/schedule.ts';
import { onFastClock } from './fast-clock.ts';
import { quickPipeline, withSaga } from './saga.ts';
import type { ScheduleProcessOptions } from './schedule-process.ts';
import { withServer } from './server.ts';
import { until } from './wait.ts';
import { managerOf } from '../../infra/messaging/jetstream.ts';

export interface ScheduleSoakOptions {
  readonly slots: number;
  /** True milliseconds from one slot to the next. */
  readonly slotMs: number;
  /** The orchestrator is killed after each so many slots, the server after each so many. */
  readonly killOrchestratorEvery: number;
  readonly killServerEvery: number;
  readonly onSlot?: (done: number) => void;
}

export interface ScheduleSoakReport {
  readonly slots: number;
  readonly kills: { readonly orchestrator: number; readonly server: number };
  readonly started: number;
  readonly skipped: number;
  readonly missed: number;
  /** Slots of which no event tells what became of them. */
  readonly lost: number;
  /** Slots that started more than one run, or of which a run started although they were skipped or missed. */
  readonly doubled: number;
}

const DAY_MS = 24 * 3600_000;
/** Just after a slot, so that a whole slot's time is left in which the schedule is made. */
const SHOWN_START = Date.parse('2026-01-01T02:00:01Z');
/** A day's lateness is but one slot's time here. */
const SCHEDULE = ScheduleConfigSchema.parse({ cron: '0 2 * * *', timeZone: 'UTC', catchUpMs: DAY_MS });
const pipeline = quickPipeline({ schedule: SCHEDULE, retry: { attemptsMax: 1 } });
const PROCESS = fileURLToPath(new URL('./schedule-process.ts', import.meta.url));

export async function soakSchedule(options: ScheduleSoakOptions): Promise<ScheduleSoakReport> {
  const expected = upcoming(SCHEDULE, options.slots, new Date(SHOWN_START)).map((slot) => slot.toISOString());
  return withServer((server) =>
    withSaga(server, { orchestrators: 0, works: { collect: refuse }, pipeline }, async ({ nc, orchestrator }) => {
      const clock = { trueStart: Date.now(), shownStart: SHOWN_START, factor: DAY_MS / options.slotMs };
      // The schedule exists before its first slot, whenever the process is up.
      await applySchedules(onFastClock(orchestrator, clock));
      const start = () => startProcess({ url: server.url, clock, pipeline });
      let child = start();
      const kills = { orchestrator: 0, server: 0 };
      // While the server is down nobody answers; until() asks again.
      const load = () => orchestrator.schedules.load('face').catch(() => null);
      const passed = async (slot: string) => {
        const record = (await load())?.value;
        return record !== undefined && record.outbox.length === 0 && (record.next ?? '') > slot;
      };
      try {
        for (const [index, slot] of expected.entries()) {
          await until(() => passed(slot), `slot ${slot} to pass`, 120_000);
          options.onSlot?.(index + 1);
          if ((index + 1) % options.killOrchestratorEvery === 0) {
            await end(child);
            kills.orchestrator += 1;
            child = start();
          }
          if ((index + 1) % options.killServerEvery === 0 && server.server.pid !== null) {
            process.kill(server.server.pid, 'SIGKILL');
            kills.server += 1;
          }
        }
        return { slots: options.slots, kills, ...tally(await decisionsOf(nc), await startedRuns(nc), expected) };
      } finally {
        await end(child);
      }
    }),
  );
}

/** Ends each run at once, so that none is in the way of the next slot for long. */
const refuse = async (): Promise<never> => {
  throw new PipelineError('SOURCE_UNREACHABLE', 'nothing is collected in this soak');
};

function startProcess(options: ScheduleProcessOptions): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', PROCESS, JSON.stringify(options)], { stdio: 'inherit' });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    throw new Error(`the orchestrator ended by itself: ${child.exitCode ?? child.signalCode}`);
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function tally(decisions: readonly SlotEntry[], runs: readonly string[], expected: readonly string[]) {
  const last = new Map(decisions.map((entry) => [entry.slot, entry]));
  const ranges = decisions.filter(({ until: end }) => end !== undefined);
  const entryOf = (slot: string) =>
    ranges.find((range) => range.slot <= slot && slot <= range.until!) ?? last.get(slot) ?? null;
  const entries = expected.map(entryOf);
  const count = (decision: SlotEntry['decision']) => entries.filter((entry) => entry?.decision === decision).length;
  const startedOnce = new Set(entries.filter((entry) => entry?.decision === 'started').map((entry) => entry!.runId));
  const horizon = expected.at(-1)!;
  const extra = runs.filter((runId) => !startedOnce.has(runId) && slotOf(decisions, runId) <= horizon);
  return {
    started: count('started'),
    skipped: count('skipped'),
    missed: count('missed'),
    lost: entries.filter((entry) => entry === null || entry.decision === 'waiting').length,
    doubled: extra.length + (runs.length - new Set(runs).size),
  };
}

/** The slot of a run; a run that no decision names counts as one too many. */
const slotOf = (decisions: readonly SlotEntry[], runId: string) =>
  decisions.find((entry) => entry.runId === runId)?.slot ?? '';

async function decisionsOf(nc: NatsConnection): Promise<SlotEntry[]> {
  const events = await stored(nc, scheduleEventSubject('decided', 'face'));
  return events.map((event) => SlotDecidedSchema.parse(event.data));
}

async function startedRuns(nc: NatsConnection): Promise<string[]> {
  const events = await stored(nc, pipelineEventSubject('started', '*'));
  return events.map((event) => (event.data as { runId: string }).runId);
}

async function stored(nc: NatsConnection, subject: string): Promise<{ data: unknown }[]> {
  const manager = await managerOf(nc);
  const found: { data: unknown }[] = [];
  for (let seq = 1; ; seq++) {
    const message = await manager.direct.getMessage(STREAMS.events, { seq, next_by_subj: subject });
    if (!message) return found;
    found.push(message.json<{ data: unknown }>());
    seq = message.seq;
  }
}
