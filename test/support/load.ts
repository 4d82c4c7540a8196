/** Clients that keep asking a model while a test does something to its replicas. */
import { setImmediate } from 'node:timers/promises';
import { ask, faceOf, type InferAnswer, type ReplicaTest } from './replicas.ts';
import { until } from './wait.ts';

/** Enough to overlap with every switch, few enough to leave the processor to the replicas. */
const CLIENTS = 3;

export interface Load {
  readonly answers: readonly InferAnswer[];
  /** Resolves when every reply that the server has passed on by now is among the answers. */
  flush(): Promise<void>;
  /** Ends the load and waits for what is under way. */
  stop(): Promise<readonly InferAnswer[]>;
}

/** Several clients that ask one request after the other, until stopped. */
export async function startLoad(context: { readonly test: Pick<ReplicaTest['test'], 'connect'> }): Promise<Load> {
  const nc = await context.test.connect('test-clients');
  const faces = await Promise.all([0, 1, 2, 3, 4].map(faceOf));
  const answers: InferAnswer[] = [];
  let isOver = false;
  const client = async (index: number) => {
    // A test that failed closes the connection under its load.
    for (let i = index; !isOver && !nc.isClosed(); i++) {
      answers.push(await ask(nc, 'identify', faces[i % faces.length]!).catch(unanswered));
    }
  };
  const clients = Promise.all(Array.from({ length: CLIENTS }, (_, index) => client(index)));
  const stop = async () => {
    isOver = true;
    await clients;
    return answers;
  };
  const flush = async () => {
    await nc.flush();
    // A reply that came with the answer to the flush is on its way through the promises of its request.
    await setImmediate();
  };
  return { answers, flush, stop };
}

/** Status 0: nobody answered at all. */
const unanswered = (error: unknown): InferAnswer => ({ status: 0, body: {}, text: String(error), retryAfterMs: null });

export const releasesOf = (answers: readonly InferAnswer[]) =>
  [...new Set(answers.map(({ body }) => Number(body.release)))].sort((a, b) => a - b);
/** Resolves when so many more requests were answered. */
export const more = ({ answers }: Load, count: number) => {
  const target = answers.length + count;
  return until(() => answers.length >= target, `${count} more answers`);
};
