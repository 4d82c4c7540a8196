/** Deletion that gives way to whoever wants an object again, and a store that is smaller afterwards, by the server's count. */
import { randomBytes } from 'node:crypto';
import type { NatsConnection } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { createSweeper, type Stocked, type Sweeper } from '../../../infra/stores/sweeper.ts';
import { withServer } from '../../support/server.ts';

const BYTES = 3_000_000;
const KEY = 'shards/a.tar';

interface Stores {
  readonly blobs: BlobStore;
  readonly sweeper: Sweeper;
  readonly nc: NatsConnection;
}

const withStores = (use: (stores: Stores) => Promise<void>) =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    await use({ blobs: createBlobStore(nc), sweeper: await createSweeper(nc), nc });
  });

const bytesOf = async (sweeper: Sweeper) => (await sweeper.sizes()).find(({ name }) => name === 'OBJ_DATASETS')!.bytes;
const only = async (sweeper: Sweeper): Promise<Stocked> => (await sweeper.stock('DATASETS')).objects[0]!;

test('sweeper: a removed object leaves nothing, neither bytes nor a mark', () =>
  withStores(async ({ blobs, sweeper }) => {
    const empty = await bytesOf(sweeper);
    const ref = await blobs.put('DATASETS', KEY, randomBytes(BYTES));
    assert.ok((await bytesOf(sweeper)) > BYTES);
    assert.equal((await only(sweeper)).ref, ref);
    assert.ok(await sweeper.remove(await only(sweeper)));
    assert.is(await bytesOf(sweeper), empty);
    assert.is(await blobs.find('DATASETS', KEY), null);
  }));

test('sweeper: an object that was used again since it was looked at is not removed', () =>
  withStores(async ({ blobs, sweeper }) => {
    const ref = await blobs.put('DATASETS', KEY, randomBytes(BYTES));
    const looked = await only(sweeper);
    assert.equal(await blobs.reuse('DATASETS', KEY, ref.digest), ref);
    assert.not(await sweeper.remove(looked));
    assert.is((await blobs.get(ref)).length, BYTES);
    assert.ok((await only(sweeper)).storedAt > looked.storedAt);
  }));

test('sweeper: whoever comes after the removal finds nothing, and stores it again', () =>
  withStores(async ({ blobs, sweeper }) => {
    const bytes = randomBytes(BYTES);
    const ref = await blobs.put('DATASETS', KEY, bytes);
    await sweeper.remove(await only(sweeper));
    assert.is(await blobs.reuse('DATASETS', KEY, ref.digest), null);
    await blobs.put('DATASETS', KEY, bytes);
    assert.ok((await blobs.get(ref)).equals(bytes));
  }));

test('sweeper: of one who uses an object and one who removes it at the same moment, one gives way', () =>
  withStores(async ({ blobs, sweeper, nc }) => {
    const bytes = randomBytes(2_000);
    const ref = await blobs.put('DATASETS', KEY, bytes);
    const outcomes = { used: 0, removed: 0 };
    for (let round = 0; round < 60; round++) {
      const looked = await only(sweeper);
      const use = async () => {
        const used = await blobs.reuse('DATASETS', KEY, ref.digest);
        if (used) outcomes.used += 1;
        else await blobs.put('DATASETS', KEY, bytes);
      };
      const remove = async () => {
        // Some round trips later: before, between and after the steps of the other.
        for (let later = 0; later < round % 4; later++) await nc.flush();
        outcomes.removed += (await sweeper.remove(looked)) ? 1 : 0;
      };
      await Promise.all([use(), remove()]);
      // Whoever has it in hand can read it, however the two met.
      assert.ok((await blobs.get(ref)).equals(bytes), `round ${round}`);
    }
    assert.is(outcomes.used + outcomes.removed, 60);
    assert.ok(outcomes.used > 0 && outcomes.removed > 0, JSON.stringify(outcomes));
  }));

test('sweeper: what an interrupted deletion left is found by its mark', () =>
  withStores(async ({ blobs, sweeper }) => {
    const empty = await bytesOf(sweeper);
    await blobs.put('DATASETS', KEY, randomBytes(BYTES));
    // The client of the object store leaves a mark by its nature.
    await blobs.remove('DATASETS', KEY);
    const { objects, remains } = await sweeper.stock('DATASETS');
    assert.equal([objects.length, remains.length], [0, 1]);
    await sweeper.clear(remains[0]!);
    assert.is(await bytesOf(sweeper), empty);
  }));

test.run();
