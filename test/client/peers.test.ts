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

test.run();
