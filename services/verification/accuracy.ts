/**
 * Measures how well a model decides: the gallery is built with the model from the enrolled images, each probe and each
 * stranger is searched in it exactly as by a replica. Candidate and champion are measured by the same code, each at the
 * thresholds that its own scores give.
 */
import { PipelineError } from '../../contracts/errors.ts';
import type { DecisionConfig } from '../../contracts/configuration/decision.ts';
import type { Accuracy } from '../../contracts/verification.ts';
import { imageBytesOf, openImages } from '../data/image-reader.ts';
import type { EmbeddableImages, LoadedImages } from '../data/strategy.ts';
import { bootstrap, boundsOverPeople, shareOf } from '../decision/bounds.ts';
import { identifyThreshold, isKnown, topScores } from '../decision/thresholds.ts';
import {
  rank1PerPerson,
  recognitionBounds,
  recognitionOf,
  slicesOf,
  type ProbeOutcome,
} from '../decision/recognition.ts';
import { galleryOf, type GalleryRows } from '../serving/gallery/gallery.ts';
import { embedAll } from '../serving/host/embed-all.ts';
import type { ModelHost } from '../serving/strategy.ts';
import type { WorkContext } from '../work.ts';
import { winsOf } from './metrics.ts';
import { evenSample, scoreEach } from './scores.ts';
import { judgePromises, scoreStrangers, thresholdsOf, type Strangers, type StrangerScores } from './strangers.ts';

/** The images of a snapshot by their part in the verdict. */
export interface VerificationImages {
  /** They become rows of the gallery: learned ones, and those of people held out. */
  readonly enrolled: LoadedImages;
  /** In neither training nor the gallery of the verdict. */
  readonly probes: LoadedImages;
  /** Of people who are never enrolled; none if there is no such source. */
  readonly strangers: LoadedImages;
  /** Names of the people whom no training saw. */
  readonly heldOut: ReadonlySet<string>;
}

/** One probe, searched in the gallery. */
export interface ProbeScore extends ProbeOutcome {
  /** Index in the probes. */
  readonly image: number;
  readonly top: readonly number[];
  /** The same without the own row. */
  readonly others: readonly number[];
  /** Cosine with the own row. */
  readonly own: number;
}

/** The embeddings of all images under one model. */
export interface Embedded {
  readonly enrolled: Float32Array;
  readonly probes: Float32Array;
  readonly strangers: Float32Array;
}

/** The embeddings of whole parts by another way than the host's; null if there is none for this model. */
export type Shortcut = (
  parts: readonly LoadedImages[],
  context: WorkContext,
) => Promise<readonly Float32Array[] | null>;

export interface Measured {
  readonly accuracy: Accuracy;
  readonly probes: readonly ProbeScore[];
  readonly strangers: StrangerScores;
  readonly embedded: Embedded;
}

/** With four million scores the area is known to four digits. */
const IMPOSTORS_MAX = 2_000_000;
const WORST_PEOPLE_MAX = 50;

/**
 * Throws DATASET_TOO_SMALL if nothing can be compared, MODEL_INVALID if the model yields no numbers, and the errors of
 * the host.
 */
export async function measureAccuracy(
  host: ModelHost,
  images: VerificationImages,
  config: DecisionConfig,
  context: WorkContext,
  shortcut: Shortcut = async () => null,
): Promise<Measured> {
  const { signal } = context;
  const embedded = (await embedShort(shortcut, images, context)) ?? (await embedImages(host, images, context));
  const gallery = galleryOf(embedded.enrolled, images.enrolled);
  const strangers = await scoreStrangers(gallery, strangersOf(images, embedded), signal);
  const thresholds = thresholdsOf(strangers, config, gallery.labels.length);
  const { probes, impostors } = await searchProbes(gallery, images, embedded, signal, {
    threshold: thresholds.identify,
    margin: config.identify.margin,
  });
  if (probes.length === 0) throw nothingToProbe(images, gallery);
  const promises = judgePromises(strangers, config);
  const newcomers = probes.filter(({ person }) => images.heldOut.has(person));
  const genuine = Float32Array.from(probes, ({ own }) => own);
  const accuracy = {
    recognition: boundedRecognition(probes),
    newcomers: newcomers.length > 0 ? boundedRecognition(newcomers) : null,
    slices: slicesOf(probes).map(({ tag, outcomes }) => ({
      ...{ tag, figures: boundedRecognition(outcomes), likeness: likenessOf(outcomes) },
    })),
    worstPeople: rank1PerPerson(probes).slice(0, WORST_PEOPLE_MAX),
    ...areaOf(probes, winsOf(genuine, impostors)),
    identify: { threshold: thresholds.identify, fpir: promises.fpir, ...amongEnrolled(strangers, probes, config) },
    verify: {
      threshold: thresholds.verify,
      far: promises.far,
      ...acceptedOf(probes, thresholds.verify),
    },
    people: gallery.labels.length,
  };
  return { accuracy, probes, strangers, embedded };
}

/** Of the bootstraps; the same data gives the same bounds. */
const SEED = 1;

const boundedRecognition = (probes: readonly ProbeOutcome[]) => ({
  ...recognitionOf(probes),
  bounds: recognitionBounds(probes, { seed: SEED }),
});

const likenessOf = (probes: readonly ProbeScore[]) => probes.reduce((sum, { own }) => sum + own, 0) / probes.length;

interface PersonSum {
  readonly person: string;
  hits: number;
  trials: number;
}

/** Of each person, the sum of the values of the probes. */
function sumsOf(probes: readonly ProbeScore[], values: ArrayLike<number>): PersonSum[] {
  const sums = new Map<string, PersonSum>();
  probes.forEach(({ person }, index) => {
    const sum = sums.get(person) ?? { person, hits: 0, trials: 0 };
    sums.set(person, sum);
    sum.hits += values[index]!;
    sum.trials += 1;
  });
  return [...sums.values()];
}

/** Area under the ROC curve; the people of the probes are drawn anew for its bounds, the impostor scores are not. */
function areaOf(probes: readonly ProbeScore[], wins: Float64Array) {
  const sums = sumsOf(probes, wins);
  return { rocAuc: shareOf(sums), rocAucBounds: bootstrap(sums, shareOf, { seed: SEED }) };
}

function acceptedOf(probes: readonly ProbeScore[], threshold: number) {
  const accepted = sumsOf(
    probes,
    probes.map(({ own }) => Number(own >= threshold)),
  );
  return { tar: shareOf(accepted), tarBounds: boundsOverPeople(accepted, { seed: SEED }) };
}

/** Nothing where people who are enrolled play the strangers already, or one alone is. */
function amongEnrolled({ from, people }: StrangerScores, probes: readonly ProbeScore[], { identify }: DecisionConfig) {
  if (from === 'held-out' || people < 2) return {};
  const searches = probes.map(({ person, others }) => ({ person, top: others }));
  return { amongEnrolled: identifyThreshold({ people: people - 1, searches }, identify, people) };
}

/** For progress bars. */
export const imagesToEmbed = ({ enrolled, probes, strangers }: VerificationImages) =>
  enrolled.count + probes.count + strangers.count;

async function embedImages(host: ModelHost, images: VerificationImages, context: WorkContext): Promise<Embedded> {
  const { signal, progress } = context;
  const total = imagesToEmbed(images);
  let before = 0;
  const embed = async (part: EmbeddableImages) => {
    const onDone = (images: number) =>
      progress({ fraction: (before + images) / total, done: before + images, total, unit: 'image', figures: {} });
    const rows = await embedAll(host, part, { signal, onDone });
    if (!rows.every(Number.isFinite)) throw notNumbers();
    before += part.count;
    return rows;
  };
  const enrolled = await embed(images.enrolled);
  const probes = await embed(images.probes);
  return { enrolled, probes, strangers: await embed(images.strangers) };
}

async function embedShort(
  shortcut: Shortcut,
  images: VerificationImages,
  context: WorkContext,
): Promise<Embedded | null> {
  const total = imagesToEmbed(images);
  const progress: WorkContext['progress'] = ({ done, total: all }) => {
    const images = Math.floor((total * done) / all);
    context.progress({ fraction: images / total, done: images, total, unit: 'image', figures: {} });
  };
  const parts = [images.enrolled, images.probes, images.strangers];
  const rows = await shortcut(parts, { ...context, progress });
  if (rows === null) return null;
  if (!rows.every((part) => part.every(Number.isFinite))) throw notNumbers();
  progress({ fraction: 1, done: 1, total: 1, unit: 'image', figures: {} });
  return { enrolled: rows[0]!, probes: rows[1]!, strangers: rows[2]! };
}

/**
 * The images of everybody who plays a stranger: of their own source, or without one a view of all of those who were held
 * out.
 */
export function strangersIn(images: VerificationImages): LoadedImages {
  if (images.strangers.count > 0) return images.strangers;
  const chosen = heldOutImages(images);
  const { spec, labels } = images.enrolled;
  const imageBytes = imageBytesOf(spec);
  return {
    ...{ spec, labels, count: chosen.length },
    read: async (indices, target) => {
      for (const [place, index] of indices.entries()) {
        const { set, image } = chosen[index]!; // Indices are those of the set.
        await openImages(set).read(Int32Array.of(image), target.subarray(place * imageBytes, (place + 1) * imageBytes));
      }
    },
    classes: Int32Array.from(chosen, ({ set, image }) => set.classes[image]!),
    ids: chosen.map(({ set, image }) => set.ids[image]!),
    tags: chosen.map(({ set, image }) => set.tags[image]!),
  };
}

/** The same with their embeddings. */
export function strangersOf(images: VerificationImages, embedded: Embedded): Strangers {
  const strangers = strangersIn(images);
  if (images.strangers.count > 0) return { from: 'source', images: strangers, rows: embedded.strangers };
  const dimensions = embedded.enrolled.length / images.enrolled.count;
  const rows = new Float32Array(strangers.count * dimensions);
  heldOutImages(images).forEach(({ part, image }, index) =>
    rows.set(embedded[part].subarray(image * dimensions, (image + 1) * dimensions), index * dimensions),
  );
  return { from: 'held-out', images: strangers, rows };
}

/** Every image of a person held out: where it is, and its index there. */
const heldOutImages = (images: VerificationImages) =>
  (['enrolled', 'probes'] as const).flatMap((part) => {
    const set = images[part];
    const isHeldOut = set.labels.map((label) => images.heldOut.has(label));
    return [...set.classes.keys()]
      .filter((image) => isHeldOut[set.classes[image]!])
      .map((image) => ({ part, set, image }));
  });

/** Probes of people without a row are left out: they would count as refused whatever the model does. */
async function searchProbes(
  gallery: GalleryRows,
  { probes: images }: VerificationImages,
  { probes: rows }: Embedded,
  signal: AbortSignal,
  rule: { readonly threshold: number; readonly margin: number },
): Promise<{ probes: ProbeScore[]; impostors: Float32Array }> {
  const people = gallery.labels.length;
  const rowOf = new Map(gallery.labels.map((label, row) => [label, row]));
  const isKept = evenSample(images.count * people, people, IMPOSTORS_MAX);
  const probes: ProbeScore[] = [];
  const impostors: number[] = [];
  await scoreEach(gallery, { rows, count: images.count }, signal, (image, scores) => {
    const person = images.labels[images.classes[image]!]!;
    const ownRow = rowOf.get(person);
    if (ownRow === undefined) return;
    scores.forEach((score, row) => {
      if (row !== ownRow && isKept(image * people + row)) impostors.push(score);
    });
    const top = topScores(scores);
    probes.push({
      ...{ image, person, probe: images.ids[image]!, top, own: scores[ownRow]! },
      others: topScores(scores.filter((_, row) => row !== ownRow)),
      found: top[0] === top[1] ? null : gallery.labels[scores.indexOf(top[0]!)]!,
      known: isKnown(top, rule),
      tags: images.tags[image]!,
    });
  });
  return { probes, impostors: Float32Array.from(impostors) };
}

const nothingToProbe = ({ probes }: VerificationImages, gallery: GalleryRows) =>
  new PipelineError(
    'DATASET_TOO_SMALL',
    `verifier: none of the ${probes.count} probes shows one of the ${gallery.labels.length} names in the gallery. ` +
      'Collect more images for each name, or raise split.probe.',
  );

const notNumbers = () =>
  new PipelineError('MODEL_INVALID', 'verifier: the model yields embeddings that are not numbers; did it diverge?');
