/**
 * The sweep of what nothing refers to any more: the operator's command, the janitor's order, and its report, which also
 * says what holds the rest. `nightshift gc` and `nightshift disk` print it.
 */
import { z } from 'zod';
import { BlobRefSchema } from './references.ts';

export const SWEEP_MODES = ['sweep', 'look'] as const;
/** Data of `nightshift.ctl.store.sweep`. */
export const SweepDataSchema = z.object({
  mode: z.enum(SWEEP_MODES).default('sweep').describe('`look` deletes nothing'),
});
/** Data of `nightshift.cmd.janitor.sweep.<id>`. */
export const SweepCommandSchema = SweepDataSchema.extend({
  id: z.string(),
  isBrief: z.boolean().default(false).describe('nobody asks what holds the rest'),
});
export type SweepCommand = z.infer<typeof SweepCommandSchema>;

const CountsSchema = z.object({ objects: z.number().int(), bytes: z.number().int() });
export const SweepRowSchema = CountsSchema.extend({
  model: z.string().nullable().describe('null if models share it'),
  kind: z.string().describe('the kind of thing, such as `shards`'),
});
export type SweepRow = z.infer<typeof SweepRowSchema>;

export const HeldSchema = z.object({
  what: z.string().describe('a snapshot, or the folder of a run in `MODELS` or `REPORTS`'),
  bucket: BlobRefSchema.shape.bucket,
  bytes: z.number().int().describe('of a snapshot: all of its shards, also those that others share'),
  alone: z.number().int().describe('of these, what nothing else holds'),
  reasons: z.array(z.string()).describe('why it stays; empty if it goes'),
});
export type Held = z.infer<typeof HeldSchema>;

/** Data of `nightshift.evt.janitor.swept.<id>`. */
export const SweepReportSchema = z.object({
  id: z.string(),
  mode: z.enum(SWEEP_MODES),
  swept: z.array(SweepRowSchema).describe('what is gone; after a look, what would go'),
  kept: z.array(SweepRowSchema).describe('what stays, by kind'),
  held: z.array(HeldSchema).describe('the largest things that stay, with the reasons'),
  heldTotal: z.number().int().describe('how many such things there are'),
  left: z.number().int().describe('objects that may go and are left to the next sweep'),
  streams: z
    .array(z.object({ name: z.string(), messages: z.number().int(), bytes: z.number().int() }))
    .describe('streams and buckets with their bytes as the server counts them, after the sweep'),
  remarks: z.array(z.string()),
});
export type SweepReport = z.infer<typeof SweepReportSchema>;
