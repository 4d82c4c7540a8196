/**
 * The thread of traffic.ts: asks on schedule, as a door that uses nightshift/client, counts every request once, reports when
 * told to stop.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { build, type Histogram } from 'hdr-histogram-js';
import { createClient } from '../client/client.ts';
import { PipelineError } from '../contracts/errors.ts';
import { connectNats } from '../infra/messaging/connection.ts';
import { namespaceOf } from '../infra/messaging/wire.ts';
import { createLogger } from '../runtime/logger.ts';
import {
  DEADLINE_MS,
  type PeriodFigures,
  type TrafficData,
  type TrafficFigures,
  type TrafficMessage,
} from './traffic.ts';

/** Enough to see what went wrong; the count has the rest. */
const FAILURES_SHOWN = 5;
const TICK_MS = 2;

interface Period {
  sent: number;
  failed: number;
  lost: number;
  misrouted: number;
  readonly histogram: Histogram;
}

const port = parentPort!; // This module runs only as a thread.
const { url, login, model, requestsPerSecond, probes } = workerData.data as TrafficData;
const log = createLogger({ level: 'warn' });
const nc = await connectNats({ url, login, name: 'demo-traffic', role: 'door', log, isHasty: true });
const client = createClient(nc, { model, namespace: namespaceOf(nc), deadlineMs: DEADLINE_MS });
const periods = new Map<string, Period>();
const failures: string[] = [];
const releases: Record<string, number> = {};
const underWay = new Set<Promise<void>>();
let current = periodOf('warm-up');
let inService = 0;

const intervalMs = 1000 / requestsPerSecond;
const startedAt = performance.now();
let number = 0;
// Timers are coarse: each tick sends whatever has become due since the last one.
const ticking = setInterval(() => {
  for (let due = startedAt + number * intervalMs; due <= performance.now(); due = startedAt + number * intervalMs) {
    const sending = send(probes[number++ % probes.length]!, due, current).finally(() => underWay.delete(sending));
    underWay.add(sending);
  }
}, TICK_MS);

port.on('message', (message: TrafficMessage) => {
  if ('period' in message) current = periodOf(message.period);
  else if ('inService' in message) inService = Math.max(inService, message.inService);
  // A rejection ends the thread, and the story with it.
  else void finish();
});
port.postMessage('ready');

function periodOf(name: string): Period {
  const known = periods.get(name) ?? {
    ...{ sent: 0, failed: 0, lost: 0, misrouted: 0 },
    histogram: build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 }),
  };
  periods.set(name, known);
  return known;
}

async function send(image: Uint8Array, due: number, period: Period): Promise<void> {
  period.sent++;
  const atLeast = inService;
  try {
    const { release } = await client.identify(image);
    releases[release] = (releases[release] ?? 0) + 1;
    if (release < atLeast) period.misrouted++;
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'NATS_UNAVAILABLE') period.lost++;
    else period.failed++;
    if (failures.length < FAILURES_SHOWN) failures.push(String(error));
  }
  period.histogram.recordValue(Math.max(1, Math.round((performance.now() - due) * 1000)));
}

async function finish(): Promise<void> {
  clearInterval(ticking);
  await Promise.all(underWay);
  await nc.close();
  const figures: TrafficFigures = {
    periods: Object.fromEntries([...periods].map(([name, period]) => [name, figuresOf(period)])),
    failures,
    releases,
  };
  port.postMessage(figures);
}

function figuresOf({ histogram, ...counts }: Period): PeriodFigures {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  return { ...counts, latencyMs: { p50: at(50), p95: at(95), p99: at(99), max: histogram.maxValue / 1000 } };
}
