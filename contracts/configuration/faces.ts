/** From photograph to face: which detector looks for faces, what it refuses, and how a face lies in the model's picture. */
import { z } from 'zod';
import { LocalNameSchema } from './local-name.ts';

/** What of it travels with a dataset and a release: all but the path of the detector, which travels itself. */
export const FaceSettingsSchema = z.object({
  scoreMin: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('The score of the detector from which on something counts as a face.'),
  sizeMin: z
    .number()
    .int()
    .min(1)
    .default(40)
    .describe('The shorter side of a face in the photograph, in its own pixels; a smaller one is refused.'),
  blurMin: z
    .number()
    .min(0)
    .default(0.01)
    .describe('The least sharpness, as `nightshift faces look` prints it; a face below it is refused. 0: none is.'),
  onSeveral: z
    .enum(['refuse', 'largest'])
    .default('refuse')
    .describe('A photograph of several people is refused, or its largest face is taken.'),
  crop: z
    .object({
      eyesApart: z
        .number()
        .min(0.1)
        .max(0.8)
        .default(0.36)
        .describe("The distance between the eyes, a share of the picture's width: more shows less around the face."),
      eyesDown: z
        .number()
        .min(0.1)
        .max(0.8)
        .default(0.4)
        .describe("How far down the eyes lie, a share of the picture's height."),
    })
    .prefault({})
    .describe('How the face lies in the picture that the model sees. Eyes are level and in the middle.'),
});
export type FaceSettings = z.infer<typeof FaceSettingsSchema>;

const DETECTOR = 'An ONNX file that `nightshift faces import` wrote, on the machine of the collector.';

export const FacesConfigSchema = FaceSettingsSchema.extend({ detector: z.string().min(1).describe(DETECTOR) });
export type FacesConfig = z.infer<typeof FacesConfigSchema>;

/** As a pipeline has it: the file may be named. */
export const WrittenFacesSchema = FaceSettingsSchema.extend({
  detector: z
    .union([z.string().min(1), LocalNameSchema], { error: 'a path, or {"local": "<name>"}' })
    .describe(`${DETECTOR} Or its name in \`local.files\`.`),
}).describe(
  'Finds the face in each photograph, turns it upright and cuts it out, in collection and service alike. Absent: a picture is stretched as a whole.',
);
