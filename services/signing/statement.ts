/**
 * The word of a verifier on a release, and whether a pair may be loaded: enough trusted verifiers have signed, they speak
 * of these very bytes and of this model, and they admit it. Pure but for the reading of the statement's object.
 */
import type { BlobReader } from '../../contracts/blobs.ts';
import { PipelineError } from '../../contracts/errors.ts';
import type { BlobRef } from '../../contracts/references.ts';
import type { ModelPair } from '../../contracts/release.ts';
import {
  ApprovalStatementSchema,
  ReleaseStatementSchema,
  type ApprovalStatement,
  type EnvelopeOfStatement,
  type ReleaseStatement,
  type Trust,
} from '../../contracts/signing.ts';
import { lackOfSigners, readEnvelope, signersOf, statementIn } from './dsse.ts';

/** A statement of some kilobytes, and never more. */
const STATEMENT_BYTES_MAX = 1024 * 1024;

export type SubjectRefs = Pick<ModelPair, 'model' | 'gallery' | 'golden' | 'faces'> & { readonly report?: BlobRef };

export function subjectsOf({ model, gallery, golden, report, faces }: SubjectRefs): ReleaseStatement['subject'] {
  const named = { 'model.onnx': model, gallery, golden, report, faces };
  return Object.entries(named).flatMap(([name, ref]) => (ref ? [subjectOf(name, ref)] : []));
}

export const subjectOf = (name: string, { digest }: BlobRef) => ({
  name,
  digest: { sha256: digest.slice('sha256:'.length) },
});

export const releaseStatement = (
  refs: Required<Pick<SubjectRefs, 'report'>> & SubjectRefs,
  predicate: ReleaseStatement['predicate'],
): ReleaseStatement => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject: subjectsOf(refs),
  predicateType: 'https://nightshift.dev/release/v1',
  predicate,
});

export const approvalStatement = (refs: SubjectRefs, predicate: ApprovalStatement['predicate']): ApprovalStatement => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject: subjectsOf(refs),
  predicateType: 'https://nightshift.dev/approval/v1',
  predicate,
});

export interface StatementCheck {
  readonly trust: Trust;
  readonly model: string;
  readonly pair: ModelPair;
  /** The run whose verification this is: a result of another night is refused. Absent: any run. */
  readonly run?: string;
}

export interface PairCheck extends StatementCheck {
  readonly blobs: BlobReader;
}

/**
 * Throws RELEASE_UNTRUSTED naming what is wrong; and what the store throws. Reads the statement alone: not a byte of the
 * model, the gallery or the samples. Resolves with it, to be checked again; null for a pair that needs none.
 */
export async function checkPair({ blobs, ...check }: PairCheck): Promise<EnvelopeOfStatement | null> {
  const { model, pair } = check;
  const { statement } = pair;
  const refuse = refusalOf(model, pair);
  if (statement && statement.bytes > STATEMENT_BYTES_MAX) throw refuse(`its statement has ${statement.bytes} bytes`);
  const envelope = statement ? readEnvelope(await blobs.get(statement), nameOf(model, pair)) : null;
  checkStatement(check, envelope);
  return envelope;
}

/** The same, of a statement at hand. */
export function checkStatement(
  { trust, model, pair, run }: StatementCheck,
  envelope: EnvelopeOfStatement | null,
): void {
  const refuse = refusalOf(model, pair);
  const revoked = partsOf(pair).find(({ digest }) => trust.revoked.digests.includes(digest));
  if (revoked) throw refuse(`${revoked.key} (${revoked.digest}) is revoked`);
  if (isAdopted(trust, pair)) return;
  if (!envelope) throw refuse('no verifier has signed it');
  const signers = signersOf(envelope, 'verifier', trust);
  if (signers.length === 0) throw refuse(lackOfSigners(envelope, 'verifier', trust));
  if (signers.length < trust.required.verifier) {
    throw refuse(`${signers.length} of the ${trust.required.verifier} verifiers that are required have signed it`);
  }
  const { predicate, subject } = statementIn(ReleaseStatementSchema, envelope, nameOf(model, pair));
  if (predicate.model !== model) throw refuse(`its verifier speaks of model ${predicate.model}`);
  if (run !== undefined && predicate.run !== run) throw refuse(`its verifier speaks of run ${predicate.run}`);
  const other = differenceOf(subject, pair);
  if (other) throw refuse(`its verifier speaks of another ${other}`);
  // A blessing by hand is sealed into the record by the orchestrator that obeyed it.
  if (!predicate.admitted && !pair.blessed) throw refuse('its verifier did not admit it');
  // A candidate that has just been verified still waits for them.
  const approvers = run === undefined ? approversOf(pair, model, trust) : trust.required.operator;
  if (approvers < trust.required.operator) {
    throw refuse(`${approvers} of the ${trust.required.operator} operators that are required have signed it`);
  }
}

const nameOf = (model: string, { runId, statement }: ModelPair) =>
  `model ${model}, run ${runId}: the statement ${statement?.key ?? '(none)'}`;

/** Served before releases were signed, on a machine whose owner began to sign then. */
const isAdopted = ({ adopted }: Trust, pair: ModelPair) =>
  pair.statement === undefined && partsOf(pair).every(({ digest }) => adopted.includes(digest));

const partsOf = ({ model, gallery, golden, faces }: ModelPair): readonly BlobRef[] => [
  ...[model, gallery, golden],
  ...(faces ? [faces] : []),
];

/** The first part that the statement names otherwise, or does not name. */
function differenceOf(subject: ReleaseStatement['subject'], pair: ModelPair): string | null {
  const found = new Map(subject.map(({ name, digest }) => [name, digest.sha256]));
  const wanted = new Map(subjectsOf(pair).map(({ name, digest }) => [name, digest.sha256]));
  for (const name of ['model.onnx', 'gallery', 'golden', 'faces']) {
    if (found.get(name) !== wanted.get(name)) return name;
  }
  return null;
}

type ApprovedPair = Pick<ModelPair, 'model' | 'gallery' | 'approvals'>;

/** So many different operators have signed for this model and gallery. */
export function approversOf({ model, gallery, approvals = [] }: ApprovedPair, name: string, trust: Trust): number {
  const isOfPair = ({ subject, predicate }: ApprovalStatement) =>
    predicate.model === name &&
    subjectsOf({ model, gallery, golden: gallery })
      .slice(0, 2)
      .every((wanted) => subject.some((it) => it.name === wanted.name && it.digest.sha256 === wanted.digest.sha256));
  const ids = approvals.flatMap((envelope: EnvelopeOfStatement) =>
    isOfPair(statementIn(ApprovalStatementSchema, envelope, `model ${name}: an operator's approval`))
      ? signersOf(envelope, 'operator', trust).map(({ id }) => id)
      : [],
  );
  return new Set(ids).size;
}

const refusalOf =
  (model: string, { runId }: ModelPair) =>
  (why: string) =>
    new PipelineError('RELEASE_UNTRUSTED', `model ${model}: the pair of run ${runId} is refused: ${why}`);
