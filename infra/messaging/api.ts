/**
 * Questions and answers over NATS micro (https://github.com/nats-io/nats-architecture-and-design, ADR-32): request
 * and reply with discovery (`nats micro ls`). Several processes may serve the same; each request goes to one.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { Svcm, type ServiceMsg } from '@nats-io/services';
import { PipelineError, toFailure, type ErrorCode } from '../../contracts/errors.ts';
import { serviceOf } from '../../contracts/roles.ts';
import type { Logger } from '../../runtime/logger.ts';
import { wireName, wireService } from '../topology/namespace.ts';
import { answerable } from './answerable.ts';
import { fromWire, namespaceOf, onWire } from './wire.ts';

/**
 * Subject, perhaps with a wildcard -> handler of the parsed JSON body (`{}` for an empty one), and of the very subject that
 * was asked. The answer is sent as JSON.
 */
export type Endpoints = Readonly<Record<string, (body: unknown, asked: string) => Promise<unknown>>>;

export interface Api {
  /** Answers no more; requests under way are answered. */
  stop(): Promise<void>;
}

const SERVICE = { version: '1.0.0', description: 'questions about runs and models' } as const;
const QUEUE = 'api';

/**
 * A PipelineError becomes a micro error: its message in the header, a status in the manner of HTTP, and
 * `{"error": {code, message, retryable}}` as the body.
 */
export async function serveApi(nc: NatsConnection, endpoints: Endpoints, log: Logger): Promise<Api> {
  const namespace = namespaceOf(nc);
  const names = { name: wireService(namespace, serviceOf('orchestrator')), queue: wireName(namespace, QUEUE) };
  const service = await new Svcm(answerable(nc, log)).add({ ...SERVICE, ...names });
  for (const [subject, handle] of Object.entries(endpoints)) {
    service.addEndpoint(nameOf(subject), {
      subject: onWire(nc, subject),
      // `answer` sends its errors as well, and never rejects.
      handler: (error, request) => void (error ? log.error({ err: error, subject }, 'api') : answer(request)),
    });
    const answer = (request: ServiceMsg) => respond(request, fromWire(nc, request.subject), handle, log);
  }
  // Subscriptions are sent, not confirmed, by the client: after this the server knows them.
  await nc.flush();
  return { stop: async () => void (await service.stop()) };
}

async function respond(request: ServiceMsg, asked: string, handle: Endpoints[string], log: Logger): Promise<void> {
  try {
    request.respond(JSON.stringify(await handle(parseBody(request), asked)));
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === 'INTERNAL') log.error({ err: error, subject: asked }, 'api: a question could not be answered');
    request.respondError(statusOf(failure.code), oneLine(failure.message), JSON.stringify({ error: failure }));
  }
}

function parseBody(request: ServiceMsg): unknown {
  const text = request.string();
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new PipelineError('REQUEST_INVALID', `${request.subject}: not JSON (${why}); expected an object or nothing`);
  }
}

/** A header ends at a line break. */
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ');

/** An endpoint's name may hold neither dots nor wildcards. */
const nameOf = (subject: string) => subject.replaceAll('.', '-').replaceAll('*', 'as');

/** For tools that look at the number; the code in the body counts. */
function statusOf(code: ErrorCode): number {
  if (code.endsWith('_UNKNOWN')) return 404;
  if (code === 'REQUEST_INVALID' || code === 'MESSAGE_MALFORMED') return 400;
  return 500;
}
