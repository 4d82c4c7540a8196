/** The layers of a net as data; docs/training.md describes each. */
import { z } from 'zod';

/** A window that slides over an image. */
const WINDOW = {
  kernel: z.number().int().min(1).max(31).default(3).describe('Side of the window.'),
  stride: z.number().int().min(1).max(8).default(1).describe('Step of the window.'),
  pad: z
    .number()
    .int()
    .min(0)
    .max(15)
    .optional()
    .describe('Zeros added on each side. Absent: "same", which keeps height and width but for the stride.'),
};
const BLOCK = {
  size: z.number().int().min(2).max(16).optional().describe('Side of the blocks, which do not overlap. Absent: 2.'),
};

const LeafLayerSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('conv'),
    filters: z.number().int().min(1).describe('Channels of the output.'),
    ...WINDOW,
  }),
  z.strictObject({ type: z.literal('depthwise-conv'), ...WINDOW }),
  z.strictObject({ type: z.literal('batch-norm') }),
  z.strictObject({ type: z.literal('relu') }),
  z.strictObject({ type: z.literal('prelu') }),
  z.strictObject({ type: z.literal('max-pool'), ...BLOCK }),
  z.strictObject({ type: z.literal('average-pool'), ...BLOCK }),
  z.strictObject({ type: z.literal('global-average-pool') }),
  z.strictObject({ type: z.literal('flatten') }),
  z.strictObject({ type: z.literal('dense'), units: z.number().int().min(1).describe('Values of the output.') }),
  z.strictObject({
    type: z.literal('dropout'),
    rate: z.number().min(0).max(0.9).describe('Share of the values that a training step sets to zero.'),
  }),
  z.strictObject({ type: z.literal('l2-normalise') }),
]);
/** A layer that holds no others. */
export type LeafLayer = z.infer<typeof LeafLayerSchema>;

/** The output of `layers` plus that of `shortcut`, both fed with the same input; no shortcut adds the input itself. */
export interface ResidualLayer {
  readonly type: 'residual';
  readonly layers: readonly Layer[];
  readonly shortcut?: readonly Layer[] | undefined;
}

export type Layer = LeafLayer | ResidualLayer;
export const LayerSchema: z.ZodType<Layer> = z
  .discriminatedUnion('type', [
    LeafLayerSchema,
    z.strictObject({
      type: z.literal('residual'),
      layers: z.lazy(() => z.array(LayerSchema).min(1)).describe('Layers one after the other.'),
      shortcut: z
        .lazy(() => z.array(LayerSchema).min(1))
        .optional()
        .describe('Layers whose output is added to theirs. Absent: the input itself is added.'),
    }),
  ])
  .meta({ id: 'layer', description: 'A layer of a net; docs/training.md describes each.' });
