/**
 * Ed25519 keys: made, named by an id that follows from the public half, read from PEM. Knows no files; key-folder.ts
 * keeps them.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { PipelineError } from '../../contracts/errors.ts';
import { KEY_ROLES, type KeyRole } from '../../contracts/signing.ts';

export interface SigningKey {
  readonly id: string;
  /** SPKI, DER, base64: as a list of trusted keys has it. */
  readonly publicKey: string;
  sign(bytes: Uint8Array): Buffer;
}

const ID_LENGTH = 16;
const DER = { type: 'spki', format: 'der' } as const;

const keyIdOf = (publicKey: string): string =>
  createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('hex').slice(0, ID_LENGTH);

/** PKCS8 in PEM. */
export const makePrivateKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string; // PEM is text.

/** `where` names the file in errors. Throws CONFIG_INVALID for a text that is no Ed25519 key. */
export function signingKeyOf(pem: string, where: string): SigningKey {
  const key = read(() => createPrivateKey(pem), where);
  const publicKey = createPublicKey(key).export(DER).toString('base64');
  return { id: keyIdOf(publicKey), publicKey, sign: (bytes) => sign(null, bytes, key) };
}

export const publicPemOf = (publicKey: string): string =>
  objectOf(publicKey).export({ type: 'spki', format: 'pem' }) as string; // PEM is text.

export function isSignedBy(publicKey: string, bytes: Uint8Array, signature: string): boolean {
  return verify(null, bytes, objectOf(publicKey), Buffer.from(signature, 'base64'));
}

/** `verifier` and `verifier-b` are of the role verifier; null for a name of none. */
export const roleOf = (name: string): KeyRole | null =>
  KEY_ROLES.find((role) => name === role || name.startsWith(`${role}-`)) ?? null;

const objectOf = (publicKey: string): KeyObject =>
  createPublicKey({ key: Buffer.from(publicKey, 'base64'), type: 'spki', format: 'der' });

function read(make: () => KeyObject, where: string): KeyObject {
  const invalid = (why: string, cause?: unknown) =>
    new PipelineError('CONFIG_INVALID', `${where} is no Ed25519 key: ${why}`, { cause });
  let key: KeyObject;
  try {
    key = make();
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw invalid(`it is of the type ${key.asymmetricKeyType}`);
  return key;
}
