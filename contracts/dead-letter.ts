/** A dead letter as it is shown to people: a message that nobody could handle, with the reason. */
import { z } from 'zod';

export const KeptLetterSchema = z.object({
  seq: z.number().int().positive().describe('place in the stream DLQ: its name for people'),
  keptAt: z.string(),
  code: z.string().describe('of docs/errors.md'),
  error: z.string(),
  stream: z.string().describe('where it was'),
  consumer: z.string(),
  subject: z.string().describe('empty if the message was gone when it was kept'),
  sequence: z.number().int().describe('place in the stream where it was'),
  deliveries: z.number().int().describe('how often it was delivered there'),
  storedAt: z.string().describe('when it was stored first'),
  truncatedFrom: z.number().int().nullable().describe('size in bytes before it was cut; null if it is complete'),
  body: z.string(),
  headers: z.record(z.string(), z.string()).describe('its own: those of the server are left out'),
});
export type KeptLetter = z.infer<typeof KeptLetterSchema>;
