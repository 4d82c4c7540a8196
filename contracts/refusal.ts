/** An operator command that was not obeyed, as it is kept for people: nothing was lost, and its sender was told. */
import { z } from 'zod';

export const RefusalSchema = z.object({
  commandId: z.string().describe('message id of the command'),
  subject: z.string(),
  by: z.string().describe('who sent it: a person, or a role such as `operator`; `anonymous` if nobody was asked'),
  source: z.string().nullable().describe('the program that sent it, in its own words; null if it could not be read'),
  code: z.string().describe('of docs/errors.md'),
  error: z.string(),
  sequence: z.number().int().describe('place in the stream CTL'),
  storedAt: z.string().describe('when the command was stored'),
  body: z.string().describe('the beginning of the command'),
  bytes: z.number().int().describe('size of the whole body'),
});
export type Refusal = z.infer<typeof RefusalSchema>;

export const KeptRefusalSchema = RefusalSchema.extend({
  seq: z.number().int().positive().describe('place in the stream REFUSED'),
});
export type KeptRefusal = z.infer<typeof KeptRefusalSchema>;
