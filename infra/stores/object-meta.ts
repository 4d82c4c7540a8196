/**
 * The description of an object, as the client of the object store writes it: the last message on a subject of its own. It is
 * changed by compare-and-swap here, so that of two who want an object, one to keep it and one to delete it, one gives way.
 */
import { JetStreamApiCodes, JetStreamApiError, type StoredMsg } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/nats-core';
import { z } from 'zod';
import type { BlobBucket } from '../../contracts/blobs.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { clientOf, type Manager } from '../messaging/jetstream.ts';
import { metaSubject, objectStreamName } from '../topology/streams.ts';

/** The other fields are kept as they are. */
const MetaSchema = z.looseObject({
  name: z.string(),
  nuid: z.string(),
  digest: z.string().default(''),
  size: z.number().default(0),
  deleted: z.boolean().default(false),
});
export type Meta = z.infer<typeof MetaSchema>;

export interface StoredMeta {
  readonly sequence: number;
  readonly subject: string;
  /** By the server's clock. */
  readonly storedAt: Date;
  readonly meta: Meta;
}

export const storedMeta = (message: StoredMsg): StoredMeta => ({
  ...{ sequence: message.seq, subject: message.subject, storedAt: message.time },
  meta: MetaSchema.parse(message.json()),
});

export const refOf = (bucket: BlobBucket, { name, digest, size }: Meta): BlobRef => ({
  bucket,
  key: name,
  digest: `sha256:${Buffer.from(digest.replace('SHA-256=', ''), 'base64url').toString('hex')}`,
  bytes: size,
});

/** Null if nothing was ever stored under the key, or nothing is left of it. */
export async function latestMeta(manager: Manager, bucket: BlobBucket, key: string): Promise<StoredMeta | null> {
  const query = { last_by_subj: metaSubject(bucket, key) };
  const message = await manager.streams.getMessage(objectStreamName(bucket), query);
  return message && storedMeta(message);
}

const TIMEOUT_MS = 10_000;

/** The description before it goes. */
function rollup(): MsgHdrs {
  const replaces = headers();
  replaces.set('Nats-Rollup', 'sub');
  return replaces;
}

const CONFLICTS: readonly number[] = [
  JetStreamApiCodes.StreamWrongLastSequence,
  JetStreamApiCodes.StreamWrongLastSequenceUnknown,
];

/** Writes it anew in place of `stored`. Null if somebody else wrote since that was read; else the new sequence. */
export async function renewMeta(
  nc: NatsConnection,
  { subject, sequence }: StoredMeta,
  meta: Meta,
): Promise<number | null> {
  try {
    const { seq } = await clientOf(nc).publish(subject, Buffer.from(JSON.stringify(meta)), {
      timeout: TIMEOUT_MS,
      expect: { lastSubjectSequence: sequence },
      headers: rollup(),
    });
    return seq;
  } catch (error) {
    if (error instanceof JetStreamApiError && CONFLICTS.includes(error.code)) return null;
    throw error;
  }
}
