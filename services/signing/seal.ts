/**
 * The seal of a deployment record: an orchestrator's signature over the whole revision and the digest of the one before.
 * It stands at the end of the record and covers the text as it is stored, so that fields of a newer version are signed as
 * well, and nothing has to be put in order before it is checked: replicas check it between a commit and their switch.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { Deployment } from '../../contracts/release.ts';
import { SealSchema, type Seal, type Trust } from '../../contracts/signing.ts';
import { digestOf } from './canonical.ts';
import { believed } from './dsse.ts';
import { isSignedBy, type SigningKey } from './keys.ts';

/** Place of a revision in the chain. */
export interface Link {
  readonly number: number;
  /** Of the text of the whole record, its seal with it. */
  readonly digest: string;
}

/** To be stored as JSON with its fields in this order: the seal last. */
export function sealed({ seal: _, ...record }: Deployment, before: Link | null, key: SigningKey): Deployment {
  const unsigned = { number: (before?.number ?? 0) + 1, before: before?.digest ?? null, keyid: key.id };
  const text = JSON.stringify({ ...record, seal: unsigned });
  return { ...record, seal: { ...unsigned, sig: key.sign(Buffer.from(text)).toString('base64') } };
}

export const textOf = (record: Deployment): string => JSON.stringify(record);

const SEAL = /,"seal":(\{"number":\d+,"before":(?:null|"[^"]*"),"keyid":"[^"]*")(,"sig":"[^"]*"\})\}$/;

/**
 * Its place in the chain. Throws RELEASE_UNTRUSTED: no seal, one of a key that is not trusted, or another text than was
 * sealed. `text` is the record as it lies in the store.
 */
export function checkSeal(text: string, model: string, trust: Trust): Link & Pick<Seal, 'before'> {
  const refuse = (why: string) =>
    new PipelineError('RELEASE_UNTRUSTED', `model ${model}: the deployment record is refused: ${why}`);
  const found = SEAL.exec(text);
  const [, unsigned = '', sig = ''] = found ?? [];
  if (!found) throw refuse('no orchestrator has sealed it');
  const parsed = SealSchema.safeParse(JSON.parse(`${unsigned}${sig}`));
  if (!parsed.success) throw refuse('its seal has another form than expected');
  const { number, before, keyid } = parsed.data;
  if (trust.revoked.keys.includes(keyid)) throw refuse(`its key ${keyid} is revoked`);
  const key = believed(trust, 'orchestrator').find(({ id }) => id === keyid);
  if (!key) throw refuse(`it is sealed by ${keyid}, which is no orchestrator key that is trusted here`);
  const signed = `${text.slice(0, text.length - sig.length - 1)}}}`;
  if (!isSignedBy(key.publicKey, Buffer.from(signed), parsed.data.sig))
    throw refuse('it is not the text that was sealed');
  // A trusted orchestrator seals nothing but records.
  const named = (JSON.parse(text) as Deployment).model;
  if (named !== model) throw refuse(`it is that of model ${named}`);
  return { number, before, digest: digestOf(text) };
}
