/**
 * The folder with this machine's signing keys (`<name>.signing.pem`, PKCS8, readable for its user alone), their public
 * halves (`<name>.pub.pem`), and the list of trusted keys. Read anew at each use, so that a rotation needs no restart.
 * Shares the folder with the keys by which actors log in.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import { KEY_ROLES, TrustSchema, type KeyRole, type Trust, type TrustedKey } from '../../contracts/signing.ts';
import { makePrivateKey, publicPemOf, roleOf, signingKeyOf, type SigningKey } from './keys.ts';

export const SIGNING_SUFFIX = '.signing.pem';

/** The keys of a role, by their names; none if there are none. Throws CONFIG_INVALID for a file that is no key. */
export function readSigningKeys(folder: string, role: KeyRole): readonly SigningKey[] {
  return namesIn(folder)
    .filter((name) => roleOf(name) === role)
    .map((name) => {
      const path = join(folder, `${name}${SIGNING_SUFFIX}`);
      return signingKeyOf(readFileSync(path, 'utf8'), path);
    });
}

export function namesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith(SIGNING_SUFFIX));
  return files.map((file) => file.slice(0, -SIGNING_SUFFIX.length)).sort();
}

/** Throws CONFIG_INVALID: the file is not there, or is no such list. */
export function readTrust(path: string): Trust {
  const invalid = (why: string, cause?: unknown) =>
    new PipelineError('CONFIG_INVALID', `the list of trusted keys ${path} ${why}`, { cause });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw invalid(`cannot be read: ${(cause as Error).message}`, cause);
  }
  const parsed = TrustSchema.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw invalid(`has another form than expected: ${describeIssues(parsed.error)}`);
}

/** Text that is no JSON fits no schema. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const EMPTY_TRUST: Trust = TrustSchema.parse({ format: 'nightshift.trust/1', keys: [] });

export function writeTrust(path: string, trust: Trust): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  replaceFile(path, `${JSON.stringify(trust, null, 2)}\n`, 0o644);
}

/** A key that is made and not stored yet. */
export interface NewKey {
  /** As a list of trusted keys has it. */
  readonly listed: TrustedKey;
  readonly pem: string;
}

/** Throws CONFIG_INVALID for a name of no role. */
export function newKey(name: string, now: Date): NewKey {
  const role = roleOf(name);
  if (!role) {
    const names = KEY_ROLES.map((it) => `${it}[-<more>]`).join(', ');
    throw new PipelineError('CONFIG_INVALID', `there is no key ${name}: a name is ${names}`);
  }
  const pem = makePrivateKey();
  const { id, publicKey } = signingKeyOf(pem, name);
  return { listed: { id, name, role, publicKey, addedAt: now.toISOString(), retiredAt: null }, pem };
}

/** In place of the key of that name before, which is lost. */
export function storeKey(folder: string, { listed: { name, publicKey }, pem }: NewKey): void {
  storePem(folder, name, pem, publicPemOf(publicKey));
}

/** The private half for its user alone. */
export function storePem(folder: string, name: string, pem: string, publicPem: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  replaceFile(join(folder, `${name}.pub.pem`), publicPem, 0o644);
  replaceFile(join(folder, `${name}${SIGNING_SUFFIX}`), pem, 0o600);
}

/**
 * Makes the keys of every role that has none, and lists them as trusted. True if there was no list before: a key that is
 * made anew later says nothing of what serves by then. An operator's key that is listed lies with the operator.
 */
export function ensureKeys(folder: string, trustPath: string, now: Date): boolean {
  const isListed = existsSync(trustPath);
  const trust = isListed ? readTrust(trustPath) : EMPTY_TRUST;
  const isAway = (role: KeyRole) => role === 'operator' && trust.keys.some((key) => key.role === role);
  const lacking = KEY_ROLES.filter((role) => readSigningKeys(folder, role).length === 0 && !isAway(role));
  if (lacking.length === 0 && isListed) return false;
  const present = isListed ? [] : listed(folder, now);
  const made = lacking.map((role) => newKey(role, now));
  // Trusted before it signs, so that a crash between leaves nothing refused.
  writeTrust(trustPath, { ...trust, keys: [...trust.keys, ...present, ...made.map((key) => key.listed)] });
  for (const key of made) storeKey(folder, key);
  return !isListed;
}

/** Keys that lie there although the list is gone. */
function listed(folder: string, now: Date): TrustedKey[] {
  return namesIn(folder).flatMap((name) => {
    const role = roleOf(name);
    if (!role) return [];
    const { id, publicKey } = signingKeyOf(readFileSync(join(folder, `${name}${SIGNING_SUFFIX}`), 'utf8'), name);
    return [{ id, name, role, publicKey, addedAt: now.toISOString(), retiredAt: null }];
  });
}

/** A crash leaves the former file or the new one, never half of one. */
function replaceFile(path: string, text: string, mode: number): void {
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, text, { mode });
  renameSync(partial, path);
}

/** Changes with each change of the file: who caches its content asks this. */
export const stampOf = (path: string): string => {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? `${stats.mtimeMs} ${stats.size} ${stats.ino}` : 'none';
};
