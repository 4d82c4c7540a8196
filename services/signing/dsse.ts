/**
 * DSSE envelopes around in-toto statements: signing, and which trusted keys have signed. The signature covers the type
 * and the exact bytes of the payload, so nothing has to be put in order before it is checked.
 */
import { z } from 'zod';
import { describeIssues } from '../../contracts/envelope.ts';
import { PipelineError } from '../../contracts/errors.ts';
import {
  EnvelopeOfStatementSchema,
  type EnvelopeOfStatement,
  type KeyRole,
  type Trust,
  type TrustedKey,
} from '../../contracts/signing.ts';
import { isSignedBy, type SigningKey } from './keys.ts';

export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** The bytes that are signed: "pre-authentication encoding" of DSSE v1. */
export function signedBytes(payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(PAYLOAD_TYPE)} ${PAYLOAD_TYPE} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

export function signStatement(statement: object, keys: readonly SigningKey[]): EnvelopeOfStatement {
  const payload = Buffer.from(JSON.stringify(statement));
  const bytes = signedBytes(payload);
  return {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: keys.map((key) => ({ keyid: key.id, sig: key.sign(bytes).toString('base64') })),
  };
}

/** The keys of the role that are trusted, not revoked, and have signed: each once. */
export function signersOf(envelope: EnvelopeOfStatement, role: KeyRole, trust: Trust): readonly TrustedKey[] {
  const bytes = signedBytes(Buffer.from(envelope.payload, 'base64'));
  return believed(trust, role).filter((key) =>
    envelope.signatures.some(({ keyid, sig }) => keyid === key.id && isSignedBy(key.publicKey, bytes, sig)),
  );
}

export const believed = ({ keys, revoked }: Trust, role: KeyRole): readonly TrustedKey[] =>
  keys.filter((key) => key.role === role && !revoked.keys.includes(key.id));

/** Why no trusted key has signed, for people. */
export function lackOfSigners({ signatures }: EnvelopeOfStatement, role: KeyRole, { revoked }: Trust): string {
  const ids = signatures.map(({ keyid }) => keyid);
  const gone = ids.filter((id) => revoked.keys.includes(id));
  if (gone.length > 0) return `its key ${gone.join(', ')} is revoked`;
  return `it is signed by ${ids.join(', ')}, and by no ${role} key that is trusted here`;
}

/** Throws RELEASE_UNTRUSTED for bytes that are no envelope; `what` names it. */
export function readEnvelope(bytes: Uint8Array, what: string): EnvelopeOfStatement {
  return parsed(EnvelopeOfStatementSchema, bytes, what);
}

/** The statement inside, of a form that is expected. Its signatures are not looked at here. */
export function statementIn<T>(schema: z.ZodType<T>, { payload }: EnvelopeOfStatement, what: string): T {
  return parsed(schema, Buffer.from(payload, 'base64'), what);
}

function parsed<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  const untrusted = (why: string, cause?: unknown) =>
    new PipelineError('RELEASE_UNTRUSTED', `${what} ${why}`, { cause });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw untrusted('is not JSON', cause);
  }
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  throw untrusted(`has another form than expected: ${describeIssues(found.error)}`);
}
