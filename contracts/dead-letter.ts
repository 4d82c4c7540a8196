/** A dead letter as it is shown to people: a message that nobody could handle, with the reason. */
import { z } from 'zod';

/** Beside the headers of the message itself. */
export const DEAD_LETTER_HEADERS = {
  code: 'Nightshift-Error-Code',
  error: 'Nightshift-Error',
  subject: 'Nightshift-Subject',
  stream: 'Nightshift-Stream',
  sequence: 'Nightshift-Sequence',
  deliveries: 'Nightshift-Deliveries',
  /** When the message was stored first. */
  time: 'Nightshift-Time',
  /** Present if the body was cut: its full size in bytes. */
  truncated: 'Nightshift-Truncated-From',
} as const;

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

/** Data of `nightshift.evt.dlq.redriven.<seq>` and `.dropped.<seq>`. */
export const LetterEndedSchema = z.object({
  seq: z.number().int().positive(),
  subject: z.string().nullable().describe('of the message in it; null if the letter was gone already'),
});

/** Data of `nightshift.evt.dlq.kept.<seq>`. */
export const LetterKeptSchema = KeptLetterSchema.pick({
  seq: true,
  subject: true,
  stream: true,
  consumer: true,
  code: true,
  error: true,
});
