/**
 * The load of the swap bench, in a process of its own: open loop, one request at each moment that is due, whatever
 * became of those before it, and no second try. Writes down every request; ordered by rig.ts.
 */
import { once } from 'node:events';
import { errors, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { EmbedReplySchema, INFER_HEADERS } from '../../contracts/inference.ts';
import { inferSubject } from '../../contracts/subjects.ts';
import { connectNats } from '../../infra/messaging/connection.ts';
import { createLogger } from '../../runtime/logger.ts';
import { clockMs } from '../support/clock.ts';
import { arrivals, startMetronome } from '../serving/load.ts';
import { createLedger, firstOf, OUTCOMES, type Ledger } from './ledger.ts';
import type { FromLoad, LoadStart, ToLoad } from './messages.ts';

/** Longer than any answer takes, also that of a machine which is busy with other things. */
const TIMEOUT_MS = 30_000;
/** As two runs of one model may differ: in batches of another size. Another model differs by a hundred times as much. */
const DIFFERENCE_MAX = 1e-3;
const SEED = 1;

let stop = () => {};
const say = (message: FromLoad) => void process.send?.(message);

process.on('message', (message: ToLoad) => {
  // A rejection ends this process.
  if (message.type === 'start') void load(message.start);
  else stop();
});

async function load(start: LoadStart): Promise<void> {
  const nc = await connectNats({ url: start.url, name: 'bench-load', log: createLogger({ level: 'warn' }) });
  const due = arrivals(start.perSecond, start.secondsMax, SEED);
  const ledger = createLedger(due.length);
  const underWay = new Set<Promise<void>>();
  let requests = 0;
  const metronome = startMetronome(due, (dueMs) => {
    const request = requests++;
    ledger.dueMs[request] = dueMs;
    const work = ask(nc, start, ledger, request).finally(() => underWay.delete(work));
    underWay.add(work);
  });
  stop = () => void metronome.terminate();
  say({ type: 'started' });
  await once(metronome, 'exit');
  await Promise.all(underWay);
  say({ type: 'ended', ledger: firstOf(ledger, requests) });
}

async function ask(
  nc: NatsConnection,
  { name, faces, answers }: LoadStart,
  ledger: ReturnType<typeof createLedger>,
  request: number,
): Promise<void> {
  const face = request % faces.length;
  ledger.sentMs[request] = clockMs();
  try {
    const message = await nc.request(inferSubject(name, 'embed'), faces[face], { timeout: TIMEOUT_MS });
    ledger.endedMs[request] = clockMs();
    note(message, answers, face, ledger, request);
  } catch (error) {
    ledger.endedMs[request] ||= clockMs();
    const { message } = error as Error; // Both NATS and the reply throw nothing else.
    ledger.outcome[request] = error instanceof errors.TimeoutError ? OUTCOMES.lost : OUTCOMES.failed;
    ledger.errors.set(message, (ledger.errors.get(message) ?? 0) + 1);
  }
}

function note(message: Msg, answers: LoadStart['answers'], face: number, ledger: Ledger, request: number): void {
  if (message.headers?.get(INFER_HEADERS.errorStatus)) throw new Error(message.headers.get(INFER_HEADERS.errorText));
  const { release, modelDigest, embedding } = EmbedReplySchema.parse(message.json());
  ledger.release[request] = release;
  const model = answers.findIndex((answer) => answer.modelDigest === modelDigest);
  const expected = answers[model]?.embeddings.subarray(face * embedding.length, (face + 1) * embedding.length);
  const isRight = expected && embedding.every((x, i) => Math.abs(x - expected[i]!) <= DIFFERENCE_MAX);
  ledger.model[request] = isRight ? model : -1;
}
