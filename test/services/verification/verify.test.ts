import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PipelineError } from '../../../contracts/errors.ts';
import { DecisionConfigSchema } from '../../../contracts/configuration/decision.ts';
import { PEOPLE as PEOPLE_NOUN } from '../../../contracts/configuration/noun.ts';
import { VerificationConfigSchema } from '../../../contracts/configuration/verification.ts';
import { EvidenceSchema, VerificationReportSchema } from '../../../contracts/verification.ts';
import { openImages, readImages } from '../../../services/data/image-reader.ts';
import type { LabelledImages, LoadedImages } from '../../../services/data/strategy.ts';
import { decisionFor } from '../../../services/decision/in-force.ts';
import { isKnown } from '../../../services/decision/thresholds.ts';
import { galleryOf, identify, readGallery } from '../../../services/serving/gallery/gallery.ts';
import { embedAll } from '../../../services/serving/host/embed-all.ts';
import { checkGolden, readGolden } from '../../../services/serving/host/golden.ts';
import { createModelHost } from '../../../services/serving/host/model-host.ts';
import type { VerificationImages } from '../../../services/verification/accuracy.ts';
import { verifyCandidate, type VerificationJob } from '../../../services/verification/verify.ts';
import { failureOf } from '../../support/failures.ts';
import { digestOf, TINY_HOST, tinySplit } from '../../support/tiny-data.ts';
import { TINY_DIMENSIONS, TINY_IMAGE, tinyModel } from '../../support/tiny-model.ts';
import { recordWork } from '../../support/work.ts';

const PEOPLE = 15;
const HELD_OUT = new Set(['p0', 'p3', 'p6', 'p9', 'p12']);

/** With ids and tags: image i is of person i % people. */
const loaded = (split: LabelledImages, source: string): LabelledImages & LoadedImages => ({
  ...split,
  ids: Array.from(split.classes, (_, image) => `${source}/${image}`),
  tags: Array.from(split.classes, (_, image) => [
    `source: ${source}`,
    image % 2 === 0 ? 'light: left' : 'light: right',
  ]),
});

const keysOf = ({ count }: LoadedImages) => [...Array(count).keys()];

/** Twenty other people than those enrolled; they look like nobody. */
const strangerImages = (count: number) => {
  const { pixels, ...split } = tinySplit(count, 20, 5);
  return loaded({ ...split, pixels: pixels.map((value) => 255 - value) }, 'street');
};

const images = (changes: Partial<VerificationImages> = {}): VerificationImages => ({
  enrolled: loaded(tinySplit(120, PEOPLE, 1), 'door'),
  probes: loaded(tinySplit(135, PEOPLE, 2), 'door'),
  strangers: loaded(tinySplit(0, 1), 'street'),
  heldOut: HELD_OUT,
  ...changes,
});

function job(changes: Partial<VerificationJob> = {}): VerificationJob {
  const candidateBytes = tinyModel({ seed: 1 });
  return {
    runId: 'r1',
    model: 'face',
    noun: PEOPLE_NOUN,
    candidateBytes,
    candidateDigest: digestOf(candidateBytes),
    championBytes: null,
    championDigest: null,
    championRunId: null,
    images: images(),
    config: VerificationConfigSchema.parse({ performanceRequests: 40 }),
    decision: DecisionConfigSchema.parse({ identify: { fpir: 0.1 }, verify: { far: 0.01 } }),
    history: [],
    image: TINY_IMAGE,
    ...changes,
  };
}

test('verifier: figures, evidence, gallery and golden samples of a good candidate fit together', async () => {
  const work = recordWork();
  const task = job();
  const { report, evidence, gallery, golden } = await verifyCandidate(task, work);
  VerificationReportSchema.parse(JSON.parse(JSON.stringify(report)));
  EvidenceSchema.parse(JSON.parse(JSON.stringify(evidence)));
  const { accuracy } = report.candidate;
  assert.is(accuracy.recognition.rank1, 1, JSON.stringify(report.gates));
  assert.is(accuracy.recognition.probes, 135);
  assert.is(accuracy.newcomers?.people, HELD_OUT.size);
  assert.equal(
    accuracy.slices.map(({ tag }) => tag),
    ['light: left', 'light: right', 'source: door'],
  );
  for (const { tag, likeness } of accuracy.slices) assert.ok(likeness! > 0.5 && likeness! < 1, `${tag} ${likeness}`);
  assert.is(evidence.alike!.length, 12);
  for (const { images: pair } of evidence.alike!) {
    assert.is(new Set(pair.map(({ person }) => person)).size, 2);
    assert.ok(pair.every(({ image, picture }) => image.startsWith('door/') && picture !== ''));
  }
  assert.equal(report.data.strangers, { from: 'held-out', people: 5, images: 85 });
  assert.is(accuracy.identify.amongEnrolled, undefined, 'they would be compared with themselves');
  const { rocAuc, rocAucBounds, verify } = accuracy;
  for (const [figure, bounds] of [
    [rocAuc, rocAucBounds!],
    [verify.tar, verify.tarBounds!],
  ] as const)
    assert.ok(bounds.lower <= figure && figure <= bounds.upper && bounds.lower < 1, JSON.stringify([figure, bounds]));
  assert.ok(accuracy.slices.every(({ figures }) => figures.bounds!.fnir.upper > figures.fnir));
  assert.is(report.champion, null);
  assert.ok(report.durationMs.total < report.durationMs.accuracy + report.durationMs.performance);
  const stored = readGallery(gallery, 'gallery');
  assert.is(stored.modelDigest, task.candidateDigest);
  assert.is(stored.gallery.labels.length, PEOPLE);
  assert.is(stored.gallery.decision.identify.fpir, 0.1);
  const host = await createModelHost({ model: task.candidateBytes, image: TINY_IMAGE, ...TINY_HOST });
  await checkGolden(host, readGolden(golden, 'golden'));
  await host.close();
  assert.is(work.reports.at(-1)?.fraction, 1);
  // A singular: the progress bar adds the plural.
  assert.is(work.reports.at(-1)?.unit, 'image');
});

test('verifier: pixels that are read as they are needed give the same verdict, and few are in memory at once', async () => {
  let [held, most] = [0, 0];
  const elsewhere = ({ pixels, ...set }: LabelledImages & LoadedImages): LoadedImages => ({
    ...set,
    read: async (indices, target) => {
      held += indices.length;
      most = Math.max(most, held);
      await openImages({ pixels, ...set }).read(indices, target);
      held -= indices.length;
    },
  });
  const strangers = strangerImages(400);
  const [enrolled, probes] = [loaded(tinySplit(900, PEOPLE, 1), 'door'), loaded(tinySplit(135, PEOPLE, 2), 'door')];
  const verify = async (parts: Partial<VerificationImages>) => {
    const championBytes = tinyModel({ seed: 2 });
    const changes = { images: images(parts), championBytes, championDigest: digestOf(championBytes) };
    const { report, evidence, gallery, golden } = await verifyCandidate(job(changes), recordWork());
    const { accuracy } = report.candidate;
    return [accuracy, report.champion!.accuracy, report.comparison, evidence, gallery, golden];
  };
  const inMemory = await verify({ enrolled, probes, strangers });
  const asRead = await verify({
    enrolled: elsewhere(enrolled),
    probes: elsewhere(probes),
    strangers: elsewhere(strangers),
  });
  assert.equal(asRead, inMemory);
  // Of the accuracy two pieces, beside the images whose speed is measured; of 1,435 in all.
  assert.ok(most >= 64 && most <= 128, `${most} images`);
  const heldOutAlone = [await verify({ enrolled }), await verify({ enrolled: elsewhere(enrolled) })];
  assert.equal(heldOutAlone[1], heldOutAlone[0]);
});

test('verifier: all images of a person make the row that is served, those of the verdict too', async () => {
  const task = job();
  const { gallery } = await verifyCandidate(task, recordWork());
  const { enrolled, probes } = task.images;
  const host = await createModelHost({ model: task.candidateBytes, image: TINY_IMAGE, ...TINY_HOST });
  const all = {
    ...enrolled,
    pixels: Buffer.concat([await readImages(enrolled, keysOf(enrolled)), await readImages(probes, keysOf(probes))]),
    classes: Int32Array.from([...enrolled.classes, ...probes.classes]),
    count: enrolled.count + probes.count,
  };
  const expected = galleryOf(await embedAll(host, all), all);
  await host.close();
  const { embeddings } = readGallery(gallery, 'gallery').gallery;
  assert.ok(embeddings.every((value, index) => Math.abs(value - expected.embeddings[index]!) < 1e-6));
});

test('verifier: strangers of their own source set the thresholds and show what they let in', async () => {
  const strangers = strangerImages(400);
  const { report, gallery } = await verifyCandidate(job({ images: images({ strangers }) }), recordWork());
  assert.equal(report.data.strangers, { from: 'source', people: 20, images: 400 });
  const { fpir } = report.candidate.accuracy.identify;
  assert.is(fpir.trials, 400);
  const { amongEnrolled } = report.candidate.accuracy.identify;
  assert.ok(amongEnrolled! > -1 && amongEnrolled! < 1, `${amongEnrolled}`);
  assert.ok(report.gates.some(({ name }) => name === 'strangers-alike'));
  assert.is.not(fpir.verdict, 'broken', fpir.sentence);
  const { decision } = readGallery(gallery, 'gallery').gallery;
  const host = await createModelHost({ model: tinyModel({ seed: 1 }), image: TINY_IMAGE, ...TINY_HOST });
  const rows = await embedAll(host, strangers);
  await host.close();
  const { identify: rule } = decisionFor(decision, PEOPLE);
  const served = readGallery(gallery, 'gallery').gallery;
  let known = 0;
  for (let image = 0; image < strangers.count; image++) {
    const matches = identify(served, rows.subarray(image * TINY_DIMENSIONS, (image + 1) * TINY_DIMENSIONS), 2);
    known += isKnown(
      matches.map(({ score }) => score),
      rule,
    )
      ? 1
      : 0;
  }
  assert.ok(known / strangers.count <= 0.1, `${known} of ${strangers.count} strangers are known`);
});

test('verifier: what the data cannot show is inconclusive, said in words, and stands in the release', async () => {
  const decision = DecisionConfigSchema.parse({});
  const { report, gallery } = await verifyCandidate(job({ decision }), recordWork());
  assert.is(report.verdict, 'inconclusive', JSON.stringify(report.gates));
  assert.ok(report.admitted);
  assert.match(
    report.reasons[0]!,
    /strangers-identify: 85 searches by 5 strangers show at best 3\.5 %; 1 % was promised/,
  );
  assert.match(
    readGallery(gallery, 'gallery').gallery.decision.warning!,
    /does not show what is promised.*85 searches/,
  );
});

test('verifier: the champion is measured on the same images, in accuracy and in speed', async () => {
  const championBytes = tinyModel({ seed: 2 });
  const { report, evidence } = await verifyCandidate(
    job({ championBytes, championDigest: digestOf(championBytes) }),
    recordWork(),
  );
  assert.is(report.champion?.digest, digestOf(championBytes));
  assert.is(report.champion?.accuracy.recognition.probes, 135);
  assert.is(report.champion?.performance?.requests, 40);
  assert.is(report.comparison?.rank1.difference, 0);
  assert.ok(evidence.det.champion);
  assert.ok(report.gates.some(({ name }) => name === 'rank-1-drop'));
});

test('verifier: a champion that cannot be loaded is left out with a warning', async () => {
  const work = recordWork();
  const championBytes = Buffer.from('pruned');
  const { report } = await verifyCandidate(job({ championBytes, championDigest: digestOf(championBytes) }), work);
  assert.is(report.champion, null);
  assert.is(report.verdict, 'inconclusive');
  assert.not(report.admitted, 'nobody can say whether it is worse than what serves');
  assert.match(report.reasons.join(), /champion: the model in service cannot be measured \(MODEL_INVALID: /);
  assert.match(
    work.warnings[0]!.message,
    /the model in service cannot be measured; the candidate is judged without it/,
  );
});

test('verifier: a candidate below a gate is rejected with the reason first', async () => {
  const config = VerificationConfigSchema.parse({ performanceRequests: 10, gates: { imagesPerSecondMin: 1e9 } });
  const { report } = await verifyCandidate(job({ config }), recordWork());
  assert.is(report.verdict, 'rejected');
  assert.not(report.admitted);
  assert.match(report.reasons[0]!, /^throughput is/);
});

test('verifier: a probe of a person without an enrolled image is left out', async () => {
  const { enrolled } = images();
  const last = PEOPLE - 1;
  const withoutLast = { ...enrolled, classes: enrolled.classes.map((person) => (person === last ? 1 : person)) };
  const { report } = await verifyCandidate(job({ images: images({ enrolled: withoutLast }) }), recordWork());
  assert.is(report.candidate.accuracy.recognition.probes, 126);
  assert.is(report.candidate.accuracy.people, last);
});

test('verifier: without probes it says what to do', async () => {
  const probes = loaded(tinySplit(0, PEOPLE), 'door');
  const failure = await failureOf(verifyCandidate(job({ images: images({ probes }) }), recordWork()));
  assert.is(failure.code, 'DATASET_TOO_SMALL');
  assert.match(failure.message, /120 enrolled images and 0 probes.*split\.probe/);
});

test('verifier: too few people to play strangers are refused, with what is missing', async () => {
  const two = images({ heldOut: new Set(['p0', 'p3']) });
  const failure = await failureOf(verifyCandidate(job({ images: two }), recordWork()));
  assert.is(failure.code, 'DATASET_TOO_SMALL');
  assert.match(failure.message, /2 of 15 people are held out.*at least 5 are needed.*source of strangers/);
  const strangers = loaded(tinySplit(60, 4, 5), 'street');
  const few = await failureOf(verifyCandidate(job({ images: images({ strangers }) }), recordWork()));
  assert.match(few.message, /show 4 people/);
  const decision = DecisionConfigSchema.parse({ inconclusive: 'serve' });
  const { report } = await verifyCandidate(job({ images: two, decision }), recordWork());
  assert.match(report.reasons.join(), /2 strangers show nothing/);
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
  const done = failureOf(
    verifyCandidate(job({ images: images({ enrolled: loaded(tinySplit(4000, PEOPLE, 1), 'door') }) }), work),
  );
  work.abort(new PipelineError('CANCELLED', 'run r1 was cancelled'));
  assert.is((await done).code, 'CANCELLED');
});

test.run();
