/** A disk that is full while runs are under way. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectNats } from '../../infra/messaging/connection.ts';
import { launchServer } from '../../infra/server/server.ts';
import { applyTopology } from '../../infra/topology/topology.ts';
import { assertOnce, ends } from '../support/accounts.ts';
import { failureOf } from '../support/failures.ts';
import { withSaga, type Saga } from '../support/saga.ts';
import { testLogger, withServer } from '../support/server.ts';
import { canMount, withSmallDisk } from '../support/small-disk.ts';
import { start } from '../support/steering.ts';
import { until } from '../support/wait.ts';

const SPARE_BYTES = 64 * 1024;
const TOO_SMALL_BYTES = 64 * 1024 * 1024;
const hasDisk = canMount();
test(
  hasDisk
    ? 'server: runs that meet a full disk go on when there is room again'
    : 'server: a full disk: skipped, no tmpfs can be mounted here',
  async () => {
    if (!hasDisk) return;
    await withSmallDisk((disk) =>
      withServer(
        (server) =>
          withSaga(server, {}, async (saga) => {
            await start(saga, 'n0');
            await ends(saga, 'n0');
            await disk.fill(SPARE_BYTES);
            const { pid } = server.server;
            await Promise.all([start(saga, 'n1').catch(() => {}), filled(saga, server.server.logPath!)]);
            disk.free();
            await until(() => server.server.pid !== pid, 'the server started anew');
            await start(saga, 'n1');
            await ends(saga, 'n1');
            await assertOnce(saga, 2);
          }),
        disk.folder,
      ),
    );
  },
);

test(
  hasDisk
    ? 'server: a disk that is too small for the streams is refused with what to do'
    : 'server: a small disk: skipped, no tmpfs can be mounted here',
  async () => {
    if (!hasDisk) return;
    await withSmallDisk(async (disk) => {
      await disk.fill(TOO_SMALL_BYTES);
      const log = testLogger();
      const server = await launchServer({ storeDir: join(disk.folder, 'store'), log });
      try {
        const nc = await connectNats({ url: server.url, name: 'test', log });
        const { code, message } = await failureOf(() => applyTopology(nc, { replicas: 1 }));
        await nc.close();
        assert.is(code, 'DISK_FULL');
        assert.match(message, /no room for stream .* free some space/);
      } finally {
        await server.stop();
      }
    });
  },
);

/** Signs of life until the disk is full. */
async function filled(saga: Saga, logPath: string): Promise<void> {
  const noise = { note: 'x'.repeat(16_000) };
  const isFull = async () => (await readFile(logPath, 'utf8')).includes('no space left on device');
  for (let count = 0; !(await isFull()); count++) {
    await saga.bus.publish('nightshift.evt.train.progressed.noise', noise, { id: `noise.${count}` }).catch(() => {});
  }
}

test.run();
