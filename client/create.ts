/**
 * A client of a model's replicas, for programs such as a door: it asks who is on a picture, tries another replica when one
 * is slow, silent or full, and never takes an answer of an older release than one that it has had. Exported by client.ts.
 */
import { z } from 'zod';
import { describeIssues } from '../contracts/envelope.ts';
import { PipelineError } from '../contracts/errors.ts';
import {
  EmbedReplySchema,
  IdentifyReplySchema,
  AskedPersonSchema,
  VerifyReplySchema,
  type EmbedReply,
  type IdentifyReply,
  type VerifyReply,
} from '../contracts/inference.ts';
import { TokenSchema } from '../contracts/references.ts';
import type { InferVerb } from '../contracts/subjects.ts';
import { ask, type Checked } from './ask.ts';
import { createBudget, createLatencies } from './latency.ts';
import { Peers } from './peers.ts';
import { transmit, type Connection, type WireAnswer, type WireRequest } from './wire.ts';

const ClientOptionsSchema = z.strictObject({
  model: TokenSchema,
  /** The first token of each subject, as the installation is called. */
  namespace: TokenSchema.default('nightshift'),
  /** For requests without one of their own. */
  deadlineMs: z.number().positive().max(10_000).default(5_000),
});
export type ClientOptions = z.input<typeof ClientOptionsSchema>;

const AskOptionsSchema = z.strictObject({
  deadlineMs: z.number().positive().max(10_000).optional(),
  signal: z.instanceof(AbortSignal).optional(),
  /** `pixels`: the model's own input instead of a file. */
  input: z.enum(['file', 'pixels']).optional(),
  /** The answer is by this release or a later one, and never a stale one. */
  minRelease: z.number().int().min(1).optional(),
  /** The `sequence` of a change of the gallery that must be in force. */
  minEnrolment: z.number().int().min(1).optional(),
  /** With a canary: the same key goes the same way. */
  key: z.string().min(1).max(256).optional(),
  /** W3C trace context of the caller: the replica's spans become part of that trace. */
  traceparent: z.string().min(1).max(256).optional(),
});
export type AskOptions = z.input<typeof AskOptionsSchema>;

export interface ClientStatistics {
  readonly requests: number;
  /** Sent to a second replica before anything was known to be wrong. */
  readonly hedged: number;
  /** Sent again because a replica refused or was silent. */
  readonly retried: number;
  readonly p99Ms: number;
  /** The newest that has answered; 0 before. */
  readonly release: number;
}

/**
 * Each question rejects with a PipelineError: REQUEST_INVALID and the codes of pictures are the caller's to mend, all
 * `retryable` ones were tried elsewhere already. With the reason of the signal if that was aborted.
 */
export interface Client {
  identify(image: Uint8Array, options?: AskOptions): Promise<IdentifyReply>;
  verify(person: string, image: Uint8Array, options?: AskOptions): Promise<VerifyReply>;
  embed(image: Uint8Array, options?: AskOptions): Promise<EmbedReply>;
  statistics(): ClientStatistics;
}

/** Of the time that is left: a replica that says why it cannot answer is to be heard. */
const REPLICA_SHARE = 0.9;

/** Over a connection of one's own, which stays open. Throws REQUEST_INVALID. */
export function createClient(nc: Connection, clientOptions: ClientOptions): Client {
  const { model, namespace, deadlineMs: deadlineDefaultMs } = parsed(ClientOptionsSchema, clientOptions, 'options');
  const [latencies, budget, peers] = [createLatencies(), createBudget(), new Peers()];
  const counts = { requests: 0, hedged: 0, retried: 0 };
  let release = 0;

  const question = async <T extends { readonly release: number }>(
    asked: Pick<WireRequest, 'verb' | 'image'> & { readonly person?: string },
    schema: z.ZodType<T>,
    askOptions: AskOptions,
  ): Promise<T> => {
    const { verb, image, person } = asked;
    const options = parsed(AskOptionsSchema, askOptions, `${verb} request`);
    checkImage(nc, verb, image);
    const { deadlineMs = deadlineDefaultMs, signal } = options;
    const send = (replica: string | null, timeoutMs: number) => {
      const headers = headersOf(options, person, release, timeoutMs);
      return transmit(nc, { namespace, model, verb, image, replica, headers, timeoutMs });
    };
    const check = ({ body }: WireAnswer) => checked(schema, body, release);
    const reply = await ask({ latencies, budget, peers, counts, send, check }, { deadlineMs, signal });
    release = Math.max(release, reply.release);
    return reply;
  };
  return {
    identify: (image, options = {}) => question({ verb: 'identify', image }, IdentifyReplySchema, options),
    verify: async (person, image, options = {}) => {
      const name = parsed(AskedPersonSchema, person, 'verify request: person');
      return question({ verb: 'verify', image, person: name }, VerifyReplySchema, options);
    },
    embed: (image, options = {}) => question({ verb: 'embed', image }, EmbedReplySchema, options),
    statistics: () => ({ ...counts, p99Ms: latencies.p99Ms, release }),
  };
}

/** Another replica is asked instead of believing one that is behind. */
function checked<T extends { readonly release: number }>(
  schema: z.ZodType<T>,
  body: unknown,
  release: number,
): Checked<T> {
  const parsedBody = schema.safeParse(body);
  if (!parsedBody.success) {
    const message = `the answer of a replica does not fit (${describeIssues(parsedBody.error)}); is it of another version?`;
    return { reply: null, error: new PipelineError('MESSAGE_MALFORMED', message) };
  }
  const reply = parsedBody.data;
  if (reply.release >= release) return { reply, error: null };
  const message = `a replica answered by release ${reply.release}, and release ${release} has answered before`;
  return { reply: null, error: new PipelineError('RELEASE_NOT_REACHED', message, { retryable: true }) };
}

/** `release`: the newest that has answered, 0 before. */
function headersOf(
  { input, minRelease, minEnrolment, key, traceparent }: AskOptions,
  person: string | undefined,
  release: number,
  timeoutMs: number,
): WireRequest['headers'] {
  return {
    ...{ person, input, key, traceparent },
    minRelease: minRelease?.toString(),
    minEnrolment: minEnrolment?.toString(),
    seenRelease: release > 0 ? String(release) : undefined,
    deadlineMs: String(Math.ceil(timeoutMs * REPLICA_SHARE)),
  };
}

function checkImage({ info }: Connection, verb: InferVerb, image: Uint8Array): void {
  if (!(image instanceof Uint8Array) || image.length === 0) {
    throw new PipelineError('REQUEST_INVALID', `${verb} request: the image must be the bytes of a file or of pixels`);
  }
  const bytesMax = info?.max_payload ?? Infinity;
  if (image.length <= bytesMax) return;
  const message = `${verb} request: the image has ${image.length} bytes, and this nats-server passes on ${bytesMax} at most`;
  throw new PipelineError('IMAGE_TOO_LARGE', message);
}

function parsed<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new PipelineError('REQUEST_INVALID', `${what}: ${describeIssues(result.error)}`);
}
