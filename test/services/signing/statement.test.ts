/** Whether a pair may be loaded: what its verifier signed, with which keys, and what the list of trusted keys says. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BlobStore } from '../../../contracts/blobs.ts';
import { toFailure } from '../../../contracts/errors.ts';
import type { ModelPair } from '../../../contracts/release.ts';
import { signStatement } from '../../../services/signing/dsse.ts';
import { makePrivateKey, signingKeyOf } from '../../../services/signing/keys.ts';
import { approvalStatement, checkPair } from '../../../services/signing/statement.ts';
import { pairOf } from '../../support/deployments.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { keysIn, signedPair, strangersKey, type Keys } from '../../support/signed.ts';

const check = (keys: Keys, blobs: BlobStore, pair: ModelPair, run?: string) =>
  checkPair({ trust: keys.trust(), blobs, model: 'face', pair, ...(run === undefined ? {} : { run }) });

async function refusal(checking: Promise<unknown>): Promise<string> {
  const failure = await checking.then(() => null, toFailure);
  assert.is(failure?.code, 'RELEASE_UNTRUSTED');
  return failure?.message ?? '';
}

const withKeys = (use: (keys: Keys, blobs: BlobStore) => Promise<void>) =>
  withFolderBlobs((blobs, folder) => use(keysIn(folder), blobs));

test('statement: a pair that a trusted verifier signed is accepted, of its own run as well', () =>
  withKeys(async (keys, blobs) => {
    const pair = await signedPair(blobs, pairOf('r1'), [keys.verifier]);
    await check(keys, blobs, pair);
    await check(keys, blobs, pair, 'r1');
  }));

test('statement: without one, of other bytes, another model, another run or by another key, it is refused by name', () =>
  withKeys(async (keys, blobs) => {
    const pair = pairOf('r1');
    const by = (signer = keys.verifier, changes = {}, of = pair) => signedPair(blobs, pair, [signer], changes, of);
    assert.match(await refusal(check(keys, blobs, pair)), /no verifier has signed it/);
    const one = async (signed: Promise<ModelPair>, message: RegExp, run?: string) =>
      assert.match(await refusal(check(keys, blobs, await signed, run)), message);
    await one(by(strangersKey()), /signed by [0-9a-f]{16}, and by no verifier key that is trusted/);
    await one(by(keys.orchestrator), /by no verifier key/);
    await one(by(keys.verifier, {}, { ...pair, model: pairOf('r2').model }), /speaks of another model\.onnx/);
    await one(by(keys.verifier, {}, { ...pair, gallery: pairOf('r2').gallery }), /another gallery/);
    await one(by(keys.verifier, {}, { ...pair, golden: pairOf('r2').golden }), /another golden/);
    await one(by(keys.verifier, {}, { ...pair, faces: pairOf('r2').model }), /another faces/);
    await one(by(keys.verifier, { model: 'other' }), /speaks of model other/);
    await one(by(), /speaks of run r1/, 'r2');
    await one(by(keys.verifier, { admitted: false, verdict: 'rejected' }), /did not admit it/);
  }));

test('statement: a candidate that was not admitted passes only as blessed by hand', () =>
  withKeys(async (keys, blobs) => {
    const rejected = await signedPair(blobs, pairOf('r1'), [keys.verifier], { admitted: false, verdict: 'rejected' });
    await check(keys, blobs, { ...rejected, blessed: true });
  }));

test('statement: a revoked key or digest is refused; a retired key stays valid', () =>
  withKeys(async (keys, blobs) => {
    const pair = await signedPair(blobs, pairOf('r1'), [keys.verifier]);
    const before = keys.trust();
    keys.change((trust) => ({
      ...trust,
      keys: trust.keys.map((key) => ({ ...key, retiredAt: '2026-01-01T00:00:00.000Z' })),
    }));
    await check(keys, blobs, pair);
    keys.change(() => ({ ...before, revoked: { keys: [keys.verifier.id], digests: [] } }));
    assert.match(await refusal(check(keys, blobs, pair)), /its key [0-9a-f]{16} is revoked/);
    keys.change(() => ({ ...before, revoked: { keys: [], digests: [pair.gallery.digest] } }));
    assert.match(await refusal(check(keys, blobs, pair)), /r1\/gallery .* is revoked/);
  }));

test('statement: n of m verifiers have to have signed, each counting once', () =>
  withKeys(async (keys, blobs) => {
    const second = signingKeyOf(makePrivateKey(), 'second');
    const listed = { ...keys.trust().keys[0]!, id: second.id, name: 'verifier-b', publicKey: second.publicKey };
    keys.change((trust) => ({
      ...trust,
      keys: [...trust.keys, { ...listed, role: 'verifier' }],
      required: { verifier: 2, operator: 0 },
    }));
    const signed = (...signers: readonly (typeof second)[]) => signedPair(blobs, pairOf('r1'), signers);
    assert.match(await refusal(check(keys, blobs, await signed(second))), /1 of the 2 verifiers/);
    assert.match(await refusal(check(keys, blobs, await signed(second, second))), /1 of the 2 verifiers/);
    await check(keys, blobs, await signed(second, keys.verifier));
  }));

test('statement: where an operator is required, one has to have signed this very pair', () =>
  withKeys(async (keys, blobs) => {
    keys.change((trust) => ({ ...trust, required: { verifier: 1, operator: 1 } }));
    const operator = keys.signing.keyOf('operator')!;
    const pair = await signedPair(blobs, pairOf('r1'), [keys.verifier]);
    const approvalOf = (of: ModelPair, signer = operator) =>
      signStatement(
        approvalStatement(of, { model: 'face', run: 'r1', reason: null, time: '2026-01-01T02:00:00.000Z' }),
        [signer],
      );
    assert.match(await refusal(check(keys, blobs, pair)), /0 of the 1 operators/);
    const by = (approval: ReturnType<typeof approvalOf>) => check(keys, blobs, { ...pair, approvals: [approval] });
    assert.match(await refusal(by(approvalOf(pairOf('r2')))), /0 of the 1 operators/);
    assert.match(await refusal(by(approvalOf(pair, keys.verifier))), /0 of the 1 operators/);
    await by(approvalOf(pair));
  }));

test('statement: a pair of before the keys were made is accepted where it was adopted, and only as a whole', () =>
  withKeys(async (keys, blobs) => {
    const { model, gallery, golden } = pairOf('r0');
    keys.change((trust) => ({ ...trust, adopted: [model.digest, gallery.digest, golden.digest] }));
    await check(keys, blobs, pairOf('r0'));
    assert.match(await refusal(check(keys, blobs, { ...pairOf('r0'), gallery: pairOf('r1').gallery })), /no verifier/);
  }));

test('statement: each flipped bit of an envelope is refused', () =>
  withKeys(async (keys, blobs) => {
    const pair = await signedPair(blobs, pairOf('r1'), [keys.verifier]);
    const bytes = await blobs.get(pair.statement!);
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1;
      const reading = { get: () => Promise.resolve(flipped) };
      const checking = checkPair({ trust: keys.trust(), blobs: reading, model: 'face', pair });
      // Base64 has bits that mean nothing; a flipped one of those leaves the same signature.
      const isSame = sameEnvelope(flipped, bytes);
      if (isSame) await checking;
      else await refusal(checking);
    }
  }));

function sameEnvelope(a: Buffer, b: Buffer): boolean {
  const decoded = (text: Buffer) => {
    const { payload, payloadType, signatures } = JSON.parse(text.toString()) as Record<string, unknown>;
    const [first] = signatures as { keyid: string; sig: string }[];
    const bytes = (it: unknown) => Buffer.from(String(it), 'base64').toString('hex');
    return [payloadType, bytes(payload), first?.keyid, bytes(first?.sig)].join();
  };
  try {
    return decoded(a) === decoded(b);
  } catch {
    return false;
  }
}

test.run();
