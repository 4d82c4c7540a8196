/** The words for what a model recognises: people by default, or classes of things. Only texts for people use them. */
import { z } from 'zod';

const WORD = z.string().min(1).max(40);

export const NounSchema = z
  .strictObject({
    one: WORD.default('person').describe('One of them.'),
    many: WORD.default('people').describe('Several of them.'),
  })
  .describe(
    'The words for what is recognised, in reports, verdicts, errors and on the command line: `class` and `classes`, ' +
      'say (docs/classes.md).',
  );
export type Noun = z.infer<typeof NounSchema>;

/** Where no configuration is at hand. */
export const PEOPLE: Noun = NounSchema.parse({});
