/**
 * The HTTP server of the gateway: limits, headers, who asks, and errors in the words of HTTP. It knows no route;
 * gateway.ts adds them. A request that comes beyond a limit is turned away before its body is read.
 */
import { readFileSync } from 'node:fs';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { PipelineError } from '../../contracts/errors.ts';
import { isLoopback, type GatewayConfig } from '../../infra/config/gateway.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Allowance, networkOf } from './allowance.ts';
import { isNamed, type Caller, type Callers } from './callers.ts';
import { Lanes } from './lanes.ts';
import { failureOf } from './problems.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler, but on a route that is `open`. */
    caller: Caller;
    /** Its head was read then, by `performance.now()`. */
    arrivedAtMs: number;
  }
  interface FastifyContextConfig {
    /** Nobody need log in, from wherever he asks. */
    readonly open?: true;
    /** Answered although all places for requests are taken. */
    readonly vital?: true;
  }
}

/** Commands and questions; routes that take images say how large. */
const BODY_BYTES_MAX = 256 * 1024;
/** From the first byte to the last: a client that sends slowly holds its place no longer. */
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 20_000;
const CONNECTIONS_MAX = 1_024;
/** A name of a model or run, and of a person, whose characters may be escaped. */
const PARAMETER_CHARACTERS_MAX = 1_024;

/** An answer is data: a browser may not take it for a page, frame it, keep it or send it elsewhere. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

export interface ServerOptions {
  readonly config: GatewayConfig;
  readonly callers: Callers;
  readonly log: Logger;
  /** Of each answer. */
  readonly onAnswered: (route: string, status: number, durationMs: number) => void;
}

export function createServer({ config, callers, log, onAnswered }: ServerOptions): FastifyInstance {
  const app = makeFastify(config);
  const lanes = new Lanes(config);
  const allowance = new Allowance(config.requestsPerSecondMax);
  app.server.maxConnections = CONNECTIONS_MAX;
  app.decorateRequest('caller');
  app.decorateRequest('arrivedAtMs', 0);
  const isForThisMachine = isLoopback(config.host);
  // Bodies are bytes: which they are is the route's to know, whatever a program calls them.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  /** Returns what is to be called once the request is over. Throws what keeps it out. */
  const admit = (request: FastifyRequest, route: FastifyRequest['routeOptions']): (() => void) => {
    if (isForThisMachine) refuseForeignHost(request);
    const { open, vital } = route.config;
    // A probe of health has neither.
    if (open && vital) return () => {};
    const address = () => networkOf(request.ip);
    if (!open) request.caller = known(callers, request, () => allowance.take(address()));
    const caller = open || !isNamed(request.caller) ? address() : request.caller.name;
    allowance.take(caller);
    return vital ? () => {} : lanes.enter(caller, request.headers, route.bodyLimit);
  };
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(HEADERS);
    request.arrivedAtMs = performance.now();
    // Made anew each time that it is looked at.
    const route = request.routeOptions;
    let leave = () => {};
    closeWithConnection(request, reply);
    reply.raw.once('close', () => {
      leave();
      onAnswered(route.url ?? 'none', reply.statusCode, performance.now() - request.arrivedAtMs);
    });
    leave = admit(request, route);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendFailure(asOperating(error as FastifyError), request, reply, log));
  app.setNotFoundHandler((request, reply) => {
    const text = `${request.method} ${request.url.split('?')[0]} is not answered here; /openapi.json lists all that is`;
    return reply
      .code(404)
      .type('application/problem+json')
      .send({ type: 'about:blank', title: 'Not Found', status: 404, detail: text });
  });
  return app;
}

/**
 * Of answers that wait behind another on one connection (pipelining), Node closes the first alone when that is cut. What the
 * others hold, such as a place, would never be given back.
 */
function closeWithConnection({ raw: { socket } }: FastifyRequest, { raw: answer }: FastifyReply): void {
  if (answer.socket !== null) return;
  const close = () => {
    answer.destroy();
    answer.emit('close');
  };
  socket.setMaxListeners(0).once('close', close);
  answer.once('socket', () => socket.off('close', close));
}

/** An address that tries tokens may not try more than it may ask. */
function known(callers: Callers, { headers, raw }: FastifyRequest, refused: () => void): Caller {
  try {
    return callers.of({ headers, socket: raw.socket });
  } catch (error) {
    refused();
    throw error;
  }
}

function makeFastify({ tls }: GatewayConfig): FastifyInstance {
  const options = {
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { maxParamLength: PARAMETER_CHARACTERS_MAX },
    forceCloseConnections: true,
    frameworkErrors: refuseAddress,
  };
  if (!tls) return fastify(options);
  const { cert, key, clientCa } = tls;
  const https = {
    ...{ cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.2' as const },
    ...(clientCa === undefined ? {} : { ca: readFileSync(clientCa), requestCert: true, rejectUnauthorized: true }),
  };
  // Its type names the kind of socket, which no route of ours looks at.
  return fastify({ ...options, https }) as unknown as FastifyInstance;
}

/** An address that is none, or has a part that is too long, reaches no route. It is not said again: it may be long. */
function refuseAddress({ code }: FastifyError, _: FastifyRequest, reply: FastifyReply): void {
  const why =
    code === 'FST_ERR_MAX_PARAM_LENGTH'
      ? `has a part of more than ${PARAMETER_CHARACTERS_MAX} characters`
      : 'cannot be read';
  const { status, problem } = failureOf(new PipelineError('REQUEST_INVALID', `the address ${why}`));
  void reply.code(status).type('application/problem+json').send(problem);
}

/** A page of somebody else's may lead a name of its own to this machine (DNS rebinding). */
function refuseForeignHost({ headers: { host = '' } }: FastifyRequest): void {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  if (isLoopback(name)) return;
  throw new PipelineError('PERMISSION_DENIED', `the gateway answers on this machine alone, and not as "${name}"`);
}

/** The library's own refusals: a body that is too large, a type or a path that it does not know. */
function asOperating(error: FastifyError | PipelineError): unknown {
  if (error instanceof PipelineError || !('statusCode' in error) || error.statusCode === undefined) return error;
  if (error.statusCode === 413)
    return new PipelineError('MESSAGE_TOO_LARGE', 'the body is larger than this route takes');
  return error.statusCode < 500 ? new PipelineError('REQUEST_INVALID', error.message) : error;
}

function sendFailure(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const { status, headers, problem } = failureOf(error);
  if (problem.title === 'INTERNAL')
    log.error({ err: error, url: request.routeOptions.url }, 'gateway: a request failed');
  return reply.code(status).headers(headers).type('application/problem+json').send(problem);
}
