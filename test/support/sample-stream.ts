/** A stream of samples as its owner makes and fills it, with the plain client of NATS. */
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { SAMPLE_HEADERS } from '../../contracts/sample-streams.ts';

export interface Published {
  readonly id?: string;
  readonly label?: string;
  readonly tags?: readonly string[] | undefined;
  /** Absent: the sample is removed. */
  readonly bytes?: Buffer;
}

const SUBJECT = 'badges.photographs';

export async function makeSampleStream(nc: NatsConnection, name: string) {
  const manager = await jetstreamManager(nc);
  await manager.streams.add({ name, subjects: [`${SUBJECT}.${name}`] });
  const client = jetstream(nc);
  return {
    publish: async ({ id, label, tags = [], bytes }: Published) => {
      const meta = headers();
      if (id !== undefined) meta.set(SAMPLE_HEADERS.id, id);
      if (label !== undefined) meta.set(SAMPLE_HEADERS.label, label);
      for (const tag of tags) meta.append(SAMPLE_HEADERS.tag, tag);
      return (await client.publish(`${SUBJECT}.${name}`, bytes ?? new Uint8Array(0), { headers: meta })).seq;
    },
    remove: (sequence: number) => manager.streams.deleteMessage(name, sequence),
    consumers: async () => (await manager.streams.info(name)).state.consumer_count,
  };
}
