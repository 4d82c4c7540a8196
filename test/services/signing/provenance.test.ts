/** The word of a trainer on a model: demanded where a trainer is trusted, and of this very model. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toFailure } from '../../../contracts/errors.ts';
import type { BlobStore } from '../../../contracts/blobs.ts';
import type { BlobRef } from '../../../contracts/references.ts';
import type { SigningKey } from '../../../services/signing/keys.ts';
import { signStatement } from '../../../services/signing/dsse.ts';
import { checkProvenance, provenanceKey, provenanceStatement } from '../../../services/signing/provenance.ts';
import { NO_SIGNING } from '../../../services/signing/signing.ts';
import { withFolderBlobs } from '../../support/folder-blobs.ts';
import { blobRef, pipelineConfig } from '../../support/runs.ts';
import { keysIn, strangersKey } from '../../support/signed.ts';

const { training } = pipelineConfig();
const COMMAND = { runId: 'r1', model: 'face', dataset: blobRef('DATASETS', 'd'), training, champion: null };

test('provenance: a candidate is believed only with the word of a trusted trainer on these bytes', () =>
  withFolderBlobs(async (blobs, folder) => {
    const { signing, verifier } = keysIn(folder);
    const trainer = signing.keyOf('trainer')!;
    const candidate = await blobs.put('MODELS', 'face/r1/model.onnx', Buffer.from('model'));
    const check = () => checkProvenance(signing, blobs, { runId: 'r1', model: 'face', candidate });
    const refusal = async () => (await check().then(() => null, toFailure))?.message ?? 'accepted';
    assert.match(await refusal(), /no trainer has signed it/);
    await checkProvenance(NO_SIGNING, blobs, { runId: 'r1', model: 'face', candidate });
    const cases: readonly (readonly [BlobRef, SigningKey, string, RegExp])[] = [
      [candidate, strangersKey(), 'face', /by no trainer key/],
      [candidate, verifier, 'face', /by no trainer key/],
      [blobRef('MODELS', 'other'), trainer, 'face', /speaks of another model/],
      [candidate, trainer, 'other', /speaks of another model/],
      [candidate, trainer, 'face', /^accepted$/],
    ];
    for (const [of, key, model, message] of cases) {
      await store(blobs, candidate, signStatement(provenanceStatement({ ...COMMAND, model }, of), [key]));
      assert.match(await refusal(), message);
    }
  }));

test('provenance: it names snapshot, configuration and program by their digests', () => {
  const { predicate } = provenanceStatement(COMMAND, blobRef('MODELS', 'm'));
  assert.is(predicate.dataset, COMMAND.dataset.digest);
  assert.match(predicate.configuration, /^sha256:[0-9a-f]{64}$/);
  assert.match(predicate.program.digest, /^sha256:[0-9a-f]{64}$/);
  assert.match(predicate.program.version, /^\d+\.\d+\.\d+/);
  const other = provenanceStatement({ ...COMMAND, training: { ...training, epochs: 1 } }, blobRef('MODELS', 'm'));
  assert.is.not(other.predicate.configuration, predicate.configuration);
});

const store = (blobs: BlobStore, candidate: BlobRef, envelope: object) =>
  blobs.put('MODELS', provenanceKey(candidate), Buffer.from(JSON.stringify(envelope)));

test.run();
