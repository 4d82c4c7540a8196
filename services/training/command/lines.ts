/**
 * The lines that an outside training program may print on its standard output: one JSON object each.
 * docs/training-command.md is the contract in words. Anything else on that output is taken for chatter of a library.
 */
import { z } from 'zod';

/** The codes that a program may give as the reason of its failure; each means what the table of errors says. */
const FAILURES = [
  'TRAINING_FAILED',
  'TRAINING_DIVERGED',
  'NET_INVALID',
  'DATASET_TOO_SMALL',
  'STRATEGY_UNAVAILABLE',
] as const;

/** Null stands for a number that is none. */
const FIGURE = z.number().nullable();

const ProgressLineSchema = z.object({
  type: z.literal('progress'),
  /** Passes done; a fraction within a pass. A whole number ends a pass and becomes a point of the learning curve. */
  epoch: z.number().min(0),
  /** Mean of the pass so far. */
  loss: FIGURE,
  learningRate: z.number().optional(),
  /** On the validation images, 0..1. */
  rank1: z.number().min(0).max(1).optional(),
  imagesPerSecond: z.number().min(0).optional(),
});
export type ProgressLine = z.infer<typeof ProgressLineSchema>;

export const LineSchema = z.discriminatedUnion('type', [
  ProgressLineSchema,
  /** A file in the output folder that is complete. */
  z.object({ type: z.literal('checkpoint'), path: z.string().min(1) }),
  z.object({ type: z.literal('failed'), code: z.enum(FAILURES).default('TRAINING_FAILED'), message: z.string() }),
]);
export type Line = z.infer<typeof LineSchema>;

const TYPES: readonly unknown[] = LineSchema.options.map(({ shape }) => shape.type.value);

/** Python writes numbers that are none so, which is not JSON. */
const NOT_NUMBERS = /:\s*(-?Infinity|NaN)\b/g;

/** Null where the line is none of ours. Throws a plain Error where it is, but does not fit. */
export function parseLine(text: string): Line | null {
  if (!text.startsWith('{')) return null;
  let value: unknown;
  try {
    value = JSON.parse(text.replace(NOT_NUMBERS, ': null'));
  } catch {
    return null;
  }
  if (!TYPES.includes((value as { type?: unknown }).type)) return null;
  const parsed = LineSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Error(z.prettifyError(parsed.error).replaceAll('\n', ' '));
}
