/** The signature of exported files: its form, and that it is one of the P-256 key over the files' digests. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { signedBytes } from '../../../services/signing/dsse.ts';
import { exportPublicPem, makeExportKey, modelSignature } from '../../../services/signing/model-signing.ts';

test('model signing: the bundle has the digest of each file in order, signed with ECDSA over DSSE', () => {
  const pem = makeExportKey();
  const files = { 'model.onnx': Buffer.from('a'), gallery: Buffer.from('b') };
  const { dsseEnvelope, verificationMaterial, mediaType } = modelSignature('out', files, pem);
  assert.is(mediaType, 'application/vnd.dev.sigstore.bundle.v0.3+json');
  const publicPem = exportPublicPem(pem);
  assert.is(verificationMaterial.publicKey.hint, createHash('sha256').update(publicPem).digest('hex'));
  const payload = Buffer.from(dsseEnvelope.payload, 'base64');
  const signature = Buffer.from(dsseEnvelope.signatures[0]!.sig, 'base64');
  assert.ok(verify('sha256', signedBytes(payload), createPublicKey(publicPem), signature));
  assert.not.ok(verify('sha256', signedBytes(Buffer.from('{}')), createPublicKey(publicPem), signature));
  const statement = JSON.parse(payload.toString()) as {
    subject: { digest: { sha256: string } }[];
    predicate: { resources: { name: string; digest: string }[]; serialization: { ignore_paths: string[] } };
  };
  const digests = statement.predicate.resources.map(({ digest }) => Buffer.from(digest, 'hex'));
  assert.equal(
    statement.predicate.resources.map(({ name }) => name),
    ['gallery', 'model.onnx'],
  );
  const root = createHash('sha256').update(Buffer.concat(digests)).digest('hex');
  assert.is(statement.subject[0]?.digest.sha256, root);
  assert.equal(statement.predicate.serialization.ignore_paths, ['model.sig']);
});

test.run();
