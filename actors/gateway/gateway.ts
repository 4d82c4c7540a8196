/**
 * The gateway actor: HTTP for those who have no NATS. It reads with the rights of a viewer, over a connection of its own,
 * and acts with the rights of who is logged in, over one of theirs. It decides and stores nothing, so a gateway that is
 * gone or flooded concerns nobody else. docs/gateway.md has its routes.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { ALL } from '../../contracts/subjects.ts';
import type { GatewayConfig } from '../../infra/config/gateway.ts';
import type { Login, NatsConfig } from '../../infra/config/nats.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { Tracer } from '../../infra/telemetry/tracer.ts';
import type { Logger } from '../../runtime/logger.ts';
import { Answers } from './answers.ts';
import { addApi } from './api.ts';
import { bind } from './bind.ts';
import { knownCallers } from './callers.ts';
import { Connections } from './connections.ts';
import { addConsole } from './console.ts';
import { addEvidence } from './evidence.ts';
import { addEventStream, EventLog } from './events.ts';
import { addHealth, partsOf } from './health.ts';
import { EventMetrics } from './metrics/from-events.ts';
import { createMetrics } from './metrics/registry.ts';
import { Scrape } from './metrics/scrape.ts';
import { addInferenceProtocol } from './oip/routes.ts';
import { addPeople } from './people.ts';
import { addRecognition } from './recognise.ts';
import { createRequestTraces } from './request-traces.ts';
import { createServer } from './server.ts';

export interface GatewayOptions {
  /** As role `gateway`. */
  readonly nc: NatsConnection;
  readonly url: string;
  readonly bus: Bus;
  readonly config: GatewayConfig;
  readonly nats: NatsConfig;
  /** Of `nc`. */
  readonly login: Login;
  readonly log: Logger;
  /** Absent or null: nobody wants traces. */
  readonly tracer?: Tracer | null | undefined;
}

export interface Gateway {
  /** `http://127.0.0.1:7480`; null while another program has the port. */
  address(): string | null;
  stop(): Promise<void>;
}

/** At its end, what is under way has so long. */
const ANSWERED_WITHIN_MS = 2_000;

/** Throws CONFIG_INVALID for a token that cannot be read. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { nc, bus, config, nats, login, log, tracer = null } = options;
  const callers = knownCallers(config, login.isForOwnServer ? nats.storeDir : null);
  const metrics = createMetrics();
  const app = createServer({
    ...{ config, callers, log },
    onAnswered: (route, status, durationMs) => {
      metrics.inc('nightshift_gateway_requests_total', { route, status: String(status) });
      metrics.observe('nightshift_gateway_request_duration_seconds', { route }, durationMs / 1000);
    },
  });
  const answers = new Answers(nc);
  const connections = new Connections(options);
  const scrape = new Scrape({ nc, answers, metrics, nats, config, log });
  const events = new EventLog(config.streamsMax);
  const counted = new EventMetrics(metrics, log);
  const listening = bus.listen(ALL.events, ({ subject, envelope }) => {
    counted.hear(subject, envelope);
    events.hear(subject, envelope);
  });
  addHealth(app, { nc, answers, nats, scrape, metrics });
  const traces = createRequestTraces(tracer);
  addRecognition(app, { connections, traces });
  const isReady = async () => [...(await partsOf({ nc, answers, nats })).values()].every((lacks) => lacks.length === 0);
  addInferenceProtocol(app, { answers, connections, traces, isReady });
  addApi(app, { answers, connections });
  addEvidence(app, { answers, connections });
  addPeople(app, { connections, log });
  addEventStream(app, events);
  addConsole(app);
  const bound = await bind(app, config, log);
  return {
    address: bound.address,
    stop: async () => {
      bound.stop();
      scrape.stop();
      listening.stop();
      events.close();
      // Past fastify's own `close`, as it was opened: see bind.ts.
      const closed = new Promise<void>((resolve) => app.server.close(() => resolve()));
      const late = setTimeout(() => app.server.closeAllConnections(), ANSWERED_WITHIN_MS);
      await closed;
      clearTimeout(late);
      await app.close();
      await connections.close();
    },
  };
}
