import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NatsConnection } from 'nats';
import { preflight, type PreflightOptions } from '../../../infra/preflight/preflight.ts';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { withFolder } from '../../support/folder.ts';
import { withOwnServer } from '../../support/own-server.ts';
import { testLogger, withServer } from '../../support/server.ts';

const MIB = 1024 * 1024;
const OPTIONS: PreflightOptions = { role: 'trainer', copies: 1, imageBytesMax: 4 * MIB, folders: [], now: Date.now };

/** Without those on the disk of the machine that runs the tests. */
const foundBy = async (nc: NatsConnection, options = OPTIONS) =>
  (await preflight(nc, options)).filter(({ id }) => id !== 'disk.full');

test('preflight: a server with all that is needed gives no finding, to an actor with consumers or without', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    for (const role of ['orchestrator', 'trainer', 'inference'] as const) {
      assert.equal(await foundBy(nc, { ...OPTIONS, role }), []);
    }
  }));

test('preflight: a clock that goes wrong is found, in both directions', () =>
  withServer(async ({ connect }) => {
    const nc = await connect();
    for (const role of ['trainer', 'inference'] as const) {
      const [late] = await foundBy(nc, { ...OPTIONS, role, now: () => Date.now() + 60_000 });
      assert.is(late?.id, 'clock.offset');
      assert.match(late?.sentence ?? '', /^the clock of this machine is (59|60)[.\d]* s ahead of that of nats-server$/);
      const [early] = await foundBy(nc, { ...OPTIONS, role, now: () => Date.now() - 60_000 });
      assert.match(early?.sentence ?? '', /behind that/);
    }
  }));

test('preflight: all that is wrong with a server is found at once, each with its way out', () =>
  withFolder(async (folder) => {
    const limits = 'max_streams: 1, max_consumers: 100';
    const account = `accounts { OURS { jetstream { ${limits} }, users [{ user: ann, password: x }] } }\nno_auth_user: ann`;
    const settings = `max_payload: 1MB\njetstream { store_dir: "${folder}/js" }\n${account}`;
    await withOwnServer(folder, settings, async ({ address }) => {
      const nc = await connectNats({ url: `nats://${address}`, name: 'test', log: testLogger() });
      const { jetstreamManager } = await import('@nats-io/jetstream');
      await (await jetstreamManager(nc)).streams.add({ name: 'THEIRS', subjects: ['theirs'], num_replicas: 1 });
      const found = await foundBy(nc);
      await nc.close();
      assert.equal([...new Set(found.map(({ id }) => id))], ['account.streams', 'payload.images', 'topology.missing']);
      assert.equal(
        found.slice(0, 2).map(({ severity }) => severity),
        ['error', 'warning'],
      );
      assert.ok(found.every(({ sentence, mend }) => sentence !== '' && mend !== ''));
      assert.match(found[1]!.mend, /^set max_payload at the server to 42\d{5} or more$/);
    });
  }));

test.run();
