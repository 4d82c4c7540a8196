/**
 * Each trouble of a cluster of three once, while night follows night and a client asks sixty times a second: a server that
 * leads is killed, the quorum goes and comes, a lame duck, a server that comes back with nothing, one that is cut off from
 * the others, one whose disk has changed a bit. Requests that fail are counted beside a bare responder.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { chaos } from '../support/chaos/chaos.ts';
import type { Trouble } from '../support/chaos/troubles.ts';

const OF_SERVERS: readonly Trouble[] = ['leaderKilled', 'quorumLost', 'lameDuck', 'wiped', 'partition', 'bitFlip'];

test('cluster: no trouble of a server loses, doubles or stops anything, or costs more requests than a bare responder', async () => {
  const report = await chaos({ seconds: null, seed: 2, troubles: OF_SERVERS });
  const { lost, doubled, stuck, olderReplies, completed, requests, failed, bareFailed } = report;
  const told = JSON.stringify(report);
  console.log(told);
  assert.equal([lost, doubled, stuck, olderReplies], [0, 0, 0, 0], told);
  assert.equal(report.troubles, Object.fromEntries(OF_SERVERS.map((name) => [name, 1])));
  assert.ok(completed > 1 && requests > 1_000, told);
  // A slow second of a busy machine is half a hundredth.
  assert.ok(failed <= bareFailed + requests * 0.01, told);
});

test.run();
