/**
 * Signing and trust as one process has them: the folder of its own keys and the list of those that it believes. Both may
 * be absent; nothing is signed or demanded then. Made by main.ts, handed to the actors.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { EnvelopeOfStatement, KeyRole, Trust } from '../../contracts/signing.ts';
import { signStatement } from './dsse.ts';
import { readSigningKeys, readTrust, stampOf } from './key-folder.ts';
import type { SigningKey } from './keys.ts';

export interface Signing {
  /** Null if this process has no key of the role. */
  sign(role: KeyRole, statement: object): EnvelopeOfStatement | null;
  /** The first key of the role; null if there is none. */
  keyOf(role: KeyRole): SigningKey | null;
  /** As the file is now; null if no list is configured. Throws CONFIG_INVALID. */
  trust(): Trust | null;
}

export interface SigningFiles {
  readonly keysDir?: string | undefined;
  readonly trustFile?: string | undefined;
}

export function openSigning({ keysDir, trustFile }: SigningFiles): Signing {
  const keys = (role: KeyRole) => (keysDir === undefined ? [] : readSigningKeys(keysDir, role));
  let cached: { readonly stamp: string; readonly trust: Trust } | null = null;
  return {
    sign: (role, statement) => {
      const found = keys(role);
      return found.length === 0 ? null : signStatement(statement, found);
    },
    keyOf: (role) => keys(role)[0] ?? null,
    trust: () => {
      if (trustFile === undefined) return null;
      const stamp = stampOf(trustFile);
      if (cached?.stamp !== stamp) cached = { stamp, trust: readTrust(trustFile) };
      return cached.trust;
    },
  };
}

export const NO_SIGNING: Signing = openSigning({});

/** The list, if it names a key of that role: then that role has to have signed. */
export function demanded(signing: Signing, role: KeyRole): Trust | null {
  const trust = signing.trust();
  return trust?.keys.some((key) => key.role === role) ? trust : null;
}

/** A key that others demand and this process lacks. Throws CONFIG_INVALID. */
export function ownKey(signing: Signing, role: KeyRole): SigningKey | null {
  const key = signing.keyOf(role);
  if (key || !demanded(signing, role)) return key;
  throw new PipelineError(
    'CONFIG_INVALID',
    `the list of trusted keys demands signatures of the role ${role}, and this process has no key of it; ` +
      'put <name>.signing.pem into the folder of releases.keysDir',
  );
}
