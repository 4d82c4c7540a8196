/**
 * Whether a replica may load a pair, and whether it may still switch to one that it has loaded: keys and digests may be
 * revoked in between. The second asks nobody, because a rollback waits for it.
 */
import type { BlobReader } from '../../contracts/blobs.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { EnvelopeOfStatement, Trust } from '../../contracts/signing.ts';
import { demanded, type Signing } from '../../services/signing/signing.ts';
import { checkPair, checkStatement } from '../../services/signing/statement.ts';

export interface PairChecks {
  /** Before it is loaded. Throws RELEASE_UNTRUSTED, and what the store throws. */
  check(pair: ModelPair): Promise<void>;
  /** Of a pair that was checked here before: by the list of trusted keys as it is now. Throws RELEASE_UNTRUSTED. */
  recheck(pair: ModelPair): void;
}

interface Checked {
  readonly trust: Trust;
  readonly envelope: EnvelopeOfStatement | null;
}

/** Current, previous and announced, and some that were before. */
const KEPT_MAX = 16;

export function createPairChecks(signing: Signing, blobs: BlobReader, model: string): PairChecks {
  const checked = new Map<string, Checked>();
  const keep = (pair: ModelPair, found: Checked) => {
    checked.delete(keyOf(pair));
    checked.set(keyOf(pair), found);
    const [oldest] = checked.keys();
    if (checked.size > KEPT_MAX && oldest !== undefined) checked.delete(oldest);
  };
  return {
    check: async (pair) => {
      const trust = demanded(signing, 'verifier');
      if (trust) keep(pair, { trust, envelope: await checkPair({ trust, blobs, model, pair }) });
    },
    recheck: (pair) => {
      const trust = demanded(signing, 'verifier');
      const before = checked.get(keyOf(pair));
      // Unchanged keys say what they said; a pair that is not loaded is checked when it is.
      if (!trust || !before || before.trust === trust) return;
      checkStatement({ trust, model, pair }, before.envelope);
      keep(pair, { ...before, trust });
    },
  };
}

const keyOf = ({ model, gallery, golden, faces, statement }: ModelPair): string =>
  [model, gallery, golden, faces, statement].map((blob) => blob?.digest).join(' ');
