/**
 * The load of the night bench, in a process of its own: open loop, one request at each moment that is due, whatever became
 * of those before it. It asks as a plain NATS client, without the second tries of nightshift/client: the system is measured,
 * not the client. Ordered by rig.ts.
 */
import { once } from 'node:events';
import type { NatsConnection } from 'nats';
import { INFER_HEADERS } from '../../contracts/inference.ts';
import { inferSubject } from '../../contracts/subjects.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { question } from '../../infra/messaging/wire.ts';
import { createLogger } from '../../runtime/logger.ts';
import { clockMs } from '../support/clock.ts';
import { arrivals, startMetronome } from '../serving/load.ts';
import type { Asked, Period } from './figures.ts';
import type { FromLoad, LoadStart, ToLoad } from './messages.ts';

/** Longer than any answer takes, also that of a machine which is busy with other things. */
const TIMEOUT_MS = 30_000;
const SEED = 1;

let stop = () => {};
let period: Period = 'warm-up';
const say = (message: FromLoad) => void process.send?.(message);

process.on('message', (message: ToLoad) => {
  if (message.type === 'period') ({ period } = message);
  else if (message.type === 'stop') stop();
  // A rejection ends this process.
  else void load(message.start);
});

async function load({ url, login, model, faces, perSecond, secondsMax }: LoadStart): Promise<void> {
  const log = createLogger({ level: 'warn' });
  const nc = await connectNats({ url, login, name: 'bench-load', role: 'door', log, isHasty: true });
  const asked: Asked[] = [];
  const underWay = new Set<Promise<void>>();
  let requests = 0;
  const metronome = startMetronome(arrivals(perSecond, secondsMax, SEED), (dueMs) => {
    const face = faces[requests++ % faces.length]!;
    const work = ask(nc, model, face, { period, dueMs }, asked).finally(() => underWay.delete(work));
    underWay.add(work);
  });
  stop = () => void metronome.terminate();
  say({ type: 'started' });
  await once(metronome, 'exit');
  await Promise.all(underWay);
  await nc.close();
  say({ type: 'ended', asked });
}

async function ask(
  nc: NatsConnection,
  model: string,
  face: Uint8Array,
  due: { readonly period: Period; readonly dueMs: number },
  asked: Asked[],
): Promise<void> {
  const { period: inPeriod, dueMs } = due;
  try {
    const answer = await question(nc, inferSubject(model, 'identify'), face, { timeout: TIMEOUT_MS });
    const refusal = answer.headers?.get(INFER_HEADERS.errorText);
    if (refusal) throw new Error(refusal);
    asked.push({ period: inPeriod, latencyMs: clockMs() - dueMs });
  } catch (error) {
    // The first tells what it is; the count says how often.
    if (asked.every(({ latencyMs }) => latencyMs !== null))
      process.stderr.write(`bench: a request failed: ${String(error)}\n`);
    asked.push({ period: inPeriod, latencyMs: null });
  }
}
