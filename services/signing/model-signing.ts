/**
 * `model.sig` after OpenSSF Model Signing v1.0, for files that leave the house: a Sigstore bundle with a DSSE envelope,
 * signed with a key. That format knows elliptic curves of NIST and no Ed25519, so it has a P-256 key of its own.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { PAYLOAD_TYPE, signedBytes } from './dsse.ts';

/** File name -> its bytes. */
export type ExportedFiles = Readonly<Record<string, Uint8Array>>;

export const SIGNATURE_FILE = 'model.sig';

export const makeExportKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string; // PEM is text.

export const exportPublicPem = (privatePem: string): string =>
  createPublicKey(privatePem).export({ type: 'spki', format: 'pem' }) as string; // PEM is text.

/** `name` is that of the folder. The signature itself lies beside the files and is not signed. */
export function modelSignature(name: string, files: ExportedFiles, privatePem: string) {
  const payload = Buffer.from(JSON.stringify(statementOf(name, files)));
  const sig = sign('sha256', signedBytes(payload), createPrivateKey(privatePem)).toString('base64');
  const hint = sha256(exportPublicPem(privatePem)).toString('hex');
  return {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString('base64'),
      payloadType: PAYLOAD_TYPE,
      signatures: [{ sig, keyid: '' }],
    },
  };
}

function statementOf(name: string, files: ExportedFiles) {
  const digests = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([file, bytes]) => ({ file, digest: sha256(bytes) }));
  const root = sha256(Buffer.concat(digests.map(({ digest }) => digest))).toString('hex');
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: root } }],
    predicateType: 'https://model_signing/signature/v1.0',
    predicate: {
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [SIGNATURE_FILE] },
      resources: digests.map(({ file, digest }) => ({
        ...{ name: file, algorithm: 'sha256' },
        digest: digest.toString('hex'),
      })),
    },
  };
}

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest();
