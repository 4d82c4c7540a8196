/**
 * What is told to people who are not looking: one notice of one occasion, as a webhook carries it and an e-mail says it
 * (docs/notifications.md). It is made of stored facts; the same fact makes the same notice, with the same id.
 */
import { z } from 'zod';
import { TokenSchema } from './references.ts';
import { STAGES } from './subjects.ts';

export const NOTICE_KINDS = [
  'failed',
  'held',
  'rejected',
  'inconclusive',
  'rolled-back',
  'needs-operator',
  'dead-letter',
  'missed-night',
  'test',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

export const NoticeSchema = z.object({
  kind: z.enum(NOTICE_KINDS),
  title: z.string().describe('one line: model and occasion'),
  model: TokenSchema.nullable().describe('null for a dead letter and a test'),
  runId: TokenSchema.nullable(),
  stage: z.enum(STAGES).nullable().describe('the stage at which the run stood'),
  cause: z.string().nullable().describe('why, in plain words'),
  failure: z
    .object({ code: z.string().describe('of docs/errors.md'), message: z.string().nullable() })
    .nullable()
    .describe('the last failure; its message is null where `notify.details` is false'),
  lastLines: z
    .array(z.string())
    .describe('the last lines of the log of the worker whose stage failed; empty where `notify.details` is false'),
  at: z.iso.datetime().describe('when it happened'),
  link: z.string().nullable().describe('page of the run on the console; null without `notify.consoleUrl`'),
});
export type Notice = z.infer<typeof NoticeSchema>;

/** Body of a webhook, after the Standard Webhooks specification. */
export const WebhookBodySchema = z.object({
  type: z.string().describe('`nightshift.` and the kind'),
  timestamp: z.iso.datetime(),
  data: NoticeSchema,
});
export type WebhookBody = z.infer<typeof WebhookBodySchema>;
