/**
 * When runs of a model start by themselves: its configuration, the stored state of the schedule, and the events that
 * say what became of each slot. A *slot* is a moment that the cron expression names. docs/schedule.md tells it to people.
 */
import { z } from 'zod';
import { PIPELINE_FACTS } from '../subjects.ts';
import { TokenSchema } from '../references.ts';

const ClockSchema = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as "22:00"');

export const ScheduleConfigSchema = z
  .strictObject({
    cron: z
      .string()
      .min(1)
      .max(200)
      .describe('Five fields (minute hour day month weekday), or six with seconds first. It names the slots.'),
    timeZone: z.string().default('UTC').describe('IANA name; the expression and the window are meant in it.'),
    overlap: z
      .enum(['skip', 'buffer-one', 'cancel-other'])
      .default('skip')
      .describe(
        'For a slot that comes while a run of the model is under way: `skip` it; `buffer-one`: it waits for the end of the ' +
          'run, and further slots are skipped meanwhile; `cancel-other`: that run is cancelled and undone first.',
      ),
    catchUpMs: z
      .number()
      .int()
      .min(0)
      .default(6 * 3600_000)
      .describe('A slot at which nothing ran is made up for if it lies back at most so long; of several, the latest.'),
    pauseAfterFailures: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe(
        'So many scheduled runs in a row that ended failed, rolled-back or needs-operator pause the schedule. Absent: never.',
      ),
    nightWithinMs: z
      .number()
      .int()
      .min(1_000)
      .optional()
      .describe(
        'If no night has ended so long after a slot, `nightshift.evt.schedule.overdue.<model>` says so, once (docs/notifications.md). Absent: 24 hours.',
      ),
    window: z
      .strictObject({
        from: ClockSchema.describe('Time of day, such as `22:00`.'),
        to: ClockSchema.describe('Time of day; one before `from` is on the next day.'),
      })
      .optional()
      .describe(
        'Runs begin only between these times of day; a slot outside waits for the next opening. Absent: always.',
      ),
  })
  .describe('When runs start by themselves. Absent: only by command.');
export type ScheduleConfig = z.infer<typeof ScheduleConfigSchema>;

/** The fate of a slot; of `count` slots up to `until` if several in a row were missed. */
export const SlotEntrySchema = z.object({
  slot: z.string(),
  until: z.string().optional(),
  count: z.number().int().positive().optional(),
  decision: z.enum(['started', 'waiting', 'skipped', 'missed']),
  reason: z.string(),
  decidedAt: z.string(),
  runId: TokenSchema.nullable(),
  /** How its run ended; null before that, and where there is none. */
  end: z.enum(PIPELINE_FACTS).nullable(),
});
export type SlotEntry = z.infer<typeof SlotEntrySchema>;

/** The effects to carry out after the record was saved. Each may be carried out twice. */
export const ScheduleEffectSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('arm'), dueAt: z.string(), number: z.number().int() }),
  z.object({ kind: z.literal('disarm') }),
  z.object({ kind: z.literal('start'), slot: z.string(), runId: TokenSchema }),
  z.object({ kind: z.literal('cancel'), slot: z.string(), runId: TokenSchema }),
  z.object({ kind: z.literal('decided'), entry: SlotEntrySchema }),
  z.object({ kind: z.literal('paused'), id: z.string(), reason: z.string() }),
  z.object({ kind: z.literal('resumed'), id: z.string() }),
  z.object({ kind: z.literal('overdue'), slot: z.string(), runId: TokenSchema.nullable(), reason: z.string() }),
]);
export type ScheduleEffect = z.infer<typeof ScheduleEffectSchema>;

/** SCHEDULES/<model>. Written by the orchestrator alone. */
export const ScheduleRecordSchema = z.object({
  format: z.literal('nightshift.schedule/1'),
  model: TokenSchema,
  /** Null: nothing is configured; slots come only from schedules that somebody set in the server by hand. */
  config: ScheduleConfigSchema.nullable(),
  paused: z.object({ reason: z.string(), at: z.string() }).nullable(),
  /** The next slot of the expression. */
  next: z.string().nullable(),
  /** A slot that waits for a run to end (no `dueAt`) or for the window to open. */
  waiting: z.object({ slot: z.string(), dueAt: z.string().nullable() }).nullable(),
  /** The first slot after which no night has ended yet, and whether that was told. A record of before 0.6.0 has none. */
  awaited: z.object({ slot: z.string(), told: z.boolean() }).nullable().default(null),
  /** When the armed timer fires, and how many were armed before. */
  armed: z.object({ dueAt: z.string().nullable(), number: z.number().int() }),
  /** The latest slots, oldest first. */
  recent: z.array(SlotEntrySchema),
  /** Only runs that started after this moment count as failures in a row. */
  failuresSince: z.string(),
  /** Ids of the operator commands and slot messages that were obeyed, the latest last. */
  seen: z.array(z.string()),
  outbox: z.array(ScheduleEffectSchema),
});
export type ScheduleRecord = z.infer<typeof ScheduleRecordSchema>;

/** Data of `nightshift.evt.schedule.decided.<model>`. */
export const SlotDecidedSchema = SlotEntrySchema.extend({ model: TokenSchema });
/** Data of `nightshift.evt.schedule.paused.<model>` and `.resumed.<model>`. */
export const ScheduleChangedSchema = z.object({ model: TokenSchema, reason: z.string().nullable() });
/** Data of `nightshift.evt.schedule.overdue.<model>`. `runId`: the run of the slot, if one began. */
export const SlotOverdueSchema = z.object({
  model: TokenSchema,
  slot: z.string(),
  runId: TokenSchema.nullable(),
  reason: z.string(),
});
