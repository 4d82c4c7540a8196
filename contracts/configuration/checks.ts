/**
 * What of tonight's data is looked at before anything is trained on it, and what follows: a source that answers with an
 * empty page would otherwise be believed, and a night with fewer people passes every gate more easily.
 */
import { z } from 'zod';

const ACTIONS = ['off', 'note', 'hold', 'stop'] as const;
export type CheckAction = (typeof ACTIONS)[number];

const action = (fallback: CheckAction) =>
  z
    .enum(ACTIONS)
    .default(fallback)
    .describe(
      '`note`: told, and the run goes on. `hold`: the run waits for `nightshift approve` or `reject`, for as long as ' +
        '`deployment.approval.timeoutMs`, and is then rejected. `stop`: the run fails.',
    );
const share = (fallback: number) => z.number().min(0).max(1).default(fallback);

export const ChecksConfigSchema = z
  .object({
    sourceShrank: z
      .object({
        share: share(0.2).describe('Of the images, or of the people, that a source may have lost since then.'),
        action: action('hold'),
      })
      .prefault({})
      .describe('Each source, those of strangers too, beside the snapshot of the model in service.'),
    peopleLeft: z
      .object({
        share: share(0.05).describe('Of the people that may have left at once; one person may always.'),
        action: action('hold'),
      })
      .prefault({})
      .describe('People of that snapshot of whom no source has an image tonight.'),
    peopleCame: z
      .object({
        share: share(1).describe('So many new people for each one of that snapshot are no surprise.'),
        action: action('note'),
      })
      .prefault({})
      .describe('People who were not in that snapshot.'),
    announced: z
      .object({ action: action('hold') })
      .prefault({})
      .describe('A source gives fewer samples than it announces (`total`).'),
    brokenItems: z
      .object({
        share: share(0.1).describe('Of the samples of a source that may be broken; five may always.'),
        count: z.number().int().min(0).default(1000).describe('So many of a source may be broken at most.'),
        action: action('hold'),
      })
      .prefault({})
      .describe('Items that a source cannot deliver, or that are no images, or have no valid label or tags.'),
    brightness: z
      .object({
        levels: z.number().min(0).max(255).default(30).describe('Grey levels, of 255, that a source may have moved.'),
        action: action('note'),
      })
      .prefault({})
      .describe('The mean grey value of the images of a source, beside that snapshot.'),
  })
  .describe('Tonight compared with the snapshot of the model in service, before anything is trained.');
export type ChecksConfig = z.infer<typeof ChecksConfigSchema>;
export type CheckName = keyof ChecksConfig;
