/**
 * The first start that signs, on a store in which releases serve already: their pairs go into the list of trusted keys as
 * adopted, and their records get a seal. Called once, by main.ts, when it has made the keys.
 */
import type { Deployment, ModelPair } from '../../contracts/release.ts';
import type { Trust } from '../../contracts/signing.ts';
import type { RecordStore, Stored } from '../../infra/stores/record-store.ts';
import { digestOf } from '../../services/signing/canonical.ts';
import type { SigningKey } from '../../services/signing/keys.ts';
import { sealed } from '../../services/signing/seal.ts';

/** The trust with the pairs in it; the records are sealed afterwards, so that a crash between leaves nothing refused. */
export const withAdopted = (trust: Trust, records: readonly Stored<Deployment>[]): Trust => ({
  ...trust,
  adopted: [...new Set([...trust.adopted, ...records.flatMap(({ value }) => digestsIn(value))])],
});

export async function sealAll(
  deployments: RecordStore<Deployment>,
  records: readonly Stored<Deployment>[],
  key: SigningKey,
): Promise<void> {
  for (const { key: model, value, text, revision } of records) {
    // With the number after that of a seal of keys that are gone: replicas may remember it.
    const before = value.seal ? { number: value.seal.number, digest: digestOf(text) } : null;
    await deployments.save(model, sealed(value, before, key), revision);
  }
}

const digestsIn = ({ current, previous, retained }: Deployment): string[] =>
  [current, previous, ...retained].flatMap((pair) => (pair ? partsOf(pair) : []));

const partsOf = ({ model, gallery, golden, faces }: ModelPair): string[] =>
  [model, gallery, golden, ...(faces ? [faces] : [])].map(({ digest }) => digest);
