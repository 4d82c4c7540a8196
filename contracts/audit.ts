/**
 * A line of the audit log: a command that was obeyed, or a change of a gallery, with who wanted it. The lines outlive
 * people who are forgotten, so a person in a gallery stands in them as a digest.
 */
import { z } from 'zod';

export const AuditEntrySchema = z.object({
  at: z.string(),
  action: z.string().describe('`pipeline.start`, `gallery.enroll`: noun and verb'),
  by: z.string().describe('who sent it: a person, or a role such as `operator`; `anonymous` if nobody was asked'),
  proven: z.boolean().describe('whether the server demanded a login, so that its permissions could fix who it is'),
  id: z.string().describe('message id of the command, or of the request'),
  about: z
    .record(z.string(), z.union([z.string(), z.number()]))
    .describe('model, run, release or letter, as far as it is about one'),
  person: z
    .string()
    .nullable()
    .describe("of a gallery: the first 32 hex digits of the SHA-256 of the person's name; null if it is about none"),
  reason: z.string().nullable().describe('in words, as the sender gave it'),
});
export type AuditEntry = z.infer<typeof AuditEntrySchema>;

export const KeptAuditEntrySchema = AuditEntrySchema.extend({
  seq: z.number().int().positive().describe('place in the stream AUDIT'),
});
export type KeptAuditEntry = z.infer<typeof KeptAuditEntrySchema>;
