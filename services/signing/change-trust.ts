/** A list of trusted keys as the commands of an operator change it: another key for a name, or one that counts no more. Pure. */
import { PipelineError } from '../../contracts/errors.ts';
import type { Trust, TrustedKey } from '../../contracts/signing.ts';

/** The former keys of the name sign no more; what they have signed stays valid. */
export const withRotated = (trust: Trust, made: TrustedKey): Trust => ({
  ...trust,
  keys: [...trust.keys.map((key) => (key.name === made.name ? retired(key, made.addedAt) : key)), made],
});

const retired = (key: TrustedKey, at: string): TrustedKey => ({ ...key, retiredAt: key.retiredAt ?? at });

/** Of a digest, a key's id, or a key's name, which stands for every key that ever had it. Throws CONFIG_INVALID. */
export function withRevoked(
  trust: Trust,
  what: string,
): { readonly trust: Trust; readonly revoked: readonly string[] } {
  const { keys, digests } = trust.revoked;
  if (/^sha256:[0-9a-f]{64}$/.test(what)) {
    return { trust: { ...trust, revoked: { keys, digests: added(digests, [what]) } }, revoked: [what] };
  }
  const meant = trust.keys.filter(({ id, name }) => id === what || name === what).map(({ id }) => id);
  if (meant.length === 0) {
    const known = trust.keys.map(({ id, name }) => `${name} (${id})`).join(', ') || 'none';
    throw new PipelineError(
      'CONFIG_INVALID',
      `there is no key ${what} in the list of trusted keys, and it is no digest (sha256:...); there are: ${known}`,
    );
  }
  return { trust: { ...trust, revoked: { keys: added(keys, meant), digests } }, revoked: meant };
}

const added = (list: readonly string[], more: readonly string[]) => [...new Set([...list, ...more])];
