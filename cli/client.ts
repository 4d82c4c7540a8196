/**
 * The connection of every command but `start` to the server of a running system: it publishes operator commands, asks
 * questions and hears events. It speaks the public subjects only, as any other NATS client could.
 */
import { randomUUID } from 'node:crypto';
import type { Msg, NatsConnection } from 'nats';
import { z } from 'zod';
import { ENDPOINTS, type Answer, type ApiSubject, type Question } from '../contracts/api.ts';
import { describeIssues } from '../contracts/envelope.ts';
import { PipelineError, type ErrorCode } from '../contracts/errors.ts';
import { INFER_HEADERS } from '../contracts/inference.ts';
import { FailureSchema } from '../contracts/messages.ts';
import { parseSubject } from '../contracts/parse-subject.ts';
import type { Role } from '../contracts/roles.ts';
import { commandAs } from '../contracts/subjects.ts';
import type { Login } from '../infra/config/nats.ts';
import { createBus, type Bus } from '../infra/messaging/bus.ts';
import { connectNats } from '../infra/messaging/connection.ts';
import { throwDenied } from '../infra/messaging/denial.ts';
import { onWire, question } from '../infra/messaging/wire.ts';
import type { Logger } from '../runtime/logger.ts';

export interface Client {
  readonly nc: NatsConnection;
  readonly bus: Bus;
  /** The person in whose name it sends commands; null: the role's. */
  readonly who: string | null;
  /** A question of contracts/api.ts. Throws the answer's error, and MESSAGE_MALFORMED if the answer does not fit. */
  ask<S extends ApiSubject>(subject: S, question: Question<S>): Promise<Answer<S>>;
  close(): Promise<void>;
}

const ANSWER_TIMEOUT_MS = 5_000;

/** Throws as connectNats does. Unlike an actor, a command gives up at once. */
export async function connectClient(url: string, log: Logger, login?: Login, role?: Role): Promise<Client> {
  const nc = await connectNats({ url, login, name: 'nightshift-cli', role, log, isHasty: true });
  const bus = await createBus({ nc, source: 'cli', log, now: () => new Date(), newId: randomUUID });
  return {
    nc,
    bus,
    who: null,
    ask: (subject, asked) => ask(nc, subject, asked),
    close: () => nc.close(),
  };
}

/** The same client that publishes operator commands on the subjects of a named person. */
export function clientAs(client: Client, who: string | null): Client {
  if (who === null) return client;
  const { bus } = client;
  const named = (subject: string) => {
    const parsed = parseSubject(subject);
    return parsed.family === 'operator-command' ? commandAs(parsed.command, who) : subject;
  };
  return { ...client, who, bus: { ...bus, publish: (subject, ...rest) => bus.publish(named(subject), ...rest) } };
}

/** Asks a question over any connection. */
export async function ask<S extends ApiSubject>(
  nc: NatsConnection,
  subject: S,
  asked: Question<S>,
): Promise<Answer<S>> {
  const answer = await question(nc, subject, JSON.stringify(asked), { timeout: ANSWER_TIMEOUT_MS }).catch((cause) => {
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
  const message = answer.headers?.get(INFER_HEADERS.errorText);
  if (message) throw new PipelineError(codeIn(answer), message);
  const parsed = schema.safeParse(bodyOf(answer));
  if (parsed.success) return parsed.data;
  const versions = 'it comes from another version of Nightshift than this command line; install the same on both sides';
  throw new PipelineError(
    'MESSAGE_MALFORMED',
    `the answer of ${subject} does not fit (${describeIssues(parsed.error)}): ${versions}`,
  );
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
