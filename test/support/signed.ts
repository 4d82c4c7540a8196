/**
 * Keys and signed pairs for tests: an own key folder per test, and pairs with a statement as a verifier would store it,
 * by whichever keys and with whichever lies a test wants.
 */
import { join } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { ReleaseStatement, Trust } from '../../contracts/signing.ts';
import { signStatement } from '../../services/signing/dsse.ts';
import { ensureKeys, readTrust, writeTrust } from '../../services/signing/key-folder.ts';
import { makePrivateKey, signingKeyOf, type SigningKey } from '../../services/signing/keys.ts';
import { openSigning, type Signing } from '../../services/signing/signing.ts';
import { releaseStatement } from '../../services/signing/statement.ts';
import { blobRef } from './runs.ts';
import { TINY_IMAGE } from './tiny-model.ts';

export interface Keys {
  readonly signing: Signing;
  readonly keysDir: string;
  readonly trustFile: string;
  readonly verifier: SigningKey;
  readonly orchestrator: SigningKey;
  trust(): Trust;
  change(change: (trust: Trust) => Trust): void;
}

export function keysIn(folder: string): Keys {
  const keysDir = join(folder, 'keys');
  const trustFile = join(keysDir, 'trust.json');
  ensureKeys(keysDir, trustFile, new Date());
  const signing = openSigning({ keysDir, trustFile });
  return {
    ...{ signing, keysDir, trustFile },
    verifier: signing.keyOf('verifier')!,
    orchestrator: signing.keyOf('orchestrator')!,
    trust: () => readTrust(trustFile),
    change: (change) => writeTrust(trustFile, change(readTrust(trustFile))),
  };
}

/** A key that nobody trusts. */
export const strangersKey = (): SigningKey => signingKeyOf(makePrivateKey(), 'a key of nobody');

export const predicateOf = (changes: Partial<ReleaseStatement['predicate']> = {}): ReleaseStatement['predicate'] => ({
  ...{ model: 'face', run: 'r1', verdict: 'blessed', admitted: true, gates: [], champion: null },
  ...{ thresholds: { identify: 0.5, verify: 0.6 }, image: TINY_IMAGE, dataset: blobRef('DATASETS', 'd').digest },
  time: '2026-01-01T02:00:00.000Z',
  ...changes,
});

/** The pair with its statement, stored. `of`: another pair, of which the statement speaks. */
export async function signedPair(
  blobs: Pick<BlobStore, 'put'>,
  pair: ModelPair,
  keys: readonly SigningKey[],
  changes: Partial<ReleaseStatement['predicate']> = {},
  of: ModelPair = pair,
): Promise<ModelPair> {
  const statement = releaseStatement(
    { ...of, report: blobRef('REPORTS', 'report') },
    predicateOf({ run: pair.runId, ...changes }),
  );
  const bytes = Buffer.from(JSON.stringify(signStatement(statement, keys)));
  return { ...pair, statement: await blobs.put('MODELS', `${pair.runId}/release.dsse.json`, bytes) };
}
