/**
 * Live traffic for the demo: an open-loop client in a thread of its own, with its own connection, as a door would
 * have. A request is due at its time whether or not earlier ones were answered, and its latency counts from then.
 */
import { once } from 'node:events';
import type { Login } from '../infra/config/nats.ts';
import type { Latency } from '../contracts/replica.ts';
import { startThread } from '../runtime/threads.ts';

/** The most that a client takes: nothing of the demo is a measure of a machine that does something else as well. */
export const DEADLINE_MS = 10_000;

export interface TrafficData {
  readonly url: string;
  readonly login: Login;
  readonly model: string;
  readonly requestsPerSecond: number;
  /** Image files to ask about, in turn. */
  readonly probes: readonly Uint8Array[];
}

export interface PeriodFigures {
  readonly sent: number;
  /** Answered with an error. */
  readonly failed: number;
  /** Not answered at all. */
  readonly lost: number;
  /** Answered by an older release than the one that was in service, on every replica, when the request was sent. */
  readonly misrouted: number;
  readonly latencyMs: Latency;
}
export interface TrafficFigures {
  readonly periods: Readonly<Record<string, PeriodFigures>>;
  /** The first few failures, in words. */
  readonly failures: readonly string[];
  /** Releases that answered, with the number of answers. */
  readonly releases: Readonly<Record<string, number>>;
}
export type TrafficMessage = { readonly period: string } | { readonly inService: number } | { readonly stop: true };

export interface Traffic {
  /** From now on requests count under this name. */
  period(name: string): void;
  /** Every replica serves this release: no request sent from now on may be answered by an older one. */
  inService(release: number): void;
  /** Waits for what is under way and answers the figures. */
  stop(): Promise<TrafficFigures>;
  /** Ends the thread without figures. */
  kill(): Promise<void>;
}

export async function startTraffic(data: TrafficData): Promise<Traffic> {
  const thread = startThread('demo/traffic.thread', data, { name: 'traffic' });
  await once(thread, 'message');
  const send = (message: TrafficMessage) => thread.postMessage(message);
  return {
    period: (period) => send({ period }),
    inService: (inService) => send({ inService }),
    stop: async () => {
      const figures = once(thread, 'message');
      send({ stop: true });
      const [answer] = await figures;
      await thread.terminate();
      return answer as TrafficFigures;
    },
    kill: async () => void (await thread.terminate()),
  };
}
