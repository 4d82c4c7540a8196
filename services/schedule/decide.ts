/**
 * The next step of a schedule, as pure functions (record, moment) -> record with its outbox. Level-triggered: `tick`
 * looks at the slots that are due, however it was woken, so a wake-up that is lost, late or doubled changes nothing but
 * the time. Called by actors/orchestrator/schedule.ts, which saves the record and then carries out the outbox.
 */
import type {
  ScheduleConfig,
  ScheduleEffect,
  ScheduleRecord,
  SlotEntry,
} from '../../contracts/configuration/schedule.ts';
import type { PipelineFact } from '../../contracts/subjects.ts';
import { lastSlot, nextSlot, opening } from './slots.ts';

/** The slots that the record itself tells of; the events keep all of them. */
const RECENT_MAX = 64;
/** Redeliveries come close together. */
const SEEN_MAX = 64;
/** Ends after which the next night is likely to fail as well. A rejected model is the gates at work. */
const FAILING: readonly PipelineFact[] = ['failed', 'rolled-back', 'needs-operator'];
const JUDGED: readonly PipelineFact[] = [...FAILING, 'completed', 'rejected', 'unchanged'];

export interface Moment {
  readonly now: Date;
  /** The run of this model that is under way. */
  readonly activeRun: string | null;
}

export function newRecord(model: string, now: Date): ScheduleRecord {
  return {
    format: 'nightshift.schedule/1',
    model,
    config: null,
    paused: null,
    next: null,
    waiting: null,
    awaited: null,
    armed: { dueAt: null, number: 0 },
    recent: [],
    failuresSince: now.toISOString(),
    seen: [],
    outbox: [],
  };
}

/** Takes over what the configuration says, or that it says nothing any more, and arms the timer anew in any case. */
export function configured(record: ScheduleRecord, config: ScheduleConfig | null, now: Date): ScheduleRecord {
  const same = JSON.stringify(config) === JSON.stringify(record.config);
  const next = same ? record.next : config && iso(nextSlot(config, now));
  return rearmed(
    { ...record, config, next, waiting: same ? record.waiting : null, awaited: config && record.awaited },
    true,
  );
}

/** Everything that is due at this moment. The same record comes back where nothing is. */
export function tick(record: ScheduleRecord, moment: Moment): ScheduleRecord {
  return rearmed(overdue(tended(passed(record, moment), moment), moment.now), false);
}

/** A slot that a message names: somebody's own schedule in the server. `id` is that of the message. */
export function named(record: ScheduleRecord, slot: Date, id: string, moment: Moment): ScheduleRecord {
  if (record.seen.includes(id) || entryOf(record, slot.toISOString())) return record;
  return rearmed(arrived(sawn(record, id), slot, moment), false);
}

/** An operator's pause or a schedule's own; slots are skipped while it lasts. */
export function pausedBy(record: ScheduleRecord, reason: string, id: string, now: Date): ScheduleRecord {
  if (record.seen.includes(id)) return record;
  const paused = record.paused ?? { reason, at: now.toISOString() };
  const skipped = record.waiting
    ? noted(record, record.waiting.slot, 'skipped', `paused: ${paused.reason}`, now)
    : record;
  const effect: ScheduleEffect = { kind: 'paused', id, reason: paused.reason };
  return rearmed({ ...sawn(withEffects(skipped, effect), id), paused, waiting: null }, false);
}

/** Slots count again from now on, and failures in a row from none. */
export function resumed(record: ScheduleRecord, id: string, now: Date): ScheduleRecord {
  if (record.seen.includes(id)) return record;
  const next = record.paused && record.config ? iso(nextSlot(record.config, now)) : record.next;
  const fresh = { ...sawn(record, id), paused: null, next, failuresSince: now.toISOString() };
  return rearmed(withEffects(fresh, { kind: 'resumed', id }), false);
}

/**
 * A night has come to its end: nobody waits for one any more, however it ended. It is remembered if it was a slot's, and the
 * schedule paused after too many bad ones. A night that was cancelled did not happen.
 */
export function runEnded(before: ScheduleRecord, runId: string, end: PipelineFact, now: Date): ScheduleRecord {
  const record = before.awaited !== null && JUDGED.includes(end) ? { ...before, awaited: null } : before;
  const entry = entryOfRun(record, runId);
  if (!entry || entry.end === end) return record;
  const next = { ...record, recent: record.recent.map((one) => (one === entry ? { ...one, end } : one)) };
  const limit = record.config?.pauseAfterFailures;
  const failures = failuresInARow(next);
  if (limit === undefined || failures < limit || record.paused) return next;
  const reason = `${failures} scheduled runs in a row did not succeed; the last was ${runId} (${end})`;
  return pausedBy(next, reason, `${runId}.${end}.pause`, now);
}

export const entryOfRun = ({ recent }: ScheduleRecord, runId: string) => recent.find((one) => one.runId === runId);

/** The lock was taken by another run between the decision and the start: the slot meets the overlap policy after all. */
export function overtaken(record: ScheduleRecord, slot: string, moment: Moment): ScheduleRecord {
  const recent = record.recent.filter((one) => one.slot !== slot);
  return rearmed(arrived({ ...record, recent }, new Date(slot), moment), false);
}

/** The run of a slot can never begin. */
export const notStarted = (record: ScheduleRecord, slot: string, reason: string, now: Date): ScheduleRecord =>
  noted(record, slot, 'skipped', reason, now);

/** The same for each repetition, readable, and one per slot: `slot-20260101T020000-face`. */
export function slotRunId(model: string, slot: string): string {
  const moment = slot.replaceAll(/[-:]/g, '').slice(0, 15);
  return `${SLOT_RUN}${moment}-${model}`.slice(0, RUN_ID_MAX);
}
/** The beginning of the ids of scheduled runs. */
export const SLOT_RUN = 'slot-';
/** Of a subject token. Models whose names are this long differ before it, or have different schedules. */
const RUN_ID_MAX = 64;

/** Slots of the expression up to now: the last may still be run, those before it were missed. */
function passed(record: ScheduleRecord, moment: Moment): ScheduleRecord {
  const { config, next } = record;
  if (!config || !next || Date.parse(next) > moment.now.getTime()) return record;
  const last = lastSlot(config, moment.now) ?? new Date(next);
  const advanced = { ...record, next: iso(nextSlot(config, last)) };
  const missed = last.toISOString() === next ? advanced : withMissed(advanced, config, next, last, moment.now);
  const lateMs = moment.now.getTime() - last.getTime();
  if (lateMs <= config.catchUpMs) return arrived(missed, last, moment);
  const reason = `nothing ran at the time; found ${lateMs} ms late, later than catchUpMs ${config.catchUpMs}`;
  return withEntry(missed, entry(last.toISOString(), 'missed', reason, moment.now));
}

/** One entry for all slots from `first` to the one before `last`. */
function withMissed(record: ScheduleRecord, config: ScheduleConfig, first: string, last: Date, now: Date) {
  let count = 0;
  let until = new Date(first);
  for (let slot: Date | null = until; slot && slot < last && count < COUNTED_MAX; slot = nextSlot(config, slot)) {
    until = slot;
    count += 1;
  }
  if (count === COUNTED_MAX) until = new Date(last.getTime() - 1);
  const reason = 'nothing ran at the time, and a later slot has come since';
  return withEntry(record, { ...entry(first, 'missed', reason, now), until: until.toISOString(), count });
}
/** More missed slots than this are told by their range alone; `count` is then a lower bound. */
const COUNTED_MAX = 1_000;

/** A slot's moment has come. */
function arrived(record: ScheduleRecord, slot: Date, moment: Moment): ScheduleRecord {
  const at = slot.toISOString();
  const skip = (reason: string) => withEntry(record, entry(at, 'skipped', reason, moment.now));
  if (record.paused) return skip(`paused: ${record.paused.reason}`);
  if (record.waiting) return skip(`slot ${record.waiting.slot} waits already`);
  const opens = record.config && opening(record.config, moment.now);
  if (opens) {
    const reason = `outside the window; it opens at ${opens.toISOString()}`;
    return { ...withEntry(record, entry(at, 'waiting', reason, moment.now)), waiting: { slot: at, dueAt: iso(opens) } };
  }
  if (moment.activeRun === null) return started(record, at, 'its time had come', moment.now);
  return overlapped(record, at, moment.activeRun, moment.now);
}

function overlapped(record: ScheduleRecord, slot: string, activeRun: string, now: Date): ScheduleRecord {
  const policy = record.config?.overlap ?? 'skip';
  if (policy === 'skip') return noted(record, slot, 'skipped', `run ${activeRun} is under way`, now);
  const waits = { ...record, waiting: { slot, dueAt: null } };
  if (policy === 'buffer-one') return noted(waits, slot, 'waiting', `for run ${activeRun} to end`, now);
  const cancelling = noted(waits, slot, 'waiting', `for run ${activeRun}, which is cancelled for it`, now);
  return withEffects(cancelling, { kind: 'cancel', slot, runId: activeRun });
}

/** The slot that waits, where its wait is over. */
function tended(record: ScheduleRecord, moment: Moment): ScheduleRecord {
  const { waiting, config } = record;
  if (!waiting || (waiting.dueAt !== null && Date.parse(waiting.dueAt) > moment.now.getTime())) return record;
  const free = { ...record, waiting: null };
  if (moment.activeRun !== null) {
    return waiting.dueAt === null ? record : overlapped(free, waiting.slot, moment.activeRun, moment.now);
  }
  const opens = config && opening(config, moment.now);
  if (!opens) return started(free, waiting.slot, 'its wait is over', moment.now);
  const reason = `outside the window; it opens at ${opens.toISOString()}`;
  const again = noted(free, waiting.slot, 'waiting', reason, moment.now);
  return { ...again, waiting: { slot: waiting.slot, dueAt: iso(opens) } };
}

/** A slot after which no night has ended for too long: told once, until a night ends. */
function overdue(record: ScheduleRecord, now: Date): ScheduleRecord {
  const { awaited } = record;
  const dueAt = overdueAt(record);
  if (!awaited || dueAt === null || Date.parse(dueAt) > now.getTime()) return record;
  const { decision, runId = null, reason: why } = entryOf(record, awaited.slot) ?? {};
  const began = runId === null ? `no run began (${decision}: ${why})` : `run ${runId} has not ended`;
  const reason = `no night has ended since the slot ${awaited.slot}: ${began}`;
  const told = { ...record, awaited: { ...awaited, told: true } };
  return withEffects(told, { kind: 'overdue', slot: awaited.slot, runId, reason });
}

/** Null if no night is waited for, or if it was told already. */
function overdueAt({ awaited, config }: ScheduleRecord): string | null {
  if (!awaited || awaited.told) return null;
  return new Date(Date.parse(awaited.slot) + (config?.nightWithinMs ?? NIGHT_WITHIN_MS)).toISOString();
}
const NIGHT_WITHIN_MS = 24 * 3600_000;

function started(record: ScheduleRecord, slot: string, reason: string, now: Date): ScheduleRecord {
  const runId = slotRunId(record.model, slot);
  const next = withEntry(record, { ...entry(slot, 'started', reason, now), runId });
  return withEffects(next, { kind: 'start', slot, runId });
}

const entry = (slot: string, decision: SlotEntry['decision'], reason: string, now: Date): SlotEntry => ({
  slot,
  decision,
  reason,
  decidedAt: now.toISOString(),
  runId: null,
  end: null,
});

const entryOf = (record: ScheduleRecord, slot: string) => record.recent.find((one) => one.slot === slot);

const noted = (record: ScheduleRecord, slot: string, decision: SlotEntry['decision'], reason: string, now: Date) =>
  withEntry(record, entry(slot, decision, reason, now));

/** A later decision about a slot replaces the earlier one; both are told. */
function withEntry(record: ScheduleRecord, added: SlotEntry): ScheduleRecord {
  const recent = [...record.recent.filter(({ slot }) => slot !== added.slot), added].slice(-RECENT_MAX);
  // That a slot was missed is told at once, by that very decision.
  const awaited = record.awaited ?? (added.decision === 'missed' ? null : { slot: added.slot, told: false });
  return withEffects({ ...record, recent, awaited }, { kind: 'decided', entry: added });
}

const withEffects = (record: ScheduleRecord, ...effects: ScheduleEffect[]): ScheduleRecord => ({
  ...record,
  outbox: [...record.outbox, ...effects],
});

const sawn = (record: ScheduleRecord, id: string): ScheduleRecord => ({
  ...record,
  seen: [...record.seen, id].slice(-SEEN_MAX),
});

/** One timer per schedule, for whatever comes first. `anew` sets it again though it should be armed already. */
function rearmed(record: ScheduleRecord, anew: boolean): ScheduleRecord {
  const due =
    [record.next, record.waiting?.dueAt ?? null, overdueAt(record)].filter((it) => it !== null).sort()[0] ?? null;
  if (!anew && due === record.armed.dueAt) return record;
  const armed = { dueAt: due, number: record.armed.number + 1 };
  const effect: ScheduleEffect = due === null ? { kind: 'disarm' } : { kind: 'arm', dueAt: due, number: armed.number };
  return withEffects({ ...record, armed }, effect);
}

/** A run that was cancelled, or only rests, says nothing about the next one. */
function failuresInARow({ recent, failuresSince }: ScheduleRecord): number {
  const judged = ({ end, decidedAt }: SlotEntry) => end !== null && JUDGED.includes(end) && decidedAt >= failuresSince;
  const ended = recent.filter(judged).reverse();
  const firstGood = ended.findIndex(({ end }) => !FAILING.includes(end!));
  return firstGood === -1 ? ended.length : firstGood;
}

const iso = (date: Date | null) => (date ? date.toISOString() : null);
