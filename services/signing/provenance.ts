/**
 * The word of a trainer on the origin of a model: data, configuration and program. It lies beside the model. A verifier
 * looks at it before a byte of the model is run.
 */
import { posix } from 'node:path';
import type { BlobStore } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { StartCommand } from '../../contracts/messages.ts';
import type { BlobRef } from '../../contracts/references.ts';
import { ProvenanceStatementSchema, type ProvenanceStatement } from '../../contracts/signing.ts';
import { program } from '../../runtime/program.ts';
import { canonical, digestOf } from './canonical.ts';
import { lackOfSigners, readEnvelope, signersOf, statementIn } from './dsse.ts';
import { demanded, type Signing } from './signing.ts';
import { subjectOf } from './statement.ts';

export const provenanceKey = ({ key }: BlobRef): string => posix.join(posix.dirname(key), 'provenance.dsse.json');

export function provenanceStatement(
  { runId: run, model, dataset, training }: StartCommand<'train'>,
  candidate: BlobRef,
  refit: BlobRef | null = null,
): ProvenanceStatement {
  const { strategy } = training;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [subjectOf('model.onnx', candidate), ...(refit ? [subjectOf('refit.onnx', refit)] : [])],
    predicateType: 'https://nightshift.dev/provenance/v1',
    predicate: {
      ...{ model, run, dataset: dataset.digest },
      configuration: digestOf(canonical(training)),
      strategy: typeof strategy === 'string' ? strategy : strategy.local,
      program: program(),
      time: new Date().toISOString(),
    },
  };
}

type Candidate = Pick<StartCommand<'verify'>, 'runId' | 'model' | 'candidate'>;

/**
 * Throws RELEASE_UNTRUSTED where trainers have to sign and none has signed this model, and its refit if there is one; and
 * what the store throws.
 */
export async function checkProvenance(
  signing: Signing,
  blobs: Pick<BlobStore, 'find' | 'get'>,
  { runId, model, candidate }: Candidate,
  refit: BlobRef | null = null,
): Promise<void> {
  const trust = demanded(signing, 'trainer');
  if (!trust) return;
  const refuse = (why: string) =>
    new PipelineError('RELEASE_UNTRUSTED', `model ${model}: the candidate of run ${runId} is refused: ${why}`);
  for (const { digest } of [candidate, ...(refit ? [refit] : [])])
    if (trust.revoked.digests.includes(digest)) throw refuse(`${digest} is revoked`);
  const found = await blobs.find('MODELS', provenanceKey(candidate));
  if (!found) throw refuse('no trainer has signed it');
  const what = `model ${model}, run ${runId}: the provenance ${found.key}`;
  const envelope = readEnvelope(await blobs.get(found), what);
  if (signersOf(envelope, 'trainer', trust).length === 0) throw refuse(lackOfSigners(envelope, 'trainer', trust));
  const { subject, predicate } = statementIn(ProvenanceStatementSchema, envelope, what);
  const isSigned = (ref: BlobRef) => subject.some(({ digest }) => `sha256:${digest.sha256}` === ref.digest);
  if (![candidate, ...(refit ? [refit] : [])].every(isSigned) || predicate.model !== model)
    throw refuse('its trainer speaks of another model');
}
