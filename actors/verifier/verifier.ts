/**
 * The verifier actor: `verify.start` in -> report and evidence in REPORTS; model card, gallery and golden samples in
 * MODELS -> `verify.completed` with the verdict out. A verdict of "rejected" is a result, not a failure.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../../contracts/blobs.ts';
import type { VerificationConfig } from '../../contracts/configuration/verification.ts';
import { toFailure } from '../../contracts/errors.ts';
import type { ImageSpec } from '../../contracts/dataset.ts';
import type { StartCommand } from '../../contracts/messages.ts';
import { refitKeyOf, type BlobRef } from '../../contracts/references.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { Accuracy, VerificationReport } from '../../contracts/verification.ts';
import type { LocalDefinitions } from '../../infra/config/local-definitions.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { readManifest, withSplits } from '../../services/data/load.ts';
import { dataSummaryOf } from '../../services/report/data-summary.ts';
import { CARD_FILE, DATA_FILE, EVIDENCE_FILE, REPORT_FILE } from '../../services/report/files.ts';
import { modelCard } from '../../services/report/model-card.ts';
import { checkProvenance } from '../../services/signing/provenance.ts';
import { NO_SIGNING, ownKey, type Signing } from '../../services/signing/signing.ts';
import { releaseStatement } from '../../services/signing/statement.ts';
import { verifyCandidate } from '../../services/verification/verify.ts';
import type { WorkContext } from '../../services/work.ts';
import { cleanFeatures } from '../../services/training/frozen/forget-features.ts';
import { withCleanCaches } from '../forget-caches.ts';
import { startWorker, type Worker } from '../worker.ts';

export interface VerifierOptions {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly local: LocalDefinitions;
  /** Where this worker keeps features of images from night to night; none if absent. */
  readonly featureFolders?: readonly string[];
  readonly log: Logger;
  /** Absent: nothing is signed, and no provenance demanded. */
  readonly signing?: Signing;
}

/** Throws CONFIG_INVALID without a key that others demand. */
export function startVerifier(options: VerifierOptions): Worker {
  const { bus, blobs, local, featureFolders = [], log, signing = NO_SIGNING } = options;
  ownKey(signing, 'verifier');
  const worker = startWorker({
    stage: 'verify',
    bus,
    log,
    work: (command, context) => {
      const verification = local.verification(command.model, command.verification);
      return verify(blobs, signing, { ...command, verification }, context);
    },
  });
  return withCleanCaches(worker, { stage: 'verify', bus, blobs, clean: cleanFeatures(featureFolders), log });
}

/** With what the machine has of its own. */
type Defined = Omit<StartCommand<'verify'>, 'verification'> & { readonly verification: VerificationConfig };

async function verify(blobs: BlobStore, signing: Signing, command: Defined, context: WorkContext) {
  const { runId, model, dataset, candidate, champion, noun, verification, decision, history } = command;
  const manifest = await readManifest(dataset, blobs);
  const refit = command.refit ? await blobs.find('MODELS', refitKeyOf(candidate)) : null;
  await checkProvenance(signing, blobs, command, refit);
  const job = {
    ...{ runId, model, noun, decision, history },
    candidateBytes: await blobs.get(candidate),
    candidateDigest: candidate.digest,
    championBytes: champion && (await championBytes(blobs, champion, context)),
    championDigest: champion ? judgedOf(champion).digest : null,
    championRunId: champion?.runId ?? null,
    refit: refit && { bytes: await blobs.get(refit), digest: refit.digest },
    config: verification,
    image: manifest.image,
  };
  const heldOut = new Set(manifest.heldOut);
  const lending = { blobs, signal: context.signal };
  const { report, evidence, gallery, golden, servesRefit } = await withSplits(manifest, PARTS, lending, (parts) =>
    verifyCandidate({ ...job, images: { ...parts, heldOut } }, context),
  );
  const put = (bucket: 'MODELS' | 'REPORTS', name: string, bytes: Uint8Array) =>
    blobs.put(bucket, `${model}/${runId}/${name}`, bytes);
  await put('REPORTS', EVIDENCE_FILE, Buffer.from(JSON.stringify(evidence)));
  const data = dataSummaryOf(manifest);
  await put('REPORTS', DATA_FILE, Buffer.from(JSON.stringify(data)));
  const card = { report, data, snapshot: dataset.digest, noun };
  await put('MODELS', CARD_FILE, Buffer.from(modelCard(card)));
  const stored = {
    report: await put('REPORTS', REPORT_FILE, Buffer.from(JSON.stringify(report, null, 2))),
    gallery: await put('MODELS', 'gallery.safetensors', gallery),
    golden: await put('MODELS', 'golden.safetensors', golden),
    ...(refit && servesRefit ? { refit } : {}),
    ...(manifest.faces ? { faces: manifest.faces } : {}),
  };
  const signed = signing.sign('verifier', statementOf(command, stored, report, manifest.image));
  return {
    ...{ verdict: report.verdict, admitted: report.admitted, reasons: report.reasons },
    ...stored,
    ...(signed && { statement: await put('MODELS', STATEMENT_FILE, Buffer.from(JSON.stringify(signed))) }),
    figures: { candidate: figuresOf(report.candidate), champion: report.champion && figuresOf(report.champion) },
  };
}

const STATEMENT_FILE = 'release.dsse.json';

const PARTS = {
  enrolled: ['train', 'validation', 'held-out'],
  probes: ['probe'],
  strangers: ['stranger'],
} as const;

type Stored = Pick<ModelPair, 'gallery' | 'golden' | 'faces'> & { readonly report: BlobRef; readonly refit?: BlobRef };

/** Of a candidate that is rejected as well: an operator may still bless it, and then it has to be this very one. */
function statementOf(
  { runId: run, model, candidate, dataset, champion }: Defined,
  { refit, ...stored }: Stored,
  { verdict, admitted, gates, candidate: { accuracy } }: VerificationReport,
  image: ImageSpec,
) {
  return releaseStatement(
    { model: refit ?? candidate, ...stored },
    {
      ...{ model, run, verdict, admitted, gates, image },
      thresholds: { identify: accuracy.identify.threshold, verify: accuracy.verify.threshold },
      dataset: dataset.digest,
      champion: champion?.model.digest ?? null,
      time: new Date().toISOString(),
    },
  );
}

/** Without what grows with the people: events stay small. */
function figuresOf<T extends { readonly accuracy: Accuracy }>({ accuracy, ...figures }: T) {
  const { slices: _, worstPeople: __, ...short } = accuracy;
  return { ...figures, accuracy: short };
}

/** A champion that was fitted again to all images has learned its probes; the candidate behind it has not. */
const judgedOf = ({ judged, model }: ModelPair) => judged ?? model;

/** A champion that is gone must not keep a better model out of service: the comparison is left out, and said so. */
async function championBytes(blobs: BlobStore, champion: ModelPair, { log }: WorkContext): Promise<Buffer | null> {
  try {
    return await blobs.get(judgedOf(champion));
  } catch (error) {
    const failure = toFailure(error);
    if (failure.retryable) throw error;
    log.warn(
      { champion: champion.model.digest, ...failure },
      'verification: the champion cannot be read; not compared with',
    );
    return null;
  }
}
