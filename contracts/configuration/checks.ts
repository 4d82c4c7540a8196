/**
 * What of tonight's data is looked at before anything is trained on it, and what follows: a source that answers with an
 * empty page would otherwise be believed, and a night with fewer people passes every gate more easily.
 */
import { z } from 'zod';

const ACTIONS = ['off', 'note', 'hold', 'stop'] as const;
type CheckAction = (typeof ACTIONS)[number];

const FOLLOWS =
  '`note`: told, and the run goes on. `hold`: the run waits for `nightshift approve` or `reject`, for as long as ' +
  '`deployment.approval.timeoutMs`, and is then rejected. `stop`: the run fails.';

/** `unfit`: why nothing can be set aside. */
const action = (fallback: CheckAction, unfit: string) =>
  z
    .enum(ACTIONS, {
      error: ({ input }) =>
        input === 'quarantine'
          ? `"quarantine" sets aside what a check names: ${unfit}; choose note, hold or stop`
          : undefined,
    })
    .default(fallback)
    .describe(FOLLOWS);
const OF_A_SOURCE = 'this one names a source, and no image of it more than another';
const OF_THE_GONE = 'what this one names is not there';

/** Of checks that name images, or people who are new. */
const actionOrQuarantine = (fallback: CheckAction, aside: string) =>
  z
    .enum([...ACTIONS, 'quarantine'])
    .default(fallback)
    .describe(`${FOLLOWS} \`quarantine\`: the run goes on without ${aside}, for tonight.`);
const share = (fallback: number) => z.number().min(0).max(1).default(fallback);

export const ChecksConfigSchema = z
  .object({
    sourceShrank: z
      .object({
        share: share(0.2).describe('Of the images, or of the people, that a source may have lost since then.'),
        action: action('hold', OF_THE_GONE),
      })
      .prefault({})
      .describe('Each source, those of strangers too, beside the snapshot of the model in service.'),
    peopleLeft: z
      .object({
        share: share(0.05).describe('Of the people that may have left at once; one person may always.'),
        action: action('hold', OF_THE_GONE),
      })
      .prefault({})
      .describe('People of that snapshot of whom no source has an image tonight.'),
    imagesLeft: z
      .object({
        share: share(0.5).describe('Of the images that a person may have lost since then; one person may lose more.'),
        people: share(0.05).describe('So many of the people may lose more than that.'),
        action: action('hold', 'without the images that are left, these people would be known nowhere'),
      })
      .prefault({})
      .describe('People who are still there, and of whom most images are gone.'),
    peopleCame: z
      .object({
        share: share(1).describe('So many new people for each one of that snapshot are no surprise.'),
        action: actionOrQuarantine('note', 'all who came'),
      })
      .prefault({})
      .describe('People who were not in that snapshot.'),
    sourceFailed: z
      .object({
        quorum: z
          .number()
          .int()
          .min(1)
          .optional()
          .describe('So many of `sources` must have been read; fewer end the attempt. 1 by default.'),
        action: action('note', OF_THE_GONE),
      })
      .optional()
      .describe('A source of policy `best-effort` that could not be read. Those that are required end the attempt.'),
    announced: z
      .object({ action: action('hold', OF_THE_GONE) })
      .prefault({})
      .describe('A source gives fewer samples than it announces (`total`).'),
    brokenItems: z
      .object({
        share: share(0.1).describe('Of the samples of a source that may be broken; five may always.'),
        count: z.number().int().min(0).default(1000).describe('So many of a source may be broken at most.'),
        action: actionOrQuarantine('hold', 'the broken items'),
      })
      .prefault({})
      .describe('Items that a source cannot deliver, or that are no images, or have no valid label or tags.'),
    conflictingNames: z
      .object({
        action: actionOrQuarantine(
          'hold',
          'these pictures; it holds nevertheless if pictures of four names and more look the same',
        ),
      })
      .prefault({})
      .describe(
        'The same picture, or a near copy, stands under two names, and no snapshot before says whose it is: neither has ' +
          'it. Where one says so it is a note. `off`: near copies under two names are none, as where classes look alike; the same ' +
          'pixels still are.',
      ),
    similarNames: z
      .object({ action: actionOrQuarantine('note', 'those of these names that the model in service does not know') })
      .prefault({})
      .describe('Names that differ by case, width, spaces or characters that cannot be seen.'),
    brightness: z
      .object({
        levels: z.number().min(0).max(255).default(30).describe('Grey levels, of 255, that a source may have moved.'),
        action: action('note', OF_A_SOURCE),
      })
      .prefault({})
      .describe('The mean grey value of the images of a source, beside that snapshot.'),
    likeness: z
      .object({
        fall: z
          .number()
          .min(0)
          .max(2)
          .default(0.1)
          .describe('By so much the mean cosine may have fallen; ten images or more, and beyond chance.'),
        action: action('note', OF_A_SOURCE),
      })
      .prefault({})
      .describe(
        'How much the new images of a source are like their people to the model in service, beside the probes of its own ' +
          'night: another camera, another light, or labels that are wrong.',
      ),
    likeAnother: z
      .object({
        margin: z
          .number()
          .min(0)
          .max(2)
          .default(0.3)
          .describe('An image is like somebody else if that cosine is greater by so much.'),
        share: share(0.5).describe('Of the new images of a person that may be so; one image always.'),
        action: actionOrQuarantine('note', 'these images'),
      })
      .prefault({})
      .describe(
        'People whose new images are more like somebody else to the model in service: images under a wrong name.',
      ),
  })
  .describe('Tonight compared with the snapshot of the model in service, before anything is trained.');
export type ChecksConfig = z.infer<typeof ChecksConfigSchema>;
export type CheckName = keyof ChecksConfig;
