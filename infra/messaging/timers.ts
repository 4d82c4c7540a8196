/**
 * Durable timers: messages that the server itself publishes when they are due, also after a crash or a restart. They
 * take the place of setTimeout wherever a wait must outlive the process. Set by the orchestrator alone.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { makeEnvelope } from '../../contracts/envelope.ts';
import { parseSubject } from '../../contracts/parse-subject.ts';
import { STREAMS, timerFiredSubject, timerScheduleSubject } from '../../contracts/subjects.ts';
import { managerOf } from './jetstream.ts';
import { metaOf, publishStored } from './publish.ts';

/** As long as facts are kept: an orchestrator that was away for less finds every timer that fired meanwhile. */
const FIRED_TTL = '720h';

export interface TimersOptions {
  readonly nc: NatsConnection;
  readonly source: string;
  readonly now: () => Date;
}

export interface TimerRequest {
  readonly runId: string;
  /** Setting the same timer of a run again replaces it. */
  readonly timerId: string;
  /** A moment in the past fires at once. */
  readonly dueAt: Date;
  readonly payload: unknown;
  /** The subject on which it fires, if not the run's own of that name. */
  readonly target?: string;
  /**
   * Names this setting, not the timer: with an id that was used in the last hour nothing happens, so that a repeated
   * publication sets nothing anew. It comes back as the envelope's id of the fired message.
   */
  readonly id: string;
}

export interface Timers {
  /** Returns when the timer is on the disk of the server. Throws NATS_UNAVAILABLE (retryable). */
  set(request: TimerRequest): Promise<void>;
  /** Does nothing if no such timer waits; a timer that has fired already is not called back. */
  cancel(runId: string, timerId: string): Promise<void>;
  /** Names of the timers of a run that wait. */
  waiting(runId: string): Promise<readonly string[]>;
}

export async function createTimers(options: TimersOptions): Promise<Timers> {
  const manager = await managerOf(options.nc);
  return {
    set: (request) => set(options, request),
    cancel: async (runId, timerId) => {
      await manager.streams.purge(STREAMS.timers, { filter: timerScheduleSubject(runId, timerId) });
    },
    waiting: async (runId) => {
      const filter = timerScheduleSubject(runId, '*');
      const info = await manager.streams.info(STREAMS.timers, { subjects_filter: filter });
      return Object.keys(info.state.subjects ?? {}).flatMap((subject) => timerIdOf(subject) ?? []);
    },
  };
}

function timerIdOf(subject: string): string | null {
  const parsed = parseSubject(subject);
  return parsed.family === 'timer' ? parsed.timerId : null;
}

async function set({ nc, source, now }: TimersOptions, request: TimerRequest): Promise<void> {
  const { runId, timerId, dueAt, payload, id, target = timerFiredSubject(runId, timerId) } = request;
  const envelope = makeEnvelope({ id, source, subject: target, time: now(), data: payload });
  await publishStored(nc, {
    subject: timerScheduleSubject(runId, timerId),
    body: new TextEncoder().encode(JSON.stringify(envelope)),
    id,
    meta: metaOf(envelope),
    schedule: { specification: dueAt, target, ttl: FIRED_TTL },
  });
}
