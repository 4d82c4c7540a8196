/**
 * The account of a time of troubles, kept past the product: names of the server, plain JSON and the public client of NATS,
 * none of Nightshift's own code. It reads all facts that are stored and holds them against what was asked for.
 */
import { connect, type NatsConnection } from 'nats';
import { jetstream } from '@nats-io/jetstream';

const EVENTS = 'nightshift_EVENTS';
const ENDS = ['completed', 'rejected', 'unchanged', 'failed', 'rolled-back', 'cancelled', 'needs-operator'];
const START = 'nightshift.ctl.pipeline.start';

export interface Account {
  readonly nights: number;
  readonly completed: number;
  readonly releases: number;
  /** Runs that were asked for and of which the beginning, or the deployment that they told of, is nowhere. */
  readonly lost: number;
  /** Messages that are stored twice, runs with two ends or two deployments, releases with two models. */
  readonly doubled: number;
  /** Runs that have begun and not ended. */
  readonly stuck: number;
}

export interface Ledger {
  /** Resolves when the server has the command. */
  ask(model: string, runId: string): Promise<void>;
  /** Whether the run has told its end, and how many releases of the model there are. */
  hasEnded(runId: string): Promise<boolean>;
  account(): Promise<Account>;
  close(): Promise<void>;
}

interface Fact {
  readonly id: string;
  readonly noun: string;
  readonly fact: string;
  /** A run, or a model. */
  readonly of: string;
  readonly data: { readonly runId?: string; readonly release?: number; readonly modelDigest?: string };
}

export async function openLedger(servers: readonly string[]): Promise<Ledger> {
  const nc = await connect({ servers: [...servers], maxReconnectAttempts: -1, waitOnFirstConnect: true });
  const asked: string[] = [];
  const js = jetstream(nc, { timeout: 2_000 });
  return {
    ask: async (model, runId) => {
      const body = JSON.stringify({ model, runId, force: true });
      await insist(() => js.publish(START, body, { msgID: `${runId}.start` }));
      asked.push(runId);
    },
    hasEnded: async (runId) => {
      const facts = await factsOf(nc, `nightshift.evt.pipeline.*.${runId}`).catch(() => []);
      return facts.some(({ fact }) => ENDS.includes(fact));
    },
    account: async () => accountOf(asked, await insist(() => factsOf(nc, 'nightshift.evt.>'))),
    close: () => nc.close(),
  };
}

/** As often as it takes: a server may be away, and a message with an id is stored once. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** All that is stored under a subject, in its order. */
async function factsOf(nc: NatsConnection, subject: string): Promise<Fact[]> {
  const js = jetstream(nc, { timeout: 5_000 });
  const consumer = await js.consumers.get(EVENTS, { filter_subjects: [subject] });
  let left = (await consumer.info()).num_pending;
  const facts: Fact[] = [];
  while (left > 0) {
    const message = await consumer.next({ expires: 5_000 });
    if (message === null) throw new Error(`${left} facts did not come`);
    left = message.info.pending;
    const [, , noun = '', fact = '', of = ''] = message.subject.split('.');
    const { data } = JSON.parse(message.string()) as { data?: Fact['data'] };
    facts.push({ id: message.headers?.get('Nats-Msg-Id') ?? '', noun, fact, of, data: data ?? {} });
  }
  return facts;
}

/** Pure, and exported for its test. */
export function accountOf(asked: readonly string[], facts: readonly Fact[]): Account {
  const ofRuns = facts.filter(({ noun }) => noun === 'pipeline');
  const deployed = facts.filter(({ noun, fact }) => noun === 'model' && fact === 'deployed');
  const ends = ofRuns.filter(({ fact }) => ENDS.includes(fact));
  const has = (list: readonly Fact[], fact: string, run: string) =>
    list.some((it) => it.fact === fact && it.of === run);
  const begun = asked.filter((run) => has(ofRuns, 'started', run));
  const completed = asked.filter((run) => has(ends, 'completed', run));
  const unsaid = completed.filter((run) => !deployed.some(({ data }) => data.runId === run));
  return {
    nights: asked.length,
    completed: completed.length,
    releases: Math.max(0, ...deployed.map(({ data }) => data.release ?? 0)),
    lost: asked.length - begun.length + unsaid.length,
    doubled:
      repeats(facts.map(({ id }) => id)) +
      repeats(ends.map(({ of }) => of)) +
      repeats(deployed.map(({ data }) => data.runId ?? '')) +
      repeats(deployed.map(({ data }) => String(data.release))),
    stuck: begun.filter((run) => !ends.some(({ of }) => of === run)).length,
  };
}

const repeats = (values: readonly string[]) => values.length - new Set(values).size;
