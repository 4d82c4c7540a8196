/**
 * Sizes of streams and buckets, and what waits for their consumers, as figures for a scrape. Streams that cannot be read are
 * left out: the findings beside this module say why. Called by actors/gateway/metrics/.
 */
import type { NatsConnection } from '@nats-io/nats-core';
import { BUCKETS } from '../../contracts/subjects.ts';
import { mayExamine } from '../access/permissions.ts';
import { managerOf } from '../messaging/jetstream.ts';
import { CONSUMER_SPECS } from '../topology/consumers.ts';
import { kvStreamName, objectStreamName, streamsOf } from '../topology/streams.ts';
import { ANSWER_MS, look } from './look.ts';

export interface StoreFigures {
  /** A stream, records, or objects. */
  readonly kind: 'stream' | 'records' | 'objects';
  /** Of the stream, or of the bucket that it holds. */
  readonly name: string;
  readonly bytes: number;
  readonly messages: number;
}

export interface ConsumerFigures {
  readonly consumer: string;
  readonly pending: number;
  readonly ackPending: number;
  readonly redelivered: number;
}

export async function storeFigures(nc: NatsConnection): Promise<readonly StoreFigures[]> {
  const manager = await managerOf(nc, { timeout: ANSWER_MS });
  const names = streamsOf({ replicas: 1 })
    .map(({ name }) => name)
    .filter(mayExamine);
  const looks = await Promise.all(names.map((name) => look(() => manager.streams.info(name))));
  return looks.flatMap((seen, index) =>
    seen.kind !== 'there'
      ? []
      : [{ ...placeOf(names[index]!), bytes: seen.info.state.bytes, messages: seen.info.state.messages }],
  );
}

export async function consumerFigures(nc: NatsConnection): Promise<readonly ConsumerFigures[]> {
  const manager = await managerOf(nc, { timeout: ANSWER_MS });
  const looks = await Promise.all(
    CONSUMER_SPECS.map(({ stream, config }) => look(() => manager.consumers.info(stream, config.durable_name))),
  );
  return looks.flatMap((seen, index) => {
    if (seen.kind !== 'there') return [];
    const { num_pending: pending, num_ack_pending: ackPending, num_redelivered: redelivered } = seen.info;
    return [{ consumer: CONSUMER_SPECS[index]!.config.durable_name, pending, ackPending, redelivered }];
  });
}

function placeOf(stream: string): Pick<StoreFigures, 'kind' | 'name'> {
  for (const bucket of Object.values(BUCKETS)) {
    if (stream === kvStreamName(bucket)) return { kind: 'records', name: bucket };
    if (stream === objectStreamName(bucket)) return { kind: 'objects', name: bucket };
  }
  return { kind: 'stream', name: stream };
}
