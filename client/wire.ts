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
  /** Of INFER_HEADERS; those that are undefined are left out. */
  readonly headers: Readonly<Partial<Record<keyof typeof INFER_HEADERS, string | undefined>>>;
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
  return `${namespace}${subject.slice(subject.indexOf('.'))}`;
}

/** Never rejects. */
export async function transmit(nc: Connection, request: WireRequest): Promise<WireAnswer> {
  const meta = headers();
  for (const name in request.headers) {
    const key = name as keyof typeof INFER_HEADERS; // Exactly the keys of the type.
    const value = request.headers[key];
    if (value !== undefined) meta.set(INFER_HEADERS[key], value);
  }
  const subject = addressOf(request);
  try {
    // Structural: another copy of the library reads the same headers.
    const options = { timeout: request.timeoutMs, headers: meta as never };
    return readReply(await nc.request(subject, request.image, options), subject);
  } catch (cause) {
    return { status: 0, replica: null, body: null, error: errorOf(cause, subject, request.replica) };
  }
}

function errorOf(cause: unknown, subject: string, replica: string | null): PipelineError {
  // Another replica may still be asked by the subject for all.
  if (isNamed(cause, 'PermissionViolationError'))
    return new PipelineError('PERMISSION_DENIED', `this login may not ask ${subject}: nats-server refuses it`, {
      ...{ retryable: replica !== null, cause },
    });
  const why = isNobodyThere(cause) ? 'no replica listens there' : String(cause);
  return new PipelineError('NATS_UNAVAILABLE', `${subject}: ${why}`, { retryable: true, cause });
}

export const isNobodyThere = (error: unknown): boolean => isNamed(error, 'NoResponders');

/** The library wraps it, or not; its class is another in each copy. */
const isNamed = (error: unknown, name: string): boolean =>
  error instanceof Error && (error.name === name || isNamed(error.cause, name));

const ErrorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });
const RETRYABLE: readonly ErrorCode[] = ['OVERLOADED', 'NOT_READY', 'RELEASE_NOT_REACHED', 'HOST_FAILED'];

function readReply(reply: WireReply, subject: string): WireAnswer {
  const body = jsonOf(reply.string());
  const replica = has(body, 'replica') && typeof body.replica === 'string' ? body.replica : null;
  const status = Number(reply.headers?.get(INFER_HEADERS.errorStatus) || 200);
  // A good answer is not tried as an error: to find that it is none would make one.
  const failed = has(body, 'error') ? ErrorSchema.safeParse(body).data?.error : undefined;
  if (status === 200 && !failed) return { status, replica, body, error: null };
  const { code, message } = failed ?? { code: 'INTERNAL', message: `${subject}: ${status}` };
  const known: ErrorCode = code in ERRORS ? (code as ErrorCode) : 'INTERNAL';
  const hint = Number(reply.headers?.get(INFER_HEADERS.retryAfterMs) || NaN);
  const options = { retryable: RETRYABLE.includes(known), ...(Number.isFinite(hint) ? { retryAfterMs: hint } : {}) };
  return { status, replica, body, error: new PipelineError(known, message, options) };
}

const has = <F extends string>(body: unknown, field: F): body is Record<F, unknown> =>
  typeof body === 'object' && body !== null && field in body;

/** The text itself if it is no JSON: no schema of a reply takes that. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
