/** Our reading of nkeys against that of the package which defines them. */
import { nkeys } from '@nats-io/nats-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { userKeyOf } from '../../../infra/messaging/nkey.ts';

const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test('nkey: public key and signature are those of @nats-io/nkeys', () => {
  for (let turn = 0; turn < 50; turn++) {
    const pair = nkeys.createUser();
    const key = userKeyOf(textOf(pair.getSeed()));
    assert.is(key.publicKey, pair.getPublicKey());
    const nonce = `nonce-${turn}`;
    const signature = Buffer.from(key.sign(nonce), 'base64');
    assert.ok(nkeys.fromPublic(key.publicKey).verify(new TextEncoder().encode(nonce), signature));
  }
});

test('nkey: another seed, a damaged one and no seed at all are refused', () => {
  const seed = textOf(nkeys.createUser().getSeed());
  const damaged = `${seed.slice(0, 20)}${seed[20] === 'A' ? 'B' : 'A'}${seed.slice(21)}`;
  for (const wrong of [textOf(nkeys.createAccount().getSeed()), damaged, seed.slice(0, -4), '', 'not base32 at all']) {
    assert.throws(() => userKeyOf(wrong), /^not the seed of a user$|not the seed/);
  }
});

test.run();
