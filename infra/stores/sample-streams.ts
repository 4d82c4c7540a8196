/**
 * Reads streams of samples, which belong to somebody else: their names are those on the server, in no namespace of ours, and
 * nothing is written or acknowledged. The rights for it are `sampleStreamRights` of access/permissions.ts.
 */
import { DeliverPolicy, JetStreamApiCodes, JetStreamApiError, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import {
  SAMPLE_HEADERS,
  type SampleHead,
  type SampleStream,
  type SampleStreams,
} from '../../contracts/sample-streams.ts';
import { unlessMissing, wireClientOf, wireManagerOf } from '../messaging/jetstream.ts';

/** Heads asked for at once. */
const BATCH = 1_000;
/** All of a batch is there already; a server that needs longer is busy or away. */
const BATCH_MS_MAX = 10_000;
const TIMEOUT_MS = 10_000;
/** Of the server, in place of a body that it leaves out. */
const SIZE_HEADER = 'Nats-Msg-Size';

export function createSampleStreams(nc: NatsConnection): SampleStreams {
  return { open: (name) => open(nc, name) };
}

async function open(nc: NatsConnection, name: string): Promise<SampleStream | null> {
  const manager = await wireManagerOf(nc, { timeout: TIMEOUT_MS });
  const info = await unlessMissing(() => manager.streams.info(name));
  if (info === null) return null;
  const { state, created } = info;
  return {
    version: created,
    heads: (signal) => (state.messages === 0 ? none() : heads(nc, name, state.last_seq, signal)),
    body: async (sequence) => {
      const message = await unlessGone(() => manager.streams.getMessage(name, { seq: sequence }));
      return message && Buffer.from(message.data);
    },
  };
}

async function* none(): AsyncGenerator<SampleHead> {}

async function* heads(nc: NatsConnection, name: string, last: number, signal: AbortSignal): AsyncGenerator<SampleHead> {
  const options = { headers_only: true, deliver_policy: DeliverPolicy.All };
  const consumer = await wireClientOf(nc).consumers.get(name, options);
  while (true) {
    signal.throwIfAborted();
    const batch = await consumer.fetch({ max_messages: BATCH, expires: BATCH_MS_MAX });
    const stop = () => batch.stop();
    signal.addEventListener('abort', stop, { once: true });
    let isEmpty = true;
    try {
      for await (const message of batch) {
        signal.throwIfAborted();
        isEmpty = false;
        if (message.seq <= last) yield headOf(message);
        if (message.seq >= last || message.info.pending === 0) return;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      batch.stop();
    }
    signal.throwIfAborted();
    // The rest was deleted meanwhile.
    if (isEmpty) return;
  }
}

function headOf({ seq, headers }: JsMsg): SampleHead {
  const text = (name: string) => headers?.get(name) ?? '';
  return {
    sequence: seq,
    id: text(SAMPLE_HEADERS.id),
    label: text(SAMPLE_HEADERS.label),
    tags: headers?.values(SAMPLE_HEADERS.tag) ?? [],
    bytes: Number(text(SIZE_HEADER)),
  };
}

async function unlessGone<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.NoMessageFound) return null;
    throw error;
  }
}
