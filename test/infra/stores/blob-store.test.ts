/** The object store as a BlobStore: the conformance suite, and what only a server can do wrong. */
import type { NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { PipelineError } from '../../../contracts/errors.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { withServer } from '../../support/server.ts';
import { blobStoreConformance } from './blob-store.conformance.ts';
import { managerOf } from '../../../infra/messaging/jetstream.ts';

const withStore = (use: (store: BlobStore, nc: NatsConnection) => Promise<void>) =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    await use(createBlobStore(nc, 'trainer'), nc);
  });

blobStoreConformance('object store', withStore);

test('object store: a lost chunk is found at the end of the stream', () =>
  withStore(async (store, nc) => {
    const ref = await store.put(BUCKETS.models, 'm', Buffer.alloc(3_000_000, 7));
    const manager = await managerOf(nc);
    const first = await manager.streams.getMessage(`OBJ_${BUCKETS.models}`, { seq: 2 });
    await manager.streams.deleteMessage(`OBJ_${BUCKETS.models}`, first!.seq);
    const error = await store.get(ref).catch((reason: unknown) => reason);
    assert.instance(error, PipelineError);
    assert.is((error as PipelineError).code, 'BLOB_CORRUPT');
  }));

test('object store: a missing object says who asked for what, and what may have happened', () =>
  withStore(async (store) => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const error = await store.get({ bucket: 'DATASETS', key: 'd42', digest, bytes: 1 }).catch((reason) => reason);
    assert.is(error.message, `trainer: object DATASETS/d42 (${digest}) not found; was it pruned?`);
  }));

test('object store: storing the same bytes again leaves the object untouched', () =>
  withStore(async (store, nc) => {
    const manager = await managerOf(nc);
    const lastSequence = async () => (await manager.streams.info(`OBJ_${BUCKETS.reports}`)).state.last_seq;
    await store.put('REPORTS', 'r', Buffer.from('same'));
    const before = await lastSequence();
    await store.put('REPORTS', 'r', Buffer.from('same'));
    assert.is(await lastSequence(), before);
  }));

test.run();
