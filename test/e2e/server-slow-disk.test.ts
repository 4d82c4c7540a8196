/** A disk that is slow while runs are under way: every write of the server waits for its turn. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertOnce, ends } from '../support/accounts.ts';
import { withSaga } from '../support/saga.ts';
import { withServer } from '../support/server.ts';
import { whyNoSlowDisk, withSlowDisk } from '../support/slow-disk.ts';
import { start } from '../support/steering.ts';

/** A run makes some forty synced writes, several of them at once, so that some wait for longer than a client does. */
const WRITES_PER_SECOND = 20;

const why = whyNoSlowDisk();
test(
  why === null
    ? 'server: runs go on over a disk that takes twenty writes a second, everything once'
    : `server: a slow disk: skipped (${why})`,
  async () => {
    if (why !== null) return;
    await withServer((server) =>
      withSaga(server, { orchestrators: 2 }, (saga) =>
        withSlowDisk(server.server.pid!, WRITES_PER_SECOND, async (disk) => {
          const runs = ['n0'];
          for (const runId of runs) {
            await start(saga, runId);
            await ends(saga, runId);
          }
          assert.ok(disk.writes() > 0, 'the limit was on the way');
          await assertOnce(saga, runs.length);
        }),
      ),
    );
  },
);

test.run();
