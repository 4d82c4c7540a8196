/** A client that asks on time, as nightshift/client does, and a bare responder beside it over the same connection. */
import { setTimeout as wait } from 'node:timers/promises';
import { connect } from 'nats';
import { createClient } from '../../../client/client.ts';
import { faceOf, MODEL } from '../replicas.ts';
import { startBare } from './bare.ts';

export interface Load {
  readonly requests: number;
  readonly failed: number;
  /** Answers by a release below one that had answered before the request was sent. */
  readonly olderReplies: number;
  readonly hedged: number;
  readonly retried: number;
  /** Of as many requests to the bare responder, without second tries. */
  readonly bareFailed: number;
}

export interface LoadOptions {
  readonly servers: readonly string[];
  /** Requests per second, whether or not earlier ones were answered. */
  readonly rate: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

export async function askSteadily({ servers, rate, signal }: LoadOptions): Promise<Load> {
  const nc = await connect({ servers: [...servers], maxReconnectAttempts: -1 });
  const client = createClient(nc, { model: MODEL });
  const bare = await startBare(servers);
  const face = await faceOf(1);
  const counts = { failed: 0, olderReplies: 0, bareFailed: 0 };
  const underWay: Promise<void>[] = [];
  let newest = 0;
  const ask = async () => {
    const seen = newest;
    try {
      const { release } = await client.identify(face);
      if (release < seen) counts.olderReplies += 1;
      newest = Math.max(newest, release);
    } catch (error) {
      counts.failed += 1;
      if (process.env['NIGHTSHIFT_FIGURES']) console.error(String(error));
    }
  };
  const askBare = () => bare.ask(nc, face).catch(() => void (counts.bareFailed += 1));
  const startedAt = performance.now();
  for (let sent = 0; !signal.aborted; sent++) {
    await wait(Math.max(0, startedAt + (sent * 1000) / rate - performance.now()));
    underWay.push(ask(), askBare());
  }
  await Promise.all(underWay);
  const { requests, hedged, retried } = client.statistics();
  await Promise.all([nc.close(), bare.close()]);
  return { requests, hedged, retried, ...counts };
}
