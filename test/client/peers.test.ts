import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Peers } from '../../client/peers.ts';

const NONE: ReadonlySet<string> = new Set();

test('peers: one that has answered since the request was sent goes before one that answered earlier', () => {
  const peers = new Peers();
  peers.answered('alive', 200);
  peers.answered('early', 90);
  assert.is(peers.another(NONE, 100, 210, 0.99), 'alive');
  assert.is(peers.another(new Set(['alive']), 100, 210, 0), 'early');
  assert.is(peers.another(new Set(['alive', 'early']), 100, 210, 0), null);
});

test('peers: a replica that is gone, or was not heard of for long, is not asked', () => {
  const peers = new Peers();
  peers.answered('old', 0);
  assert.is(peers.another(NONE, 4_000, 4_500, 0), 'old');
  assert.is(peers.another(NONE, 4_000, 5_000, 0), null);
  peers.answered('gone', 5_000);
  peers.gone('gone');
  assert.is(peers.another(NONE, 0, 5_001, 0), null);
});

test('peers: the latest request that was served counts, in whatever order the answers come', () => {
  const peers = new Peers();
  assert.is(peers.servedUpToMs, -Infinity);
  [20, 50, 30].forEach((sentAtMs) => peers.served(sentAtMs));
  assert.is(peers.servedUpToMs, 50);
});

test('peers: one is alone while nobody else has answered for a minute', () => {
  const peers = new Peers();
  assert.is(peers.isOneAlone(0), false);
  peers.answered('r1', 0);
  assert.is(peers.isOneAlone(30_000), true);
  peers.answered('r2', 10_000);
  peers.answered('r1', 50_000);
  assert.is(peers.isOneAlone(69_000), false);
  assert.is(peers.isOneAlone(71_000), true);
  assert.is(peers.isOneAlone(200_000), false);
});

test.run();
