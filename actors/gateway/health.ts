/**
 * `/healthz`: this process lives. `/readyz`: the whole can serve, and each part of it; `/readyz/<part>` that part alone. For
 * load balancers, probes and people. A part is an actor of this machine by its note, NATS, the orchestrator by its answer,
 * and a model by its replicas. `/metrics` is here, too.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ModelStatus } from '../../contracts/api.ts';
import { PipelineError, toFailure } from '../../contracts/errors.ts';
import { API } from '../../contracts/subjects.ts';
import type { NatsConfig } from '../../infra/config/nats.ts';
import { systemOf } from '../../infra/config/system.ts';
import { notesOf } from '../../runtime/readiness.ts';
import type { Answers } from './answers.ts';
import type { Scrape } from './metrics/scrape.ts';
import type { Metrics } from './metrics/registry.ts';

export interface HealthOptions {
  readonly nc: NatsConnection;
  readonly answers: Answers;
  readonly nats: NatsConfig;
  readonly scrape: Scrape;
  readonly metrics: Metrics;
}

/** Empty: it can work. */
type Lacks = readonly string[];

const OPEN = { config: { open: true, vital: true } } as const;

export function addHealth(app: FastifyInstance, options: HealthOptions): void {
  app.get('/healthz', OPEN, () => ({ status: 'ok' }));
  // To those who have not logged in it says whether, and not why: see the route below.
  app.get('/readyz', OPEN, async (_request, reply) => {
    const parts = await partsOf(options);
    const isReady = [...parts.values()].every((lacks) => lacks.length === 0);
    return answer(reply, isReady, { ready: isReady });
  });
  app.get('/readyz/parts', { config: { vital: true } }, async (_request, reply) => {
    const parts = await partsOf(options);
    const isReady = [...parts.values()].every((lacks) => lacks.length === 0);
    return answer(reply, isReady, { ready: isReady, parts: Object.fromEntries(parts) });
  });
  app.get<{ Params: { part: string } }>('/readyz/:part', { config: { vital: true } }, async ({ params }, reply) => {
    const { part } = params;
    const lacks = (await partsOf(options)).get(part);
    if (!lacks) throw new PipelineError('REQUEST_INVALID', `there is no part ${part} here; /readyz/parts lists all`);
    return answer(reply, lacks.length === 0, { ready: lacks.length === 0, lacks });
  });
  app.get('/metrics', { config: { vital: true } }, async (_request, reply) => {
    const text = await options.scrape.text();
    return reply.type(options.metrics.contentType).send(text);
  });
}

const answer = (reply: FastifyReply, isReady: boolean, body: object) => reply.code(isReady ? 200 : 503).send(body);

export async function partsOf({
  nc,
  answers,
  nats,
}: Omit<HealthOptions, 'scrape' | 'metrics'>): Promise<ReadonlyMap<string, Lacks>> {
  const parts = new Map<string, Lacks>();
  parts.set('nats', nc.isClosed() ? ['the connection is closed'] : []);
  for (const { name, lacking } of notesOf(systemOf({ nats })))
    parts.set(name, [...(parts.get(name) ?? []), ...lacking]);
  try {
    const { models, lacking } = await answers.of(API.status, {});
    parts.set('orchestrator', [...(parts.get('orchestrator') ?? []), ...lacking]);
    for (const status of models) parts.set(`model-${status.model}`, lacksOf(status));
  } catch (error) {
    const { code, message } = toFailure(error);
    // It has other questions to answer, which is no reason to take it out of service.
    if (code !== 'OVERLOADED') parts.set('orchestrator', [message]);
  }
  return parts;
}

/** A model that was never deployed serves nothing, as it should. */
function lacksOf({ deployment, replicas }: ModelStatus): Lacks {
  const current = deployment?.current;
  if (!current) return [];
  const serving = replicas.filter(({ outOfService, release }) => outOfService === null && release !== null);
  return serving.length > 0 ? [] : [`release ${current.release} is in service, and no replica takes requests`];
}
