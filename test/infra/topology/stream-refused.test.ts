import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connectNats } from '../../../infra/messaging/connection.ts';
import { applyTopology } from '../../../infra/topology/topology.ts';
import { streamRefused } from '../../../infra/topology/stream-refused.ts';
import { failureOf } from '../../support/failures.ts';
import { withFolder } from '../../support/folder.ts';
import { withOwnServer } from '../../support/own-server.ts';
import { testLogger } from '../../support/server.ts';

assert.type(streamRefused, 'function');

/** The failure of a set-up at a server whose account has these limits. */
const failureUnder = (limits: string, replicas: 1 | 3, use: (text: string) => void) =>
  withFolder(async (folder) => {
    const settings = `jetstream { store_dir: "${folder}/js" }\naccounts { OURS { jetstream ${limits}, users [{ user: ann, password: x }] } }\nno_auth_user: ann`;
    await withOwnServer(folder, settings, async ({ address }) => {
      const nc = await connectNats({ url: `nats://${address}`, name: 'test', log: testLogger() });
      const { code, message } = await failureOf(() => applyTopology(nc, { replicas }));
      await nc.close();
      use(`${code}: ${message}`);
    });
  });

const CASES: readonly [what: string, limits: string, replicas: 1 | 3, expected: RegExp][] = [
  ['the number of streams', '{ max_streams: 3 }', 1, /^ACCOUNT_LIMIT: .*no more streams; raise its max_streams/],
  ['bytes on disk', '{ max_file: 100M }', 1, /^ACCOUNT_LIMIT: .*may store \d+ bytes.*raise that limit/],
  ['sizes that must be said', '{ max_bytes_required: true }', 1, /^ACCOUNT_LIMIT: .*max_bytes_required/],
  ['copies without a cluster', 'enabled', 3, /^NATS_UNAVAILABLE: .*set nats.replicas to 1/],
];

for (const [what, limits, replicas, expected] of CASES) {
  test(`stream-refused: ${what}: the cause is named, and not another`, () =>
    failureUnder(limits, replicas, (text) => {
      assert.match(text, expected);
      assert.not.match(text, /storeDir/);
    }));
}

test.run();
