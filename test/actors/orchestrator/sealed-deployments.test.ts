/** Deployment records under seal: a chain that goes on over what others wrote, and a loud end if nothing is left of it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sealAll, withAdopted } from '../../../actors/orchestrator/adopt.ts';
import { sealDeployments } from '../../../actors/orchestrator/sealed-deployments.ts';
import { toFailure } from '../../../contracts/errors.ts';
import { BUCKETS } from '../../../contracts/subjects.ts';
import { DeploymentSchema, type Deployment } from '../../../contracts/release.ts';
import { createRecordStore, openKv, type RecordStore } from '../../../infra/stores/record-store.ts';
import { checkSeal } from '../../../services/signing/seal.ts';
import { NO_SIGNING } from '../../../services/signing/signing.ts';
import { deploymentOf, releaseOf } from '../../support/deployments.ts';
import { withFolder } from '../../support/folder.ts';
import { testLogger, withServer } from '../../support/server.ts';
import { keysIn, type Keys } from '../../support/signed.ts';

interface Opened {
  readonly keys: Keys;
  readonly plain: RecordStore<Deployment>;
  /** As another orchestrator would have them. */
  open(): RecordStore<Deployment>;
  put(body: string): Promise<number>;
}

const withRecords = (use: (opened: Opened) => Promise<void>) =>
  withFolder((folder) =>
    withServer(async ({ connect }) => {
      const kv = await openKv(await connect(), BUCKETS.deployments);
      const keys = keysIn(folder);
      const plain = createRecordStore({ kv, schema: DeploymentSchema });
      const open = () => sealDeployments({ store: plain, signing: keys.signing, log: testLogger() });
      await use({ keys, plain, open, put: (body) => kv.put('face', body) });
    }),
  );

const record = (release: number) => deploymentOf({ current: releaseOf(`r${release}`, release), change: 'committed' });

test('sealed records: two orchestrators continue one chain', () =>
  withRecords(async ({ keys, plain, open }) => {
    const [one, other] = [open(), open()];
    assert.is(await one.load('face'), null);
    const first = await one.save('face', record(1), 0);
    assert.is((await other.load('face'))?.value.releaseMax, 1);
    await other.save('face', record(2), first);
    const links = (await plain.history('face')).map(({ text }) => checkSeal(text, 'face', keys.trust()));
    assert.equal(
      links.map(({ number }) => number),
      [1, 2],
    );
    assert.is(links[1]?.before, links[0]?.digest);
    assert.is((await one.load('face'))?.value.releaseMax, 2);
  }));

test('sealed records: what somebody else wrote is passed over, damaged or not, and written over by the next change', () =>
  withRecords(async ({ keys, plain, open, put }) => {
    const known = open();
    const revision = await known.save('face', record(1), 0);
    await known.save('face', record(2), revision);
    const old = (await plain.history('face'))[0]!.text;
    for (const body of [JSON.stringify(record(9)), '{"model":', old]) {
      const latest = await put(body);
      for (const store of [known, open()]) {
        const loaded = await store.load('face');
        assert.equal([loaded?.value.releaseMax, loaded?.revision], [2, latest], body.slice(0, 40));
      }
    }
    const loaded = (await known.load('face'))!;
    await known.save('face', record(3), loaded.revision);
    const newest = await plain.load('face');
    assert.is(checkSeal(newest?.text ?? '', 'face', keys.trust()).number, 3);
  }));

test('sealed records: if no revision is in order, that is said, and nothing is made up', () =>
  withRecords(async ({ open, put }) => {
    await put(JSON.stringify(record(4)));
    const failure = await open()
      .load('face')
      .then(() => null, toFailure);
    assert.is(failure?.code, 'RECORD_LOST');
    assert.match(
      failure?.message ?? '',
      /no revision of the deployment record is in order \(.*no orchestrator has sealed it/,
    );
  }));

test('sealed records: where nobody signs they are as they lie in the store', () =>
  withRecords(async ({ plain, put }) => {
    await put(JSON.stringify(record(4)));
    const store = sealDeployments({ store: plain, signing: NO_SIGNING, log: testLogger() });
    const loaded = await store.load('face');
    assert.is(loaded?.value.releaseMax, 4);
    await store.save('face', record(5), loaded!.revision);
    assert.is((await plain.load('face'))?.value.seal, undefined);
  }));

test('sealed records: those of before the keys are adopted with their pairs, and go on in one chain', () =>
  withRecords(async ({ keys, plain, open }) => {
    await plain.save('face', { ...record(2), previous: releaseOf('r1', 1) }, 0);
    const records = await plain.list();
    keys.change((trust) => withAdopted(trust, records));
    await sealAll(plain, records, keys.orchestrator);
    const { adopted } = keys.trust();
    assert.ok([releaseOf('r1', 1), releaseOf('r2', 2)].every(({ model }) => adopted.includes(model.digest)));
    const loaded = await open().load('face');
    assert.equal([loaded?.value.releaseMax, loaded?.value.seal?.number], [2, 1]);
  }));

test.run();
