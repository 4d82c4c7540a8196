/**
 * The callers, by the token or the client certificate of a request. On loopback a request without either is a viewer's; on
 * any other address it is nobody's. The local file, or the store of our own server, says which token is whose.
 */
import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { PipelineError } from '../../contracts/errors.ts';
import { CLIENT_ROLES, type ClientRole } from '../../contracts/roles.ts';
import { openToken } from '../../infra/access/keys.ts';
import { isLoopback, type GatewayConfig, type GatewayLogin } from '../../infra/config/gateway.ts';
import { readSecret } from '../../runtime/secrets.ts';

export interface Caller {
  /** For the log, and the name of its connection. */
  readonly name: string;
  readonly role: ClientRole;
  /** Null: nobody has logged in, or with a token of our own store. */
  readonly login: GatewayLogin | null;
}

/**
 * The aim of a request. `command`: all that changes runs, releases and schedules, and forgetting. `evidence`: reports, with
 * pictures of people. `people`: who is enrolled, with which pictures. `gallery`: enrolling and removing. `approve`: changes of a gallery
 * that wait for a second person.
 */
export const ACTS = ['read', 'evidence', 'command', 'recognise', 'embed', 'people', 'gallery', 'approve'] as const;
export type Act = (typeof ACTS)[number];

const ROLES_FOR: Readonly<Record<Act, readonly ClientRole[]>> = {
  read: CLIENT_ROLES,
  evidence: ['operator'],
  command: ['operator'],
  recognise: ['door', 'enroller'],
  embed: ['enroller'],
  people: ['enroller', 'operator'],
  gallery: ['enroller'],
  approve: ['operator'],
};

/** Shorter ones can be guessed. */
const TOKEN_CHARACTERS_MIN = 16;
const ANONYMOUS: Caller = { name: 'anonymous', role: 'viewer', login: null };
/** With a certificate that no login names. */
const CERTIFIED: Caller = { ...ANONYMOUS, name: 'certificate' };
/** Somebody in particular, and not one of many who may look. */
export const isNamed = (caller: Caller) => caller !== ANONYMOUS && caller !== CERTIFIED;

export interface Callers {
  /** Throws LOGIN_REFUSED. */
  of(request: { readonly headers: IncomingHttpHeaders; readonly socket: Socket }): Caller;
}

/** `storeDir`: of our own server, for each of whose roles there is a token; null if the server is somebody else's. */
export function knownCallers({ host, logins }: GatewayConfig, storeDir: string | null): Callers {
  const byToken = new Map<string, Caller>();
  const byCertificate = new Map<string, Caller>();
  if (storeDir !== null) {
    for (const role of CLIENT_ROLES) byToken.set(digest(openToken(storeDir, role)), { name: role, role, login: null });
  }
  for (const [name, login] of Object.entries(logins)) {
    const caller = { name, role: login.role, login };
    if (login.token !== undefined) byToken.set(digest(tokenOf(name, login.token)), caller);
    if (login.certificate !== undefined) byCertificate.set(login.certificate.toUpperCase(), caller);
  }
  return {
    of: ({ headers, socket }) => {
      const { authorization } = headers;
      if (authorization !== undefined) return bearer(authorization, byToken);
      const certificate = fingerprintOf(socket);
      if (certificate !== null) return byCertificate.get(certificate) ?? CERTIFIED;
      if (isLoopback(host)) return ANONYMOUS;
      throw new PipelineError('LOGIN_REFUSED', 'no login: send `Authorization: Bearer <token>` of gateway.logins');
    },
  };
}

export const may = ({ role }: Caller, act: Act): boolean => ROLES_FOR[act].includes(role);

/** Throws LOGIN_REFUSED for one who has not logged in, PERMISSION_DENIED for one who has. */
export function demand(caller: Caller, act: Act): void {
  if (may(caller, act)) return;
  const needed = `it takes the role ${ROLES_FOR[act].join(' or ')}`;
  if (caller === ANONYMOUS) {
    const way = 'send `Authorization: Bearer <token>`; docs/gateway.md says where the token of each role is';
    throw new PipelineError('LOGIN_REFUSED', `without a login one may only look: ${needed}; ${way}`);
  }
  throw new PipelineError('PERMISSION_DENIED', `${caller.name} is ${caller.role}, and ${needed}`);
}

function bearer(authorization: string, byToken: ReadonlyMap<string, Caller>): Caller {
  const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  // By its digest, so that the time of the look-up says nothing about a token.
  const caller = byToken.get(digest(token));
  if (caller) return caller;
  throw new PipelineError('LOGIN_REFUSED', 'the token is not one that this gateway knows');
}

function tokenOf(name: string, place: NonNullable<GatewayLogin['token']>): string {
  const refuse = (why: string, cause?: unknown) =>
    new PipelineError('CONFIG_INVALID', `gateway.logins.${name}.token: ${why}`, { cause });
  let token: string;
  try {
    token = readSecret(place);
  } catch (cause) {
    throw refuse((cause as Error).message, cause); // readSecret throws Errors alone.
  }
  if (token.length < TOKEN_CHARACTERS_MIN) throw refuse(`it needs ${TOKEN_CHARACTERS_MIN} characters at least`);
  return token;
}

/** Of a certificate that the authority of `tls.clientCa` vouches for; TLS has turned all others away. */
function fingerprintOf(socket: Socket): string | null {
  const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>; // A plain socket has neither.
  if (authorized !== true || getPeerCertificate === undefined) return null;
  return (socket as TLSSocket).getPeerCertificate().fingerprint256 ?? null;
}

const digest = (token: string) => hash('sha256', token);
