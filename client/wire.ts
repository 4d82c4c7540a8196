/** One request on the wire: its subject, its headers, and what the reply says. The one place of a client that calls NATS. */
import { headers } from '@nats-io/nats-core';
import { z } from 'zod';
import { ERRORS, PipelineError, type ErrorCode } from '../contracts/errors.ts';
import { INFER_HEADERS } from '../contracts/inference.ts';
import { inferAt, inferSubject, type InferVerb } from '../contracts/subjects.ts';

/** All that is needed of a NatsConnection, of this or another version of its library. */
export interface Connection {
  request(subject: string, payload: Uint8Array, options: { timeout: number; headers: never }): Promise<WireReply>;
  isClosed(): boolean;
  readonly info?: { readonly max_payload: number } | undefined;
}
interface WireReply {
  readonly headers?: { get(name: string): string } | undefined;
  string(): string;
}

export interface WireRequest {
  readonly namespace: string;
  readonly model: string;
  readonly verb: InferVerb;
  readonly image: Uint8Array;
  /** Null: any replica. */
  readonly replica: string | null;
  /** Of INFER_HEADERS. */
  readonly headers: Readonly<Partial<Record<keyof typeof INFER_HEADERS, string>>>;
  readonly timeoutMs: number;
}

/** `replica`: who answered; null if it did not say, or nobody did. `status` 0: no answer at all. */
export interface WireAnswer {
  readonly status: number;
  readonly replica: string | null;
  readonly body: unknown;
  readonly error: PipelineError | null;
}

/** In the namespace of the installation, the first token of each subject. */
function addressOf({ namespace, model, verb, replica }: WireRequest): string {
  const subject = replica === null ? inferSubject(model, verb) : inferAt(model, verb, replica);
  return [namespace, ...subject.split('.').slice(1)].join('.');
}

/** Never rejects. */
export async function transmit(nc: Connection, request: WireRequest): Promise<WireAnswer> {
  const meta = headers();
  for (const [name, value] of Object.entries(request.headers)) {
    // Exactly the keys of the type.
    meta.set(INFER_HEADERS[name as keyof typeof INFER_HEADERS], value);
  }
  const subject = addressOf(request);
  try {
    // Structural: another copy of the library reads the same headers.
    const options = { timeout: request.timeoutMs, headers: meta as never };
    return readReply(await nc.request(subject, request.image, options), subject);
  } catch (cause) {
    const why = isNobodyThere(cause) ? 'no replica listens there' : String(cause);
    const error = new PipelineError('NATS_UNAVAILABLE', `${subject}: ${why}`, { retryable: true, cause });
    return { status: 0, replica: null, body: null, error };
  }
}

/** The library wraps it, or not; its class is another in each copy. */
export const isNobodyThere = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'NoResponders' || isNobodyThere(error.cause));

const ErrorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const ReplicaSchema = z.object({ replica: z.string() });
const RETRYABLE: readonly ErrorCode[] = ['OVERLOADED', 'NOT_READY', 'RELEASE_NOT_REACHED', 'HOST_FAILED'];

function readReply(reply: WireReply, subject: string): WireAnswer {
  const body = jsonOf(reply.string());
  const named = ReplicaSchema.safeParse(body);
  const replica = named.success ? named.data.replica : null;
  const status = Number(reply.headers?.get(INFER_HEADERS.errorStatus) || 200);
  const failed = ErrorSchema.safeParse(body);
  if (status === 200 && !failed.success) return { status, replica, body, error: null };
  const { code, message } = failed.success ? failed.data.error : { code: 'INTERNAL', message: `${subject}: ${status}` };
  const known: ErrorCode = code in ERRORS ? (code as ErrorCode) : 'INTERNAL';
  const hint = Number(reply.headers?.get(INFER_HEADERS.retryAfterMs) || NaN);
  const options = { retryable: RETRYABLE.includes(known), ...(Number.isFinite(hint) ? { retryAfterMs: hint } : {}) };
  return { status, replica, body, error: new PipelineError(known, message, options) };
}

/** The text itself if it is no JSON: no schema of a reply takes that. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
