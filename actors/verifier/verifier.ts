/**
 * The verifier actor: `verify.start` in -> report in REPORTS, gallery and golden samples in MODELS ->
 * `verify.completed` with the verdict out. A verdict of "rejected" is a result, not a failure.
 */
import type { Logger } from 'pino';
import type { BlobStore } from '../../contracts/blobs.ts';
import { toFailure } from '../../contracts/errors.ts';
import type { StartCommand } from '../../contracts/messages.ts';
import type { ModelPair } from '../../contracts/release.ts';
import type { Bus } from '../../infra/messaging/bus.ts';
import { loadSplits, readManifest } from '../../services/data/load.ts';
import { verifyCandidate } from '../../services/verification/verify.ts';
import type { WorkContext } from '../../services/work.ts';
import { startWorker, type Worker } from '../worker.ts';

export interface VerifierOptions {
  readonly bus: Bus;
  readonly blobs: BlobStore;
  readonly log: Logger;
}

export function startVerifier({ bus, blobs, log }: VerifierOptions): Worker {
  return startWorker({ stage: 'verify', bus, log, work: (command, context) => verify(blobs, command, context) });
}

async function verify(blobs: BlobStore, command: StartCommand<'verify'>, context: WorkContext) {
  const { runId, model, dataset, candidate, champion, verification } = command;
  const manifest = await readManifest(dataset, blobs);
  const { report, gallery, golden } = await verifyCandidate(
    {
      runId,
      model,
      candidateBytes: await blobs.get(candidate),
      candidateDigest: candidate.digest,
      championBytes: champion && (await championBytes(blobs, champion, context)),
      championDigest: champion?.model.digest ?? null,
      gallery: await loadSplits(manifest, ['train', 'validation'], blobs, context.signal),
      probes: await loadSplits(manifest, ['probe'], blobs, context.signal),
      config: verification,
      image: manifest.image,
    },
    context,
  );
  const put = (bucket: 'MODELS' | 'REPORTS', name: string, bytes: Uint8Array) =>
    blobs.put(bucket, `${model}/${runId}/${name}`, bytes);
  return {
    verdict: report.verdict,
    reasons: report.gates.filter((gate) => !gate.passed).map((gate) => gate.message),
    report: await put('REPORTS', 'verification.json', Buffer.from(JSON.stringify(report, null, 2))),
    gallery: await put('MODELS', 'gallery.safetensors', gallery),
    golden: await put('MODELS', 'golden.safetensors', golden),
    figures: { candidate: report.candidate, champion: report.champion },
  };
}

/** A champion that is gone must not keep a better model out of service: the comparison is left out, and said so. */
async function championBytes(blobs: BlobStore, champion: ModelPair, { log }: WorkContext): Promise<Buffer | null> {
  try {
    return await blobs.get(champion.model);
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
