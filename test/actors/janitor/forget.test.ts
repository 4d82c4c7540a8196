/** A janitor that nobody told of signatures, on a store whose records are sealed. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { forget } from '../../../actors/janitor/forget.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { createBus } from '../../../infra/messaging/bus.ts';
import { createBlobStore } from '../../../infra/stores/blob-store.ts';
import { publishForgotten } from '../../../infra/stores/enrolment-log.ts';
import { createEraser } from '../../../infra/stores/eraser.ts';
import { openForgotten } from '../../../infra/stores/forgotten-store.ts';
import { openKeptRecords } from '../../../infra/stores/kept-records.ts';
import { openKv } from '../../../infra/stores/record-store.ts';
import { NO_SIGNING } from '../../../services/signing/signing.ts';
import { failureOf } from '../../support/samples.ts';
import { withServer } from '../../support/server.ts';

test('janitor: where records are sealed and it has no key, nobody is forgotten, and nothing is changed', () =>
  withServer(async ({ connect, log }) => {
    const nc = await connect();
    const forgotten = await openForgotten(nc);
    const stores = {
      bus: await createBus({ nc, source: 'test', log, now: () => new Date(), newId: () => crypto.randomUUID() }),
      ...{ blobs: createBlobStore(nc), eraser: await createEraser(nc), forgotten, signing: NO_SIGNING },
      publishForgotten: (model: string, mark: Parameters<typeof publishForgotten>[2]) =>
        publishForgotten(nc, model, mark),
      ...{ runs: await openKeptRecords(nc, BUCKETS.runs), log, now: () => new Date() },
    };
    const order = { id: 'f', person: 'a'.repeat(64), block: true };
    const carriedOut = (mode: 'look' | 'forget') => forget(stores, { ...order, mode }, () => {});
    assert.is((await carriedOut('forget')).found, false);
    await forgotten.remove(order.person);
    await (await openKv(nc, BUCKETS.deployments)).put('face', '{"model":"face","seal":{"number":1}}');
    const failure = await failureOf(carriedOut('forget'));
    assert.is(failure.code, 'CONFIG_INVALID');
    assert.match(failure.message, /this janitor has no key/);
    assert.is((await forgotten.people()).size, 0);
    assert.is((await carriedOut('look')).found, false);
  }));

test.run();
