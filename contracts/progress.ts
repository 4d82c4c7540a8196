/** The progress of long work, for people. */
import { z } from 'zod';

/** One step of long work, for progress bars. `figures` are free-form numbers such as loss or images/s. */
export const ProgressSchema = z.object({
  fraction: z.number().min(0).max(1),
  done: z.number(),
  total: z.number(),
  /** Of `done` and `total`, in the singular: the reader adds the plural. */
  unit: z.string(),
  figures: z.record(z.string(), z.number()).default({}),
  /** In words, for as long as the work waits for somebody else, such as a source that wants to be asked again later. */
  waitsFor: z.string().max(500).optional(),
  /** Milliseconds that it will still take at its latest pace; absent while that is unknown. */
  etaMs: z.number().nonnegative().optional(),
});
export type Progress = z.infer<typeof ProgressSchema>;
