/**
 * A replica's facts as events: prepared, refused, switched, out of service. The heartbeat is stored first, because a
 * listener that hears the event looks at the heartbeats next. The events only hasten what the heartbeats say anyway: if
 * an event cannot be published, that is logged and no more.
 */
import { replicaEventSubject, type ReplicaFact } from '../../contracts/subjects.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import type { Logger } from '../../runtime/logger.ts';
import { deploySpanId, traceparentOf } from '../../runtime/trace-context.ts';
import type { ReplicaReports } from '../../services/serving/replica/converge.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { ServingTraces } from './serving-traces.ts';

export interface ReportsOptions {
  readonly bus: Bus;
  readonly heartbeat: Heartbeat;
  readonly model: string;
  readonly replicaId: string;
  readonly log: Logger;
  /** Absent or null: nobody wants traces. */
  readonly traces?: ServingTraces | null | undefined;
}

export interface Reports extends ReplicaReports {
  /** Resolves when all facts so far are published. */
  finish(): Promise<void>;
}

export function createReports({ bus, heartbeat, model, replicaId, log, traces }: ReportsOptions): Reports {
  let saying: Promise<void> = Promise.resolve();
  /** A fact that is said twice, after a restart for instance, has the same id. */
  const say = (fact: ReplicaFact, runId: string, data: object, detail = '', parentSpanId = deploySpanId(runId)) => {
    const id = `${runId}:${replicaId}:${fact}${detail}`;
    const options = { id, traceparent: traceparentOf(runId, id), parentSpanId };
    const stored = heartbeat.beat();
    saying = saying
      .then(() => stored)
      .then(() => bus.publish(replicaEventSubject(fact, runId), { runId, model, replicaId, ...data }, options))
      .then(
        () => undefined,
        (err) => log.warn({ err, id }, 'replica: event could not be published; the heartbeat says the same'),
      );
  };
  return {
    prepared: ({ runId }, prepareMs) => say('prepared', runId, { prepareMs }, '', traces?.prepared(runId, prepareMs)),
    refused: ({ runId }, failure) => say('refused', runId, { failure }),
    switched: (runId, release, swap) => {
      const data = { release: release.release, ...swap };
      say('switched', runId, data, `:${release.release}`, traces?.switched(runId, release, swap));
    },
    outOfService: (runId, { release }, failure) => say('out-of-service', runId, { release, failure }, `:${release}`),
    finish: () => saying,
  };
}
