/**
 * Questions and commands of contracts/api.ts as their senders put them: over any connection, with the answer checked. Used
 * by the command line and the gateway; api.ts beside this is the other end.
 */
import type { Msg, NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';
import { ENDPOINTS, type Answer, type ApiSubject, type Question } from '../../contracts/api.ts';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError, type ErrorCode } from '../../contracts/errors.ts';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import { FailureSchema } from '../../contracts/messages.ts';
import { throwDenied } from './denial.ts';
import { onWire, question } from './wire.ts';

const ANSWER_TIMEOUT_MS = 5_000;

/** `who`: the named person in whose name a command is sent; absent: the role of the connection. */
export async function ask<S extends ApiSubject>(
  nc: NatsConnection,
  subject: S,
  asked: Question<S>,
  who?: string,
): Promise<Answer<S>> {
  const address = who === undefined ? subject : `${subject}.${who}`;
  const answer = await question(nc, address, JSON.stringify(asked), { timeout: ANSWER_TIMEOUT_MS }).catch((cause) => {
    throwDenied(cause, nc);
    throw new PipelineError('NATS_UNAVAILABLE', `nobody answered ${onWire(nc, subject)}: is an orchestrator running?`, {
      cause,
    });
  });
  // The subject chooses the schema; TypeScript does not follow the correlation through the index.
  return readAnswer(answer, ENDPOINTS[subject].answer as unknown as z.ZodType<Answer<S>>, subject);
}

/**
 * The body of an answer. Throws the error that its NATS micro headers carry, or MESSAGE_MALFORMED if it does not fit.
 */
export function readAnswer<T>(answer: Msg, schema: z.ZodType<T>, subject: string): T {
  throwFailureIn(answer);
  const parsed = schema.safeParse(bodyOf(answer));
  if (parsed.success) return parsed.data;
  const versions = 'it comes from another version of Nightshift than this command line; install the same on both sides';
  throw new PipelineError(
    'MESSAGE_MALFORMED',
    `the answer of ${subject} does not fit (${describeIssues(parsed.error)}): ${versions}`,
  );
}

/** Throws the error that the NATS micro headers of an answer carry, if they do. */
export function throwFailureIn(answer: Msg): void {
  const message = answer.headers?.get(INFER_HEADERS.errorText);
  if (!message) return;
  const [code, afterMs] = [codeIn(answer), Number(answer.headers?.get(INFER_HEADERS.retryAfterMs))];
  // The data plane puts the code in front of the text, for those who see the header alone.
  const text = message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message;
  throw new PipelineError(code, text, afterMs > 0 ? { retryable: true, retryAfterMs: afterMs } : {});
}

const ErrorBodySchema = z.object({ error: z.object({ code: FailureSchema.shape.code }) });

/** A code that this version does not know, or none, is an unexpected error. */
function codeIn(answer: Msg): ErrorCode {
  const body = ErrorBodySchema.safeParse(bodyOf(answer));
  return body.success ? body.data.error.code : 'INTERNAL';
}

/** The text itself if it is no JSON: no schema of an answer takes that. */
function bodyOf(answer: Msg): unknown {
  const text = answer.string();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
