/**
 * A realistic verification to draw: 76 people of whom 15 are held out, 200 strangers, a candidate that is a little better
 * than the champion. Scores are drawn at random with a fixed seed, and every figure is counted from them by the product's
 * own functions, so the parts agree with each other and fit the contracts.
 */
import { createRandom, type Random } from '../../demo/random.ts';
import { renderFace } from '../../demo/people.ts';
import { PEOPLE as PEOPLE_NOUN } from '../../contracts/configuration/noun.ts';
import { DataSheetSchema, type DataSheet } from '../../contracts/data-sheet.ts';
import { DatasetManifestSchema, type DatasetManifest } from '../../contracts/dataset.ts';
import { LearningCurveSchema, type LearningCurve } from '../../contracts/training.ts';
import {
  EvidenceSchema,
  VerificationReportSchema,
  type Accuracy,
  type Evidence,
  type Gate,
  type VerificationReport,
} from '../../contracts/verification.ts';
import { dataSummaryOf } from '../../services/report/data-summary.ts';
import type { ReportInput } from '../../services/report/input.ts';
import { judgePromise } from '../../services/decision/promise.ts';
import {
  differenceOf,
  namesLost,
  rank1PerPerson,
  recognitionBounds,
  recognitionOf,
  slicesOf,
  type ProbeOutcome,
} from '../../services/decision/recognition.ts';

const PEOPLE = 76;
const HELD_OUT = 15;
const PROBES_EACH = 5;
const STRANGERS = 200;
const IMAGES_EACH = 2;
const PROMISE = { fpir: 0.01, margin: 0.05, far: 0.001 };
const FACE_PX = 48;
const OPTIONS = { seed: 1, resamples: 400 };

const FIRST = 'Ada Ben Cleo Dara Emil Fay Gus Hana Ivo June Kofi Lena Milo Nora Otis Pia Quinn Rosa Sven'.split(' ');
const LAST = ['Okafor', 'Lindqvist', 'Marchetti', 'Sharma'];
const personName = (index: number) => `${FIRST[index % FIRST.length]} ${LAST[Math.floor(index / FIRST.length)]}`;
const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

interface Search extends ProbeOutcome {
  readonly score: number;
}
interface StrangerSearch {
  readonly stranger: string;
  readonly image: string;
  readonly score: number;
}
interface Scores {
  readonly staff: readonly Search[];
  readonly newcomers: readonly Search[];
  readonly strangers: readonly StrangerSearch[];
  readonly threshold: number;
}

export interface Sample {
  readonly report: VerificationReport;
  readonly evidence: Evidence;
  readonly curve: LearningCurve;
  readonly manifest: DatasetManifest;
}

export async function sampleReport(): Promise<Sample> {
  const [champion, candidate] = [drawScores(7, 0.6), drawScores(7, 0.63)];
  const report = VerificationReportSchema.parse(reportOf(champion, candidate));
  return {
    report,
    evidence: EvidenceSchema.parse(await evidenceOf(champion, candidate)),
    curve: LearningCurveSchema.parse(curveOf()),
    manifest: DatasetManifestSchema.parse(manifestOf()),
  };
}

/** Both models meet the same images, so the same seed: only the mean of the own scores differs, and a little noise. */
function drawScores(seed: number, own: number): Scores {
  const random = createRandom(seed);
  const noise = createRandom(seed, Math.round(own * 100));
  const search = (index: number, probe: number, mean: number): Search => {
    const person = personName(index);
    // Every ninth person is hard to recognise. The best of the others scores as high as a stranger does, and then some.
    const own = mean - (index % 9 === 4 ? 0.16 : 0) + 0.1 * random.normal() + 0.03 * noise.normal();
    const other = 0.33 + 0.06 * noise.normal();
    const found = own < other ? personName((index + 5 + probe) % PEOPLE) : person;
    const score = Math.max(own, other);
    const tags = [`light: ${['left', 'right', 'front'][probe % 3]}`, `source: ${probe < 3 ? 'door' : 'office'}`];
    return { person, probe: `door/${index}-${probe}.png`, found, known: false, tags, score };
  };
  const searches = (from: number, to: number, mean: number) =>
    range(to - from).flatMap((index) => range(PROBES_EACH).map((probe) => search(from + index, probe, mean)));
  const [staff, newcomers] = [searches(0, PEOPLE - HELD_OUT, own), searches(PEOPLE - HELD_OUT, PEOPLE, own - 0.06)];
  const strangers = range(STRANGERS).flatMap((stranger) =>
    range(IMAGES_EACH).map((image) => strangerSearch(stranger, image, random, noise)),
  );
  const sorted = strangers.map(({ score }) => score).sort((a, b) => b - a);
  const threshold = sorted[Math.floor(PROMISE.fpir * sorted.length)]! + 1e-6;
  const judged = (all: readonly Search[]) => all.map((it) => ({ ...it, known: it.score >= threshold }));
  return { staff: judged(staff), newcomers: judged(newcomers), strangers, threshold };
}

const strangerSearch = (stranger: number, image: number, random: Random, noise: Random): StrangerSearch => ({
  stranger: `stranger ${stranger}`,
  image: `strangers/${stranger}-${image}.png`,
  score: 0.3 + 0.05 * random.normal() + 0.02 * noise.normal(),
});

function accuracyOf({ staff, newcomers, strangers, threshold }: Scores): Accuracy {
  const all = [...staff, ...newcomers];
  const byStranger = range(STRANGERS).map((index) => {
    const searches = strangers.filter(({ stranger }) => stranger === `stranger ${index}`);
    const hits = searches.filter(({ score }) => score >= threshold).length;
    return { person: `stranger ${index}`, hits, trials: searches.length };
  });
  const comparisons = byStranger.map((it) => ({ ...it, hits: it.hits > 1 ? 1 : 0, trials: it.trials * PEOPLE }));
  return {
    recognition: recognitionOf(all),
    newcomers: recognitionOf(newcomers),
    slices: slicesOf(all).map(({ tag, outcomes }) => ({
      tag,
      figures: { ...recognitionOf(outcomes), bounds: recognitionBounds(outcomes, OPTIONS) },
    })),
    worstPeople: rank1PerPerson(all).slice(0, 50),
    rocAuc: 0.994,
    identify: {
      threshold,
      fpir: judgePromise(byStranger, { target: PROMISE.fpir, trials: 'searches' }, OPTIONS),
    },
    verify: {
      threshold: threshold - 0.06,
      far: judgePromise(comparisons, { target: PROMISE.far, trials: 'comparisons' }, OPTIONS),
      tar: 0.968,
    },
    people: PEOPLE,
  };
}

function reportOf(champion: Scores, candidate: Scores): VerificationReport {
  const [before, now] = [accuracyOf(champion), accuracyOf(candidate)];
  const difference = (figure: 'rank1' | 'rank1PerPerson' | 'fnir') =>
    differenceOf(
      [...champion.staff, ...champion.newcomers],
      [...candidate.staff, ...candidate.newcomers],
      figure,
      OPTIONS,
    );
  // Two more, as a night may have them.
  const namesNowWrong = [
    ...namesLost(champion.staff, candidate.staff),
    { probe: 'door/4-2.png', person: personName(4), found: personName(11) },
    { probe: 'office/31-4.png', person: personName(31), found: null },
  ];
  const gates = gatesOf(now);
  return {
    ...{ format: 'nightshift.verification/2', runId: 'run-20261126-020000-1a2b', model: 'face' },
    ...{ verdict: 'inconclusive', admitted: true, promise: PROMISE },
    reasons: gates.filter(({ outcome }) => outcome !== 'held').map(({ message }) => message),
    gates,
    data: {
      ...{ people: PEOPLE, images: 1_042, probes: PEOPLE * PROBES_EACH, heldOut: HELD_OUT },
      strangers: { from: 'source', people: STRANGERS, images: STRANGERS * IMAGES_EACH },
    },
    candidate: { digest: digest('a'), accuracy: now, performance: performanceOf(4.1) },
    champion: { digest: digest('b'), accuracy: before, performance: performanceOf(4.6) },
    comparison: {
      rank1: difference('rank1'),
      rank1PerPerson: difference('rank1PerPerson'),
      fnir: difference('fnir'),
      namesLost: namesNowWrong,
      namesLostTotal: namesNowWrong.length,
    },
    best: {
      ...{ runId: 'run-20261120-020000-77aa', release: 14, people: 74 },
      ...{ rank1PerPerson: 0.951, fnir: 0.094, tar: 0.971, identifyThreshold: 0.431 },
    },
    durationMs: { accuracy: 8_410, performance: 3_120, total: 9_007 },
  };
}

const performanceOf = (p50: number) => ({
  latencyMs: { p50, p95: 1.4 * p50, p99: 1.9 * p50, max: 3.7 * p50 },
  imagesPerSecond: 2_900 / p50,
  requests: 200,
});

function gatesOf({ recognition, newcomers, rocAuc, identify, verify }: Accuracy): Gate[] {
  const gate = (
    name: string,
    value: number | null,
    limit: number | null,
    outcome: Gate['outcome'],
    message: string,
  ) => ({
    ...{ name, value, limit, outcome, message },
  });
  return [
    gate('fpir', identify.fpir.share, PROMISE.fpir, outcomeOf(identify.fpir.verdict), identify.fpir.sentence),
    gate('far', verify.far.share, PROMISE.far, outcomeOf(verify.far.verdict), verify.far.sentence),
    gate('rank1', recognition.rank1, 0.8, 'held', 'rank-1 is above the least that is asked for'),
    gate(
      'rank1-per-person',
      recognition.rank1PerPerson,
      0.75,
      'held',
      'each person counting once, rank-1 is above its limit',
    ),
    gate('newcomers', newcomers!.fnir, 0.5, 'held', 'newcomers are recognised as well as asked for'),
    gate('roc-auc', rocAuc, 0.9, 'held', 'the area under the ROC curve is above its limit'),
    gate('names-lost', 2, 5, 'held', 'few names were right under the champion and are wrong now'),
    gate('best-of-30', null, null, 'undecided', 'fewer than two earlier releases have figures to compare with'),
    gate('latency-p99', 7.8, 50, 'held', 'the 99th percentile is below its limit'),
  ];
}

const outcomeOf = (verdict: 'shown' | 'inconclusive' | 'broken'): Gate['outcome'] =>
  (({ shown: 'held', inconclusive: 'undecided', broken: 'broken' }) as const)[verdict];

async function evidenceOf(champion: Scores, candidate: Scores): Promise<Evidence> {
  const top = [...candidate.strangers].sort((a, b) => b.score - a.score).slice(0, 10);
  const missed = candidate.staff
    .filter(({ known, person, found }) => !known || found !== person)
    .sort((a, b) => a.score - b.score)
    .slice(0, 10);
  const picture = async (seed: number, shot: number) => (await renderFace(seed, shot, FACE_PX)).toString('base64');
  return {
    format: 'nightshift.evidence/1',
    det: { candidate: detOf(candidate), champion: detOf(champion) },
    histogram: histogramOf(candidate),
    alike: await Promise.all(
      range(2).map(async (pair) => ({
        score: 0.61 - 0.05 * pair,
        images: await Promise.all(
          [2 * pair, 2 * pair + 1].map(async (index) => ({
            ...{ person: personName(index), image: `office/${index}-2.png` },
            picture: await picture(index, 2),
          })),
        ),
      })),
    ),
    worst: {
      falseAccepts: await Promise.all(
        top.map(async ({ image, score }, i) => ({
          ...{ image, score, person: personName(3 * i) },
          picture: await picture(900 + i, 0),
        })),
      ),
      falseRejects: await Promise.all(
        missed.map(async ({ probe, person, found, score }, i) => ({
          ...{ image: probe, person, found: i === 3 ? null : (found ?? null), score },
          picture: await picture(i, i),
        })),
      ),
    },
  };
}

function detOf({ staff, newcomers, strangers }: Scores): Evidence['det']['candidate'] {
  const own = [...staff, ...newcomers];
  return range(120).map((i) => {
    const threshold = 0.55 - i * 0.0035;
    return {
      threshold,
      fpir: strangers.filter(({ score }) => score >= threshold).length / strangers.length,
      fnir: own.filter(({ score, found, person }) => score < threshold || found !== person).length / own.length,
    };
  });
}

function histogramOf({ staff, newcomers, strangers }: Scores): Evidence['histogram'] {
  const edges = range(51).map((i) => i / 50);
  const counts = (all: readonly { readonly score: number }[]) =>
    range(50).map((i) => all.filter(({ score }) => score >= edges[i]! && score < edges[i + 1]!).length);
  return { edges, staff: counts(staff), newcomers: counts(newcomers), strangers: counts(strangers) };
}

const curveOf = (): LearningCurve => ({
  ...{ runId: 'run-20261126-020000-1a2b', model: 'face' },
  points: range(40).map((i) => ({
    epoch: i + 1,
    loss: 4.2 * Math.exp(-i / 9) + 0.11,
    learningRate: 0.003 * Math.cos((i / 40) * (Math.PI / 2)),
    validationLoss: 4.4 * Math.exp(-i / 10) + 0.35,
    validationRank1: 0.97 - 0.9 * Math.exp(-i / 7),
    imagesPerSecond: 812,
  })),
});

const manifestOf = (): DatasetManifest => ({
  format: 'nightshift.dataset/1',
  image: { width: 64, height: 64, channels: 1 },
  faces: null,
  labels: range(PEOPLE).map(personName).sort(),
  heldOut: range(HELD_OUT)
    .map((i) => personName(PEOPLE - HELD_OUT + i))
    .sort(),
  strangers: range(STRANGERS)
    .map((i) => `stranger ${i}`)
    .sort(),
  counts: { train: 480, validation: 92, probe: 305, 'held-out': 165, stranger: 400, total: 1_442 },
  learned: null,
  shards: [],
  sources: [
    { name: 'door', type: 'http', samples: 640, quarantined: 9 },
    { name: 'office', type: 'directory', samples: 402, quarantined: 4 },
    { name: 'strangers', type: 'directory', samples: 400, quarantined: 0 },
  ],
  quarantined: [
    ...range(6).map((i) => quarantined('duplicate', i)),
    ...range(4).map((i) => quarantined('unreadable', i)),
    ...range(3).map((i) => quarantined('contradictory-label', i)),
  ],
  quarantinedTotal: 13,
});

const quarantined = (reason: DatasetManifest['quarantined'][number]['reason'], i: number) => ({
  ...{ source: 'door', id: `${reason}-${i}`, label: personName(i), reason, message: 'refused' },
});

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** All of it, as the page is drawn from it. */
export async function sampleInput(): Promise<ReportInput> {
  const { manifest, ...parts } = await sampleReport();
  return { ...parts, data: dataSummaryOf(manifest), sheet: await sheetOf(manifest), noun: PEOPLE_NOUN };
}

async function sheetOf(manifest: DatasetManifest): Promise<DataSheet> {
  const picture = async (i: number) => ({
    ...{ label: personName(i), source: 'office', id: `${i}-1.png` },
    picture: (await renderFace(i, 1, FACE_PX)).toString('base64'),
  });
  const { image, counts, sources, quarantined: refused, quarantinedTotal, labels } = manifest;
  return DataSheetSchema.parse({
    format: 'nightshift.data/1',
    ...{ runId: 'run-20261126-020000-1a2b', model: 'face', content: digest('b'), comparedWith: digest('c') },
    ...{ image, counts, sources, quarantinedTotal, findings: [], heldOut: HELD_OUT, strangers: STRANGERS },
    dataset: { bucket: 'DATASETS', key: 'manifests/a.json', digest: digest('a'), bytes: 1 },
    people: labels.map((label) => ({ label, images: ['0123456789ab'] })),
    came: [personName(3)],
    left: [personName(4), personName(5)],
    added: { total: 31, pictures: await Promise.all(range(6).map(picture)) },
    gone: { total: 2, pictures: await Promise.all([picture(4), picture(5)]) },
    quarantined: [{ ...refused[0]!, picture: (await picture(0)).picture }, ...refused.slice(1)],
  });
}

/** Names that would break out of a page, a table, or a line. */
export const HOSTILE = [
  '<script>window.pwned = 1</script>',
  '"><img src=x onerror="document.title=\'pwned\'">',
  "' onmouseover='alert(1)",
  '</title></style><form action="//evil">',
  '\u202Emoc.live',
  'x'.repeat(300),
] as const;

/** The same with such names wherever a name from outside may stand. */
export async function hostileInput(): Promise<ReportInput> {
  const input = await sampleInput();
  const { report, evidence, data, sheet } = input;
  const hostile = <T>(all: readonly T[], change: (one: T, name: string) => T): T[] =>
    all.map((one, i) => change(one, HOSTILE[i % HOSTILE.length]!));
  const accuracy = {
    ...report.candidate.accuracy,
    slices: hostile(report.candidate.accuracy.slices, (slice, tag) => ({ ...slice, tag })),
    worstPeople: hostile(report.candidate.accuracy.worstPeople, (one, person) => ({ ...one, person })),
  };
  const { falseAccepts, falseRejects } = evidence!.worst;
  return {
    ...input,
    report: VerificationReportSchema.parse({
      ...report,
      reasons: [...HOSTILE],
      gates: hostile(report.gates, (gate, name) => ({ ...gate, name, message: name })),
      candidate: { ...report.candidate, accuracy },
      comparison: {
        ...report.comparison!,
        namesLost: HOSTILE.map((person) => ({ probe: person, person, found: person })),
        namesLostTotal: HOSTILE.length,
      },
    }),
    evidence: EvidenceSchema.parse({
      ...evidence!,
      alike: evidence!.alike!.map(({ score, images }) => ({
        ...{ score, images: hostile(images, (it, person) => ({ ...it, person, image: person })) },
      })),
      worst: {
        falseAccepts: hostile(falseAccepts, (it, person) => ({ ...it, person, image: person })),
        falseRejects: hostile(falseRejects, (it, person) => ({ ...it, person, found: person, image: person })),
      },
    }),
    data: { ...data!, sources: hostile(data!.sources, (source, name) => ({ ...source, name })) },
    sheet: {
      ...sheet!,
      ...{ came: [...HOSTILE], left: [...HOSTILE] },
      added: { total: 6, pictures: hostile(sheet!.added!.pictures, (it, label) => ({ ...it, label, id: label })) },
      quarantined: hostile(sheet!.quarantined, (it, label) => ({ ...it, label, message: label })),
    },
  };
}
