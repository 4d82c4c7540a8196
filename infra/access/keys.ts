/**
 * The folder `keys` in the store of our own server: an nkey for each role, and the key with which the server encrypts
 * its store. Made at the first start, readable by its owner alone. The commands find it by the same store setting, and
 * use a key only for the server whose address is written here. Called by server.ts and login-of.ts.
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { nkeys } from '@nats-io/nats-core';
import { z } from 'zod';
import { PipelineError } from '../../contracts/errors.ts';
import { ROLES, type ClientRole, type Role } from '../../contracts/roles.ts';
import { userKeyOf } from '../messaging/nkey.ts';

export interface ServerKeys {
  /** The public key of each role's nkey, which the server knows. */
  readonly publicKeys: Readonly<Record<Role, string>>;
  /** Never an argument of a process. */
  readonly storeKey: string;
}

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const STORE_KEY_BYTES = 32;
const TOKEN_BYTES = 32;

export const keysFolder = (storeDir: string) => join(resolve(storeDir), 'keys');
/** Holds the seed of the role's nkey. */
export const keyFileOf = (storeDir: string, role: Role) => join(keysFolder(storeDir), `${role}.nk`);
/** Holds the token by which a program is that role at the gateway. */
export const tokenFileOf = (storeDir: string, role: ClientRole) => join(keysFolder(storeDir), `${role}.token`);
const storeKeyFile = (storeDir: string) => join(keysFolder(storeDir), 'store.key');
const addressFile = (storeDir: string) => join(keysFolder(storeDir), 'server.json');
/** Outside of the folder, so that a key that was lost with it is noticed. */
const fingerprintFile = (storeDir: string) => join(resolve(storeDir), 'store-key.sha256');

/** Makes what is missing. Throws NATS_UNAVAILABLE if the store was encrypted with a key that is not there. */
export function openKeys(storeDir: string): ServerKeys {
  mkdirSync(keysFolder(storeDir), { recursive: true, mode: FOLDER_MODE });
  chmodSync(keysFolder(storeDir), FOLDER_MODE);
  const publicKeys = Object.fromEntries(ROLES.map((role) => [role, publicKeyOf(storeDir, role)]));
  // One for each role, which fromEntries loses.
  return { publicKeys: publicKeys as Record<Role, string>, storeKey: openStoreKey(storeDir) };
}

/** The key of a store that was encrypted once; null if it never was. Throws NATS_UNAVAILABLE if it is gone. */
export function storeKeyIfAny(storeDir: string): string | null {
  return existsSync(fingerprintFile(storeDir)) ? openStoreKey(storeDir) : null;
}

/** The token of the role at the gateway; made if there is none. Read by its owner alone, as the keys are. */
export function openToken(storeDir: string, role: ClientRole): string {
  const file = tokenFileOf(storeDir, role);
  if (!existsSync(file)) writePrivate(file, randomBytes(TOKEN_BYTES).toString('base64url'));
  return readFileSync(file, 'utf8').trim();
}

/** Known once the server listens: a port may have been chosen by it. */
export const writeAddress = (storeDir: string, url: string) =>
  writePrivate(addressFile(storeDir), JSON.stringify({ url }));

/** Keys of an earlier start are none for a server that lets in everybody. */
export const forgetAddress = (storeDir: string) => rmSync(addressFile(storeDir), { force: true });

const AddressSchema = z.object({ url: z.string() });

/** Of the server that used these keys last; null if there are none, or if they are somebody else's. */
export function addressOf(storeDir: string): string | null {
  try {
    return AddressSchema.parse(JSON.parse(readFileSync(addressFile(storeDir), 'utf8'))).url;
  } catch {
    // Absent, not ours to read, or damaged: in each case there is no server for which a key may be used.
    return null;
  }
}

function publicKeyOf(storeDir: string, role: Role): string {
  const file = keyFileOf(storeDir, role);
  if (!existsSync(file)) writePrivate(file, new TextDecoder().decode(nkeys.createUser().getSeed()));
  try {
    return userKeyOf(readFileSync(file, 'utf8').trim()).publicKey;
  } catch (cause) {
    // Its message never has the seed.
    throw refused(`the key in ${file} cannot be used; remove the file, and another is made`, cause);
  }
}

function openStoreKey(storeDir: string): string {
  const [file, fingerprint] = [storeKeyFile(storeDir), fingerprintFile(storeDir)];
  const known = existsSync(fingerprint) ? readFileSync(fingerprint, 'utf8').trim() : null;
  if (!existsSync(file)) {
    if (known !== null) throw lostKey(storeDir, `its key ${file} is not there`);
    if (isEncrypted(storeDir)) throw lostKey(storeDir, `its key ${file} is not there`);
    // The letter at the front: nats-server takes a value of digits for a number.
    writePrivate(file, `k${randomBytes(STORE_KEY_BYTES).toString('hex')}`);
  }
  const key = readFileSync(file, 'utf8').trim();
  const digest = createHash('sha256').update(key).digest('hex');
  if (known !== null && known !== digest) throw lostKey(storeDir, `${file} holds another key`);
  if (known === null) writeFileSync(fingerprint, `${digest}\n`);
  return key;
}

/** nats-server lays a key of each stream, encrypted by the store's, beside its files. */
function isEncrypted(storeDir: string): boolean {
  const data = join(resolve(storeDir), 'data');
  return (
    existsSync(data) && readdirSync(data, { recursive: true, encoding: 'utf8' }).some((it) => it.endsWith('meta.key'))
  );
}

/** nats-server itself would start without any of the streams, and make them anew. */
const lostKey = (storeDir: string, why: string) =>
  refused(
    `the store ${storeDir} is encrypted, and ${why}; put the folder "keys" of the backup back, or choose another store`,
  );

/** The file appears with its content or not at all. */
function writePrivate(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${text}\n`, { mode: FILE_MODE });
  renameSync(draft, file);
}

const refused = (message: string, cause?: unknown) => new PipelineError('NATS_UNAVAILABLE', message, { cause });
