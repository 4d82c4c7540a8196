/**
 * Why a connection could not be made, in a sentence with the way out. Knows the errors of the NATS client, of TLS and
 * of nats-server, and what its greeting (greeting.ts) demands. Called by connection.ts.
 */
import { AuthorizationError, UserAuthenticationExpiredError } from '@nats-io/nats-core';
import type { PipelineError } from '../../contracts/errors.ts';
import type { Login } from '../config/nats.ts';
import { isIP } from 'node:net';
import { hostOf, isUnreachable, type Heard } from './greeting.ts';
import { credentialOf } from './login.ts';

export interface Refusal {
  readonly sentence: string;
  /** Waiting may help against `away` (nobody answers) and `passing`, but not against `final`. */
  readonly kind: 'away' | 'passing' | 'final';
  /** Where somebody does answer although the client found nobody: the name of the host has several addresses. */
  readonly address?: string;
}

const LOGIN_SETTINGS = 'nats.creds, nats.nkey, nats.user with nats.password, or nats.token';
const PAGE = 'docs/nats.md shows each';
const OWN_KEYS =
  'The server of `nightshift start` lets in commands in the folder where it was started, or with NIGHTSHIFT_STORE set to its store';

/** What the greeting tells before anybody tries to log in; null if it is worth trying. */
export function foreseen(server: string, heard: Heard, { tls, isForOwnServer }: Login): Refusal | null {
  if (heard.kind === 'unreachable') {
    return { sentence: `no nats-server answers at ${server} (${heard.why})`, kind: 'away' };
  }
  if (heard.kind === 'silent') {
    const wayOut = 'it may be another program, or one that expects TLS at once: set nats.tls.first';
    return passing(`somebody answers at ${server} without the greeting of nats-server: ${wayOut}`);
  }
  if (isForOwnServer && heard.kind === 'greeted' && !heard.greeting.auth_required) return anotherServer(server);
  // The server would end the connection after the handshake, which the client takes for silence.
  return heard.kind === 'greeted' && heard.greeting.tls_verify && tls?.cert === undefined
    ? demandedCertificate(server, tls)
    : null;
}

/** Why the client's attempt failed after that. Never throws, and never says a secret. */
export function explain(server: string, error: unknown, login: Login, heard: Heard): Refusal {
  if (isAuth(error)) return refusedLogin(server, error, login);
  return refusedTls(server, error, login) ?? refusedOtherwise(server, error, login, heard);
}

export const isAuth = (error: unknown): error is Error =>
  error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError;

const final = (sentence: string): Refusal => ({ sentence, kind: 'final' });
const passing = (sentence: string): Refusal => ({ sentence, kind: 'passing' });

/** Also for a login that is refused when a connection comes back. */
export function refusedLogin(server: string, error: Error, login: Login): Refusal {
  try {
    return refusedCredential(server, error, login);
  } catch (unreadable) {
    return final((unreadable as PipelineError).message); // The secret is gone; credentialOf throws nothing else.
  }
}

function refusedCredential(server: string, error: Error, login: Login): Refusal {
  if (/authentication timeout/i.test(error.message)) return passing(`nats-server at ${server} took too long to log in`);
  const credential = credentialOf(login);
  if (credential === null) {
    return final(
      `nats-server at ${server} demands a login, and none is configured: set ${LOGIN_SETTINGS}; ${PAGE}. ${OWN_KEYS}`,
    );
  }
  const { name, expiresAt } = credential;
  if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
    return final(`the ${name} expired at ${expiresAt.toISOString()}: put new ones in their place`);
  }
  const words = error.message.replace(/[^\w ]/g, '').toLowerCase();
  const certificate = login.tls?.cert === undefined ? '' : ' or another client certificate';
  return final(
    `nats-server at ${server} does not accept the ${name} (${words}): it is wrong, revoked, or of another server; ` +
      `configure one that the server knows${certificate}`,
  );
}

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE|INVALID_CA/;

/** Null if it is no error of TLS. */
function refusedTls(server: string, error: unknown, { tls }: Login): Refusal | null {
  const { code = '', message } = causeOf(error);
  const certificate = `the certificate of nats-server at ${server}`;
  if (UNTRUSTED.test(code)) {
    const wayOut =
      tls?.ca === undefined ? 'set nats.tls.ca (--tls-ca) to the file of its CA' : `${tls.ca} does not hold its CA`;
    return final(`${certificate} is not trusted (${code}): ${wayOut}`);
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return final(`${certificate} is not valid now (${code}): renew it, or set the clock of this machine right`);
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return final(`${certificate} is for another host: use an address that is in it, or renew it with this one`);
  }
  if (/does not support 'tls'|'tls' is not available/.test(message)) {
    return final(
      `nats-server at ${server} offers no TLS, which nats.tls or tls:// demands: turn it on there, or leave it out here`,
    );
  }
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' && tls?.first) {
    return final(`nats-server at ${server} greets before TLS begins: leave out nats.tls.first`);
  }
  if (/ALERT_(BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE|NO_CERTIFICATE)|CERTIFICATE_REQUIRED/.test(code))
    return demandedCertificate(server, tls);
  if (/PEM|KEY_VALUES_MISMATCH|ERR_OSSL|NO_START_LINE/.test(`${code} ${message}`)) {
    return final(
      `the files of nats.tls cannot be used (${code || message}): ca, cert and key must be PEM, and key that of cert`,
    );
  }
  return null;
}

const anotherServer = (server: string) =>
  final(
    `nats-server at ${server} lets in everybody, so it is not the one of \`nightshift start\` in this folder: stop it, ` +
      'let one of them listen on another port, or set NIGHTSHIFT_STORE to a folder without keys to use it as it is',
  );

const demandedCertificate = (server: string, tls: Login['tls']) =>
  final(
    tls?.cert === undefined
      ? `nats-server at ${server} demands a client certificate: set nats.tls.cert and nats.tls.key (--tls-cert, --tls-key)`
      : `nats-server at ${server} does not accept the client certificate ${tls.cert}: it must be valid now and of a CA that the server trusts`,
  );

function refusedOtherwise(server: string, error: unknown, { tls }: Login, heard: Heard): Refusal {
  const isCertificateAsked = heard.kind === 'greeted' && heard.greeting.tls_verify;
  // Silence after the handshake: see above.
  if (isCertificateAsked) return demandedCertificate(server, tls);
  const { code, message } = causeOf(error);
  const isOtherAddress = heard.kind !== 'unreachable' && isUnreachable(code) && isIP(hostOf(server).host) === 0;
  return {
    ...passing(`nats-server at ${server} cannot be used now: ${message}`),
    ...(isOtherAddress ? { address: heard.address } : {}),
  };
}

/** The client wraps some errors. */
function causeOf(error: unknown): { readonly code?: string; readonly message: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  const { code, message, cause } = error as NodeJS.ErrnoException;
  if (code === undefined && cause instanceof Error) return causeOf(cause);
  return { ...(code === undefined ? {} : { code }), message };
}
