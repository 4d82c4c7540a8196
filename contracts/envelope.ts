/**
 * CloudEvents 1.0, structured mode (https://github.com/cloudevents/spec): the envelope of every message, with the
 * W3C `traceparent` extension. A sender may choose binary mode (cloud-event.ts), and operators may publish a bare JSON
 * object instead; `openEnvelope` fills the rest in.
 */
import { z } from 'zod';
import { attributesIn, type HeaderReader } from './cloud-event.ts';
import { PipelineError } from './errors.ts';

export const EnvelopeSchema = z.object({
  specversion: z.literal('1.0'),
  /** Identifies the message for deduplication. It is deterministic if the message may be published twice. */
  id: z.string().min(1).max(200),
  source: z.string().min(1),
  type: z.string().min(1),
  subject: z.string().optional(),
  time: z.iso.datetime({ offset: true }).optional(),
  datacontenttype: z.literal('application/json').optional(),
  traceparent: z.string().optional(),
  data: z.unknown(),
});
export type Envelope<T = unknown> = Omit<z.infer<typeof EnvelopeSchema>, 'data'> & { readonly data: T };

export interface EnvelopeInput<T> {
  readonly id: string;
  /** The actor that speaks, such as `trainer` or `inference/r1`. */
  readonly source: string;
  /** The NATS subject; the CloudEvents type is derived from it by leaving out the run. */
  readonly subject: string;
  readonly time: Date;
  readonly data: T;
  readonly traceparent?: string | undefined;
}

/** The type is the subject's first four tokens: `nightshift.evt.train.completed`. */
export const typeOfSubject = (subject: string) => subject.split('.').slice(0, 4).join('.');

export function makeEnvelope<T>(input: EnvelopeInput<T>): Envelope<T> {
  return {
    specversion: '1.0',
    id: input.id,
    source: `nightshift/${input.source}`,
    type: typeOfSubject(input.subject),
    subject: input.subject,
    time: input.time.toISOString(),
    datacontenttype: 'application/json',
    ...(input.traceparent ? { traceparent: input.traceparent } : {}),
    data: input.data,
  };
}

export interface RawMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Absent: it came without headers. */
  readonly header?: HeaderReader;
  /** Used if the sender gave none: the stream's name and sequence, the same at each redelivery. */
  readonly fallbackId: string;
  readonly time: Date;
}

/**
 * Parses a message. A JSON object without `specversion` is taken as the data of a message published by hand.
 * Throws MESSAGE_MALFORMED with what was wrong and an example of what would be right.
 */
export function openEnvelope(raw: RawMessage): Envelope {
  const value = parseJson(raw);
  const attributes = attributesOf(raw);
  if (attributes !== null) return parsed(raw, { ...attributes, data: value });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(raw, 'the body must be a JSON object, such as {"model":"face"}');
  }
  if (!('specversion' in value)) {
    return {
      ...makeEnvelope({ id: raw.fallbackId, source: 'operator', subject: raw.subject, time: raw.time, data: value }),
    };
  }
  return parsed(raw, value);
}

function parsed(raw: RawMessage, value: unknown): Envelope {
  const envelope = EnvelopeSchema.safeParse(value);
  if (!envelope.success) throw malformed(raw, describeIssues(envelope.error));
  return envelope.data;
}

/** Of a message in binary mode. */
function attributesOf(raw: RawMessage) {
  if (!raw.header) return null;
  try {
    return attributesIn(raw.header);
  } catch (cause) {
    throw malformed(raw, `a header of CloudEvents is not percent-encoded UTF-8 (${(cause as Error).message})`);
  }
}

/** Checks an envelope's data against its schema. Throws MESSAGE_MALFORMED naming each field. */
export function parseData<T>(schema: z.ZodType<T>, envelope: Envelope): T {
  const parsed = schema.safeParse(envelope.data);
  if (parsed.success) return parsed.data;
  throw new PipelineError('MESSAGE_MALFORMED', `${envelope.type} ${envelope.id}: ${describeIssues(parsed.error)}`);
}

export function describeIssues(error: Pick<z.ZodError, 'issues'>): string {
  return error.issues.map((issue) => `${issue.path.join('.') || 'the object'}: ${issue.message}`).join('; ');
}

function parseJson(raw: RawMessage): unknown {
  const text = new TextDecoder().decode(raw.body);
  // An empty body is `nats pub <subject> ''`: treated as an empty object, so that the schema names what is missing.
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(raw, `not JSON (${(cause as Error).message}); expected an object such as {"model":"face"}`);
  }
}

const malformed = (raw: RawMessage, why: string) => new PipelineError('MESSAGE_MALFORMED', `${raw.subject}: ${why}`);
