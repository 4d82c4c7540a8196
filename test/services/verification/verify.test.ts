import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { VerificationConfigSchema } from '../../../contracts/configuration/verification.ts';
import { VerificationReportSchema } from '../../../contracts/verification.ts';
import { readGallery } from '../../../services/serving/gallery/gallery.ts';
import { checkGolden, readGolden } from '../../../services/serving/host/golden.ts';
import { createModelHost } from '../../../services/serving/host/model-host.ts';
import { verifyCandidate, type VerificationJob } from '../../../services/verification/verify.ts';
import { failureOf } from '../../support/failures.ts';
import { digestOf, TINY_HOST, tinySplit } from '../../support/tiny-data.ts';
import { TINY_IMAGE, tinyModel } from '../../support/tiny-model.ts';
import { recordWork } from '../../support/work.ts';

const PEOPLE = 5;

function job(changes: Partial<VerificationJob> = {}): VerificationJob {
  const candidateBytes = tinyModel({ seed: 1 });
  return {
    runId: 'r1',
    model: 'face',
    candidateBytes,
    candidateDigest: digestOf(candidateBytes),
    championBytes: null,
    championDigest: null,
    gallery: tinySplit(40, PEOPLE, 1),
    probes: tinySplit(45, PEOPLE, 2),
    config: VerificationConfigSchema.parse({ performanceRequests: 40 }),
    image: TINY_IMAGE,
    ...changes,
  };
}

test('verifier: a good candidate passes, with figures, gallery and golden samples that fit together', async () => {
  const work = recordWork();
  const task = job();
  const { report, gallery, golden } = await verifyCandidate(task, work);
  VerificationReportSchema.parse(report);
  assert.is(report.verdict, 'passed', JSON.stringify(report.gates));
  assert.is(report.candidate.accuracy.rank1, 1);
  assert.is(report.candidate.accuracy.probes, 45);
  assert.is(report.champion, null);
  assert.ok(report.durationMs.total < report.durationMs.accuracy + report.durationMs.performance);
  const stored = readGallery(gallery, 'gallery');
  assert.is(stored.modelDigest, task.candidateDigest);
  assert.is(stored.gallery.labels.length, PEOPLE);
  assert.is(stored.gallery.threshold, report.candidate.accuracy.threshold);
  const host = await createModelHost({ model: task.candidateBytes, image: TINY_IMAGE, ...TINY_HOST });
  await checkGolden(host, readGolden(golden, 'golden'));
  await host.close();
  assert.is(work.reports.at(-1)?.fraction, 1);
  // A singular: the progress bar adds the plural.
  assert.is(work.reports.at(-1)?.unit, 'image');
});

test('verifier: the champion is measured on the same probes', async () => {
  const championBytes = tinyModel({ seed: 2 });
  const { report } = await verifyCandidate(
    job({ championBytes, championDigest: digestOf(championBytes) }),
    recordWork(),
  );
  assert.is(report.champion?.digest, digestOf(championBytes));
  assert.is(report.champion?.accuracy.probes, 45);
  assert.ok(report.gates.some(({ name }) => name === 'rank-1-drop'));
});

test('verifier: a champion that cannot be loaded is left out with a warning', async () => {
  const work = recordWork();
  const championBytes = Buffer.from('pruned');
  const { report } = await verifyCandidate(job({ championBytes, championDigest: digestOf(championBytes) }), work);
  assert.is(report.champion, null);
  assert.is(report.verdict, 'passed');
  assert.match(work.warnings[0]!.message, /champion cannot be measured/);
});

test('verifier: a candidate below a gate is rejected with the reason', async () => {
  const config = VerificationConfigSchema.parse({ performanceRequests: 10, gates: { imagesPerSecondMin: 1e9 } });
  const { report } = await verifyCandidate(job({ config }), recordWork());
  assert.is(report.verdict, 'rejected');
});

test('verifier: a person without an enrolled image counts as an impostor, not as a miss', async () => {
  const gallery = tinySplit(40, PEOPLE, 1);
  const withoutLast = { ...gallery, classes: gallery.classes.map((person) => (person === 4 ? 3 : person)) };
  const { report } = await verifyCandidate(job({ gallery: withoutLast }), recordWork());
  assert.is(report.candidate.accuracy.probes, 36);
  assert.is(report.candidate.accuracy.galleryPeople, 4);
});

test('verifier: without probes it says what to do', async () => {
  const failure = await failureOf(verifyCandidate(job({ probes: tinySplit(0, PEOPLE) }), recordWork()));
  assert.is(failure.code, 'DATASET_TOO_SMALL');
  assert.match(failure.message, /40 enrolled images and 0 probes.*split\.probe/);
});

test('verifier: a single person cannot be verified', async () => {
  const one = { gallery: tinySplit(4, 1, 1), probes: tinySplit(4, 1, 2) };
  const failure = await failureOf(verifyCandidate(job(one), recordWork()));
  assert.is(failure.code, 'DATASET_TOO_SMALL');
  assert.match(failure.message, /two people are needed/);
});

test('verifier: a candidate that is no ONNX model is MODEL_INVALID', async () => {
  const failure = await failureOf(verifyCandidate(job({ candidateBytes: Buffer.from('x') }), recordWork()));
  assert.is(failure.code, 'MODEL_INVALID');
});

test('verifier: a side that takes longer than its limit ends the verification, and is named', async () => {
  for (const side of ['accuracy', 'performance'] as const) {
    // Neither is done in a millisecond.
    const config = VerificationConfigSchema.parse({ performanceRequests: 5_000, [`${side}MaxMs`]: 1 });
    const { code, message } = await failureOf(() => verifyCandidate(job({ config }), recordWork()));
    assert.is(code, 'STAGE_TIMEOUT');
    assert.match(message, new RegExp(`${side} was not measured within 1 ms; raise verification.${side}MaxMs`));
  }
});

test('verifier: a cancelled verification ends with the reason of its signal', async () => {
  const work = recordWork();
  const done = failureOf(verifyCandidate(job({ gallery: tinySplit(4000, PEOPLE, 1) }), work));
  work.abort(new PipelineError('CANCELLED', 'run r1 was cancelled'));
  assert.is((await done).code, 'CANCELLED');
});

test.run();
