/**
 * How a connection says who it is: the settings of a login (config/nats.ts) as options of the NATS client. Every secret
 * is read once at the start, so that a missing one is told at once, and anew at each reconnection, so that renewed
 * creds count. Called by connection.ts.
 */
import { accessSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import {
  jwtAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type ConnectionOptions,
} from '@nats-io/nats-core';
import { PipelineError } from '../../contracts/errors.ts';
import { nameOfSecret, type Secret } from '../../contracts/secret.ts';
import { readSecret } from '../../runtime/secrets.ts';
import type { Login } from '../config/nats.ts';
import { userKeyOf } from './nkey.ts';

export interface Credential {
  /** For messages: who it is and from where, never the secret. */
  readonly name: string;
  /** Of creds; null if they do not expire. */
  readonly expiresAt: Date | null;
  readonly authenticator: Authenticator;
}

/** Reads the secret. Null if nothing is configured. Throws CONFIG_INVALID that names the setting and the place. */
export function credentialOf(login: Login): Credential | null {
  const { creds, nkey, user, password, token } = login;
  if (creds) return withSecret('creds', creds, credsCredential);
  if (nkey) return withSecret('nkey', nkey, nkeyCredential);
  if (user !== undefined && password)
    return withSecret('password', password, (text, at) => userCredential(user, text, at));
  return token ? withSecret('token', token, tokenCredential) : null;
}

/**
 * The options for one connection. `onTrouble` is told why a secret cannot be read at a reconnection; the one that was
 * read before is used then, because the client gives a connection up for good whose login throws.
 */
export function loginOptions(login: Login, isTls: boolean, onTrouble: (why: string) => void): ConnectionOptions {
  let credential = credentialOf(login);
  const authenticator: Authenticator = (nonce) => {
    try {
      credential = credentialOf(login);
    } catch (error) {
      onTrouble((error as PipelineError).message); // credentialOf throws nothing else.
    }
    return credential?.authenticator(nonce);
  };
  return {
    ...(credential === null ? {} : { authenticator }),
    ...(login.inboxPrefix === undefined ? {} : { inboxPrefix: login.inboxPrefix }),
    ...(isTls || login.tls ? { tls: tlsOptions(login) } : {}),
  };
}

type Reader = (text: string, place: string) => Credential;

function withSecret(setting: string, secret: Secret, read: Reader): Credential {
  const place = nameOfSecret(secret);
  try {
    return read(readSecret(secret), place);
  } catch (error) {
    throw invalid(`nats.${setting}: ${(error as Error).message}`); // Errors of ours alone: none has the secret.
  }
}

const JWT = /-{3,}BEGIN NATS USER JWT-{3,}\s*([\w-]+\.[\w-]+\.[\w-]+)\s*-{3,}END/;
const SEED = /\bSU[A-Z2-7]{56}\b/;

function credsCredential(text: string, place: string): Credential {
  const jwt = JWT.exec(text)?.[1];
  const seed = SEED.exec(text)?.[0];
  const claims = jwt === undefined ? null : claimsOf(jwt);
  if (jwt === undefined || seed === undefined || claims === null) {
    throw new Error(`${place} does not hold creds of a user; \`nsc generate creds\` writes them`);
  }
  return {
    name: `creds of user "${claims.name}" from ${place}`,
    expiresAt: claims.exp === null ? null : new Date(claims.exp * 1000),
    authenticator: jwtAuthenticator(jwt, bytesOf(checkedSeed(seed, place).seed)),
  };
}

function nkeyCredential(text: string, place: string): Credential {
  const { key } = checkedSeed(SEED.exec(text)?.[0] ?? '', place);
  const authenticator: Authenticator = (nonce) => ({ nkey: key.publicKey, sig: nonce ? key.sign(nonce) : '' });
  return { ...NEVER, name: `nkey ${key.publicKey} from ${place}`, authenticator };
}

const userCredential = (user: string, password: string, place: string): Credential => ({
  ...NEVER,
  name: `user "${user}" with the password from ${place}`,
  authenticator: usernamePasswordAuthenticator(user, password),
});

const tokenCredential = (token: string, place: string): Credential => ({
  ...NEVER,
  name: `token from ${place}`,
  authenticator: tokenAuthenticator(token),
});

const NEVER = { expiresAt: null } as const;
const bytesOf = (text: string) => new TextEncoder().encode(text);

function checkedSeed(seed: string, place: string) {
  try {
    return { seed, key: userKeyOf(seed) };
  } catch {
    throw new Error(`${place} does not hold the seed of a user's nkey, which begins with SU`);
  }
}

/** Nobody's word for it: the server checks the signature. Null if it is no JWT. */
function claimsOf(jwt: string): { readonly name: string; readonly exp: number | null } | null {
  try {
    const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
    return { name: String(claims['name']), exp: typeof claims['exp'] === 'number' ? claims['exp'] : null };
  } catch {
    return null;
  }
}

/** The files are read by the client, at each connection anew. */
function tlsOptions({ tls }: Login): NonNullable<ConnectionOptions['tls']> {
  const { ca, cert, key, first } = tls ?? {};
  for (const [setting, file] of Object.entries({ ca, cert, key })) {
    if (file !== undefined && !isReadable(file)) throw invalid(`nats.tls.${setting}: the file ${file} cannot be read`);
  }
  return {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(cert === undefined ? {} : { certFile: cert }),
    ...(key === undefined ? {} : { keyFile: key }),
    ...(first ? { handshakeFirst: true } : {}),
    // The client hands its options on to node:tls as they are; its type does not say so.
    ...({ checkServerIdentity: checkAddress } as object),
  };
}

/**
 * Node calls it as a method of the options. Of a server that is named by its address the client tells node:tls no name,
 * and node:tls would look for "localhost" in the certificate; the address that one is connected to is what must be there.
 */
function checkAddress(this: { socket?: Socket; servername?: string } | undefined, host: string, cert: PeerCertificate) {
  const address = this?.servername ? undefined : this?.socket?.remoteAddress;
  return checkServerIdentity(address ?? host, cert);
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

const invalid = (message: string) => new PipelineError('CONFIG_INVALID', message);
