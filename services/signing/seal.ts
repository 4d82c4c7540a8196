/**
 * The seal of a deployment record: an orchestrator's signature over the whole revision and the digest of the one before.
 * It is checked on the text as it was stored, so that fields of a newer version are signed as well.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/release.ts';
import { SealSchema, type Seal, type Trust } from '../../contracts/signing.ts';
import { canonical, digestOf } from './canonical.ts';
import { believed } from './dsse.ts';
import { isSignedBy, type SigningKey } from './keys.ts';

/** Place of a revision in the chain. */
export interface Link {
  readonly number: number;
  /** Of the whole record, its seal with it. */
  readonly digest: string;
}

export function sealed(record: Deployment, before: Link | null, key: SigningKey): Deployment {
  const unsigned = { number: (before?.number ?? 0) + 1, before: before?.digest ?? null, keyid: key.id };
  const sig = key.sign(bytesOf({ ...record, seal: unsigned })).toString('base64');
  return { ...record, seal: { ...unsigned, sig } };
}

const bytesOf = (record: object) => Buffer.from(canonical(record));

/**
 * Its place in the chain. Throws RELEASE_UNTRUSTED: no seal, one of a key that is not trusted, or another text than was
 * sealed. `stored` is the record as it lies in the store.
 */
export function checkSeal(stored: unknown, model: string, trust: Trust): Link & Pick<Seal, 'before'> {
  const refuse = (why: string) =>
    new PipelineError('RELEASE_UNTRUSTED', `model ${model}: the deployment record is refused: ${why}`);
  if (typeof stored !== 'object' || stored === null) throw refuse('it is no object');
  const record = stored as Readonly<Record<string, unknown>>; // Any object can be read so.
  if (record['seal'] === undefined) throw refuse('no orchestrator has sealed it');
  const parsed = SealSchema.safeParse(record['seal']);
  if (!parsed.success) throw refuse('its seal has another form than expected');
  const { sig, ...unsigned } = parsed.data;
  if (trust.revoked.keys.includes(unsigned.keyid)) throw refuse(`its key ${unsigned.keyid} is revoked`);
  const key = believed(trust, 'orchestrator').find(({ id }) => id === unsigned.keyid);
  if (!key) throw refuse(`it is sealed by ${unsigned.keyid}, which is no orchestrator key that is trusted here`);
  if (!isSignedBy(key.publicKey, bytesOf({ ...record, seal: unsigned }), sig)) {
    throw refuse('it is not the text that was sealed');
  }
  if (record['model'] !== model) throw refuse(`it is that of model ${String(record['model'])}`);
  return { number: unsigned.number, before: unsigned.before, digest: digestOf(canonical(record)) };
}
