/**
 * Schedules start runs by themselves. Every wake-up is the same: a timer that fired, a run that ended, an operator, a
 * slot from a schedule set by hand in the server, a start of this process. The record goes through the steps of
 * durable.ts; decisions are in services/schedule. A slot's run id is derived from the slot, so a repetition starts
 * nothing twice.
 */
import { z } from 'zod';
import type { ScheduleStatus } from '../../contracts/api.ts';
import type { CommandData } from '../../contracts/commands.ts';
import { assertNever, PipelineError, toFailure } from '../../contracts/errors.ts';
import type { ScheduleEffect, ScheduleRecord } from '../../contracts/configuration/schedule.ts';
import {
  SCHEDULE_TIMER,
  scheduleEventSubject,
  slotSubject,
  type CTL,
  type PipelineFact,
  type ScheduleFact,
} from '../../contracts/subjects.ts';
import type { Delivery } from '../../infra/messaging/bus.ts';
import { faultPoint } from '../../runtime/fault-points.ts';
import {
  configured,
  entryOfRun,
  named,
  newRecord,
  notStarted,
  overtaken,
  pausedBy,
  resumed,
  runEnded,
  tick,
  type Moment,
} from '../../services/schedule/decide.ts';
import { upcoming } from '../../services/schedule/slots.ts';
import { isFailure, latestOf, pipelineIn } from './configuration.ts';
import { runKey, type OrchestratorContext } from './context.ts';
import { activeRun, beginNight } from './begin.ts';
import { decide, oneByOne, settle, type Durable, type Points } from './durable.ts';
import { applyEvent } from './run-loop.ts';

/** In place of an operator's name. */
const SCHEDULE = 'schedule';
/** Slots shown ahead, for people. */
const UPCOMING = 3;

type Decide = (record: ScheduleRecord, moment: Moment) => ScheduleRecord | Promise<ScheduleRecord>;

/** Brings the stored schedules to what is configured; called at every start. A damaged record leaves its schedule alone. */
export async function applySchedules(o: OrchestratorContext): Promise<void> {
  for (const { model, pipeline } of await latestOf(o)) {
    if (isFailure(pipeline)) o.log.error({ model, ...pipeline }, 'orchestrator: the configuration cannot be read');
    else await configureSchedule(o, model);
  }
}

/** The configuration is read after the record of the schedule: if another orchestrator was faster, both are read again. */
export async function configureSchedule(o: OrchestratorContext, model: string): Promise<void> {
  const isNew = (await o.schedules.load(model)) === null;
  if (isNew && !(await pipelineIn(o, model))?.schedule) return;
  await change(o, model, o.now(), async (record, moment) => {
    const schedule = (await pipelineIn(o, model))?.schedule ?? null;
    return tick(configured(record, schedule, moment.now), moment);
  });
}

const SlotTimerSchema = z.object({ dueAt: z.iso.datetime().optional() });

/** `nightshift.timer.slot.<model>`: our own timer carries its moment; any other message names a slot by its time. */
export async function handleSlot(o: OrchestratorContext, model: string, delivery: Delivery): Promise<void> {
  const { dueAt } = SlotTimerSchema.catch({}).parse(delivery.envelope.data);
  const pipeline = await pipelineIn(o, model);
  if (pipeline === null && dueAt !== undefined) return; // It was on its way when the model was removed.
  if (!pipeline) throw new PipelineError('MODEL_UNKNOWN', `a slot came for "${model}", which is not configured`);
  if (dueAt !== undefined) return change(o, model, later(o.now(), new Date(dueAt)), tick);
  const slot = new Date(1000 * Math.floor(delivery.time.getTime() / 1000));
  const id = `slot-message-${delivery.seq}`;
  return change(o, model, later(o.now(), slot), (record, moment) => named(record, slot, id, moment));
}

/** A run has come to rest. Its schedule counts failures, and a slot may have waited for it. */
export async function handleRunStop(
  o: OrchestratorContext,
  { runId, fact, model }: { readonly runId: string; readonly fact: PipelineFact; readonly model: string },
): Promise<void> {
  if (!(await o.schedules.load(model))) return;
  await change(o, model, o.now(), async (record, moment) => {
    const counts = record.awaited === null || entryOfRun(record, runId) || (await isNight(o, runId));
    return tick(counts ? runEnded(record, runId, fact, moment.now) : record, moment);
  });
}

/** A rollback by an operator is a run as well. */
const isNight = async (o: OrchestratorContext, runId: string) =>
  (await o.runs.load(runKey(runId)))?.value.context.kind === 'night';

/** An operator's command, as is the next. Throws SCHEDULE_UNKNOWN. */
export async function pauseSchedule(
  o: OrchestratorContext,
  { model, reason = 'by an operator' }: CommandData<typeof CTL.schedulePause>,
  { envelope }: Delivery,
): Promise<null> {
  await known(o, model);
  await change(o, model, o.now(), (record, { now }) => pausedBy(record, reason, envelope.id, now));
  return null;
}

export async function resumeSchedule(
  o: OrchestratorContext,
  { model }: CommandData<typeof CTL.scheduleResume>,
  { envelope }: Delivery,
): Promise<null> {
  await known(o, model);
  await change(o, model, o.now(), (record, moment) => tick(resumed(record, envelope.id, moment.now), moment));
  return null;
}

/** For people: what is configured, what comes next and what became of the latest slots. */
export async function listSchedules(o: OrchestratorContext): Promise<ScheduleStatus[]> {
  const records = (await o.schedules.list()).map(({ value }) => value);
  const schedules = records.map(({ model, config, paused, next, waiting, recent }) => {
    const ahead = config && next ? upcoming(config, UPCOMING, new Date(Date.parse(next) - 1)) : [];
    return { model, config, paused, waiting, upcoming: ahead.map((slot) => slot.toISOString()), recent };
  });
  return schedules.sort((a, b) => a.model.localeCompare(b.model));
}

async function known(o: OrchestratorContext, model: string): Promise<void> {
  if (await o.schedules.load(model)) return;
  const hint = `write models.${model}.schedule into the configuration`;
  throw new PipelineError('SCHEDULE_UNKNOWN', `model ${model} has no schedule; ${hint}`);
}

function change(o: OrchestratorContext, model: string, now: Date, decision: Decide): Promise<void> {
  const schedule = scheduleOf(o, model, now);
  return oneByOne(o.attempts, `${SCHEDULE_TIMER}.${model}`, async () => {
    const stored = await decide(schedule, async (record) => {
      const decided = await decision(record, await momentOf(o, model, now));
      return decided === record ? null : decided;
    });
    await settle(schedule, stored);
  });
}

const scheduleOf = (o: OrchestratorContext, model: string, now: Date): Durable<ScheduleRecord> => ({
  load: async () => {
    const stored = await o.schedules.load(model);
    faultPoint('schedule.woken', `${model} at ${now.toISOString()}`);
    return stored ?? { value: newRecord(model, now), revision: 0 };
  },
  save: (record, expectedRevision) => o.schedules.save(model, record, expectedRevision),
  // One after the other, in the order of the decision.
  carryOut: async (record) => {
    let settled: ScheduleRecord = { ...record, outbox: [] };
    for (const effect of record.outbox) {
      settled = await carryOut(o, settled, effect);
      faultPoint('schedule.carried-out', `${workOf(record)}: ${effect.kind}`);
    }
    return settled;
  },
  points: POINTS,
});

const POINTS: Points<ScheduleRecord> = {
  decided: (record) => faultPoint('schedule.decided', workOf(record)),
  saved: (record) => faultPoint('schedule.saved', workOf(record)),
  settled: (_, before) => faultPoint('schedule.settled', workOf(before)),
};

/** The effects of a decision, for people: `face to decided, start, arm`. */
export const workOf = ({ model, outbox }: ScheduleRecord) =>
  `${model} to ${outbox.map(({ kind }) => kind).join(', ') || 'remember'}`;

/** The record comes back changed if the world has moved on since the decision. */
async function carryOut(
  o: OrchestratorContext,
  record: ScheduleRecord,
  effect: ScheduleEffect,
): Promise<ScheduleRecord> {
  const { model } = record;
  const say = (fact: ScheduleFact, data: object, id: string) =>
    o.bus.publish(scheduleEventSubject(fact, model), { model, ...data }, { id });
  switch (effect.kind) {
    case 'arm':
      await arm(o, model, effect);
      return record;
    case 'disarm':
      await o.timers.cancel(SCHEDULE_TIMER, model);
      return record;
    case 'start':
      return start(o, record, effect);
    case 'cancel':
      await cancel(o, effect);
      return record;
    case 'decided': {
      const { slot, decision, decidedAt } = effect.entry;
      await say('decided', effect.entry, `${model}.${slot}.${decision}.${decidedAt}`);
      return record;
    }
    case 'paused':
      await say('paused', { reason: effect.reason }, `${effect.id}.paused`);
      return record;
    case 'resumed':
      await say('resumed', { reason: null }, `${effect.id}.resumed`);
      return record;
    case 'overdue': {
      const { slot, runId, reason } = effect;
      await say('overdue', { slot, runId, reason }, `${model}.${slot}.overdue`);
      return record;
    }
    default:
      return assertNever(effect);
  }
}

async function arm(o: OrchestratorContext, model: string, { dueAt, number }: { dueAt: string; number: number }) {
  await o.timers.set({
    runId: SCHEDULE_TIMER,
    timerId: model,
    dueAt: new Date(dueAt),
    payload: { dueAt },
    target: slotSubject(model),
    // The number of runs under this id may be reset with the bucket; the moment then tells settings apart.
    id: `${SCHEDULE_TIMER}.${model}.${number}.${dueAt}`,
  });
}

async function start(o: OrchestratorContext, record: ScheduleRecord, { slot, runId }: { slot: string; runId: string }) {
  const { model } = record;
  try {
    const trigger = { at: new Date(slot) };
    await beginNight(o, { model, runId, messageId: `${runId}.start`, by: SCHEDULE, trigger });
    return record;
  } catch (error) {
    const { code, message, retryable } = toFailure(error);
    // Removed since the decision: the schedule must not hang on a run that can never start.
    if (code === 'MODEL_UNKNOWN') return notStarted(record, slot, message, o.now());
    if (code !== 'RUN_ACTIVE' || retryable) throw error;
    return overtaken(record, slot, await momentOf(o, model, o.now()));
  }
}

async function cancel(o: OrchestratorContext, { slot, runId }: { slot: string; runId: string }) {
  const event = { type: 'operator.cancel' as const, reason: `the slot ${slot} has come, and overlap is cancel-other` };
  await applyEvent(o, runId, `${runId}.${slot}.cancel`, event, SCHEDULE);
}

const momentOf = async (o: OrchestratorContext, model: string, now: Date): Promise<Moment> => ({
  now,
  activeRun: (await activeRun(o, model))?.context.runId ?? null,
});

/** A timer that the server has fired is due, also if the clock here disagrees. */
const later = (a: Date, b: Date) => (a > b ? a : b);
